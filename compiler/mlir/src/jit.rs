//! Machine code of a lowered function.

use melior::ExecutionEngine;
use melior::pass::PassManager;
use melior::utility::parse_pass_pipeline;
use treville_hlil::Hlil;
use treville_ir::Func;
use treville_llil::Llil;

use crate::entry::{Boundary, Upstream, function};
use crate::{Mlir, MlirError, lower};

/// From linalg on tensors to the LLVM dialect.
const PIPELINE: &str = "builtin.module(one-shot-bufferize, canonicalize, cse, convert-linalg-to-loops, convert-math-to-llvm, convert-math-to-libm, buffer-deallocation-pipeline, expand-strided-metadata, lower-affine, convert-scf-to-cf, convert-bufferization-to-memref, finalize-memref-to-llvm, convert-index-to-llvm, convert-arith-to-llvm, convert-func-to-llvm, convert-cf-to-llvm, reconcile-unrealized-casts)";

/// MLIR's runtime library, as a C string: MLIR takes no length.
const RUNTIME: &str = concat!(env!("MLIR_SYS_220_PREFIX"), "/lib/libmlir_c_runner_utils.so\0");

/// A function as machine code.
pub struct Compiled {
    engine: ExecutionEngine,
    args: Vec<Tensor>,
    results: Vec<Tensor>,
}

/// The elements of a tensor in C order.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Ring elements, or integers.
    Words(Vec<u64>),
    /// Reals.
    Reals(Vec<f32>),
}

/// What is known of an argument or a result.
struct Tensor {
    shape: Vec<usize>,
    real: bool,
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

    /// Machine code of a fixed-point function.
    ///
    /// # Errors
    /// As [`Mlir::to_llvm`].
    pub fn compile(&self, func: &Func<Llil>) -> Result<Compiled, MlirError> {
        self.machine_code(func)
    }

    /// Machine code of a function of reals, with the functions of the machine's own libm.
    ///
    /// # Errors
    /// As [`crate::export`], and what MLIR has against it.
    pub fn compile_reals(&self, func: &Func<Hlil>) -> Result<Compiled, MlirError> {
        self.machine_code(func)
    }

    fn machine_code<D: Upstream>(&self, func: &Func<D>) -> Result<Compiled, MlirError> {
        let text = function(func, Boundary::Memrefs)?;
        let mut module = self.parse(&text)?;
        self.run_pipeline(&mut module)?;
        // Copies of parts of tensors are calls of MLIR's own runtime.
        let engine = ExecutionEngine::new(&module, 2, &[RUNTIME], false, false);
        let tensor = |ty: &treville_ir::TensorType<D::Elem>| Tensor {
            shape: ty.shape.clone(),
            real: D::outside(&ty.elem).starts_with('f'),
        };
        let args = func.args().map(|(_, arg)| tensor(&arg.ty)).collect();
        let results = func.results().iter().map(|result| tensor(func.ty(result.value))).collect();
        Ok(Compiled { engine, args, results })
    }

    fn run_pipeline(&self, module: &mut melior::ir::Module<'_>) -> Result<(), MlirError> {
        let manager = PassManager::new(&self.context);
        parse_pass_pipeline(manager.as_operation_pass_manager(), PIPELINE)
            .map_err(|e| MlirError::Lowering(e.to_string()))?;
        manager.run(module).map_err(|e| MlirError::Lowering(format!("{e}\n{}", self.complaints())))
    }
}

impl Elements {
    fn zeros(of: &Tensor) -> Self {
        let n = of.shape.iter().product();
        if of.real { Elements::Reals(vec![0.0; n]) } else { Elements::Words(vec![0; n]) }
    }

    fn fit(&self, tensor: &Tensor) -> bool {
        let (n, real) = match self {
            Elements::Words(words) => (words.len(), false),
            Elements::Reals(reals) => (reals.len(), true),
        };
        n == tensor.shape.iter().product::<usize>() && real == tensor.real
    }

    fn start(&mut self) -> usize {
        match self {
            Elements::Words(words) => words.as_mut_ptr() as usize,
            Elements::Reals(reals) => reals.as_mut_ptr() as usize,
        }
    }
}

impl Compiled {
    /// Runs it on the arguments, in order, and returns the results likewise.
    ///
    /// # Errors
    /// [`MlirError::Argument`] for one that has not the elements of its type.
    pub fn run(&self, args: &[Elements]) -> Result<Vec<Elements>, MlirError> {
        let fits = |i: usize| args.get(i).is_some_and(|elements| elements.fit(&self.args[i]));
        if let Some(index) = (0..self.args.len()).find(|&i| !fits(i)) {
            return Err(MlirError::Argument { index });
        }
        let mut tensors = args[..self.args.len()].to_vec();
        tensors.extend(self.results.iter().map(Elements::zeros));
        let types = self.args.iter().chain(&self.results);
        let mut descriptors: Vec<Vec<usize>> =
            tensors.iter_mut().zip(types).map(|(elements, of)| descriptor(elements.start(), &of.shape)).collect();
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
fn descriptor(start: usize, shape: &[usize]) -> Vec<usize> {
    let strides = (0..shape.len()).map(|i| shape[i + 1..].iter().product());
    [start, start, 0].into_iter().chain(shape.iter().copied()).chain(strides).collect()
}
