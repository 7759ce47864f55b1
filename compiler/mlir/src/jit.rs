//! Machine code of a lowered function.

use melior::ExecutionEngine;
use melior::pass::PassManager;
use melior::utility::parse_pass_pipeline;
use treville_ir::Func;
use treville_llil::Llil;

use crate::{Mlir, MlirError, lower};

/// From linalg on tensors to the LLVM dialect.
const PIPELINE: &str = "builtin.module(one-shot-bufferize, canonicalize, cse, convert-linalg-to-loops, buffer-deallocation-pipeline, expand-strided-metadata, lower-affine, convert-scf-to-cf, convert-bufferization-to-memref, finalize-memref-to-llvm, convert-index-to-llvm, convert-arith-to-llvm, convert-func-to-llvm, convert-cf-to-llvm, reconcile-unrealized-casts)";

/// MLIR's runtime library, as a C string: MLIR takes no length.
const RUNTIME: &str = concat!(env!("MLIR_SYS_220_PREFIX"), "/lib/libmlir_c_runner_utils.so\0");

/// A function as machine code.
pub struct Compiled {
    engine: ExecutionEngine,
    args: Vec<Vec<usize>>,
    results: Vec<Vec<usize>>,
}

impl Mlir {
    /// The function in the LLVM dialect.
    ///
    /// # Errors
    /// As [`lower`], and what MLIR has against it.
    pub fn to_llvm(&self, func: &Func<Llil>) -> Result<String, MlirError> {
        let text = lower(func)?;
        let mut module = self.parse(&text)?;
        self.run_pipeline(&mut module)?;
        Ok(module.as_operation().to_string())
    }

    /// Machine code of a function.
    ///
    /// # Errors
    /// As [`Mlir::to_llvm`].
    pub fn compile(&self, func: &Func<Llil>) -> Result<Compiled, MlirError> {
        let text = lower(func)?;
        let mut module = self.parse(&text)?;
        self.run_pipeline(&mut module)?;
        // Copies of parts of tensors are calls of MLIR's own runtime.
        let engine = ExecutionEngine::new(&module, 2, &[RUNTIME], false, false);
        let args = func.args().map(|(_, arg)| arg.ty.shape.clone()).collect();
        let results = func.results().iter().map(|result| func.ty(result.value).shape.clone()).collect();
        Ok(Compiled { engine, args, results })
    }

    fn run_pipeline(&self, module: &mut melior::ir::Module<'_>) -> Result<(), MlirError> {
        let manager = PassManager::new(&self.context);
        parse_pass_pipeline(manager.as_operation_pass_manager(), PIPELINE)
            .map_err(|e| MlirError::Lowering(e.to_string()))?;
        manager.run(module).map_err(|e| MlirError::Lowering(format!("{e}\n{}", self.complaints())))
    }
}

impl Compiled {
    /// Runs it on the arguments, in order and in C order each, and returns the results likewise.
    ///
    /// # Errors
    /// [`MlirError::Argument`] for one that has not as many elements as its type.
    pub fn run(&self, args: &[Vec<u64>]) -> Result<Vec<Vec<u64>>, MlirError> {
        let mut tensors: Vec<Vec<u64>> = args.to_vec();
        for (index, (tensor, shape)) in tensors.iter().zip(&self.args).enumerate() {
            let expected = shape.iter().product();
            if tensor.len() != expected {
                return Err(MlirError::Argument { index, expected, found: tensor.len() });
            }
        }
        if tensors.len() != self.args.len() {
            return Err(MlirError::Argument { index: tensors.len(), expected: 1, found: 0 });
        }
        tensors.extend(self.results.iter().map(|shape| vec![0; shape.iter().product()]));
        let shapes = self.args.iter().chain(&self.results);
        let mut descriptors: Vec<Vec<usize>> =
            tensors.iter_mut().zip(shapes).map(|(tensor, shape)| descriptor(tensor, shape)).collect();
        let mut pointers: Vec<*mut usize> = descriptors.iter_mut().map(|words| words.as_mut_ptr()).collect();
        let mut packed: Vec<*mut ()> = pointers.iter_mut().map(|pointer| std::ptr::from_mut(pointer).cast()).collect();
        // SAFETY: `main` takes a pointer to a memref descriptor for each argument and result, in this order; the descriptors are of the
        // function's own types, and the tensors that they describe outlive the call.
        let done = unsafe { self.engine.invoke_packed("main", &mut packed) };
        done.map_err(|e| MlirError::Lowering(e.to_string()))?;
        Ok(tensors.split_off(self.args.len()))
    }
}

/// A memref descriptor: the allocation twice, no offset, sizes and strides.
fn descriptor(tensor: &mut [u64], shape: &[usize]) -> Vec<usize> {
    let start = tensor.as_mut_ptr() as usize;
    let strides = (0..shape.len()).map(|i| shape[i + 1..].iter().product());
    [start, start, 0].into_iter().chain(shape.iter().copied()).chain(strides).collect()
}
