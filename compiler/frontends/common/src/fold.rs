//! Computes at import what only public constants feed, by the evaluator: such are the shapes of other values.

use crate::import::Importer;
use crate::{Constant, Node, NumType, Result, Role, Val};
use indexmap::IndexMap;
use std::rc::Rc;
use treville_hlil::{Hlil, Tensor, evaluate};
use treville_ir::{Diagnostic, Func, FuncResult};

/// So many elements the values of a fold may have together. Beyond it the node stays in the program.
const MAX_ELEMENTS: usize = 1 << 22;
/// So many products a matrix product may take in a fold.
const MAX_PRODUCTS: usize = 1 << 26;

impl Importer<'_> {
    /// The values of a node all of whose inputs are public constants: it is imported into a function of its own, which is
    /// evaluated. None where the node is no such, or its values would be costly.
    pub(crate) fn fold(&mut self, idx: usize, inputs: &[Option<Val>]) -> Result<Option<Vec<Val>>> {
        let is_public = |val: &Val| matches!(val, Val::Const(c) if c.public);
        let given = || inputs.iter().flatten();
        let is_op = self.graph.nodes[idx].role == Role::Op && !self.graph.branches.contains_key(&idx);
        if !is_op || given().next().is_none() || !given().all(is_public) {
            return Ok(None);
        }
        let n_elements = given().filter_map(|val| if let Val::Const(c) = val { Some(c.len()) } else { None });
        if n_elements.fold(0, usize::saturating_add) > MAX_ELEMENTS {
            return Ok(None);
        }
        let main = std::mem::replace(&mut self.func, Func::new("fold"));
        let constants = std::mem::take(&mut self.constants);
        self.folding = Some(IndexMap::new());
        self.foldable = true;
        let vals = self.model.import(Node::new(self, idx, inputs.to_vec()));
        let args = self.folding.take().unwrap_or_default();
        let func = std::mem::replace(&mut self.func, main);
        self.constants = constants;
        let vals = vals?;
        if vals.iter().all(|val| matches!(val, Val::Const(_))) {
            return Ok(Some(vals));
        }
        if !self.foldable || is_costly(&func) {
            return Ok(None);
        }
        self.evaluate(idx, inputs, vals, func, &args).map(Some)
    }

    fn evaluate(
        &mut self,
        idx: usize,
        inputs: &[Option<Val>],
        vals: Vec<Val>,
        mut func: Func<Hlil>,
        args: &IndexMap<String, Tensor>,
    ) -> Result<Vec<Val>> {
        let node = &self.graph.nodes[idx];
        let fault = |why: String| Diagnostic::error("E0117", why).at_node(&node.name, "this node");
        let results = vals.iter().enumerate().filter_map(|(i, val)| match val {
            Val::Data(value) => Some(FuncResult::new(*value, format!("{i}"), "public")),
            _ => None,
        });
        func.set_results(results.collect());
        let made = func.results().iter().map(|r| func.ty(r.value).elements()).fold(0, usize::saturating_add);
        self.made = self.made.checked_sub(made).ok_or_else(|| {
            fault(format!("{} `{}` makes a constant of {made} elements, too many", node.op, node.name))
                .with_help("at most 2^24 elements of computed constants are supported")
        })?;
        let computed = evaluate(&func, args)
            .map_err(|error| fault(format!("{} `{}` cannot be computed: {error}", node.op, node.name)))?;
        let mut computed = computed.into_iter();
        let finish = |(i, val): (usize, Val)| {
            let (Val::Data(_), Some(values)) = (&val, computed.next()) else { return Ok(val) };
            let dtype = result_type(inputs, &values);
            if let Tensor::I64(a) = &values
                && let Some(v) = dtype.misfit(a)
            {
                let message = format!("{} `{}`: its value {v} does not fit {dtype}", node.op, node.name);
                return Err(fault(message).with_help("the file is damaged, or it counts on numbers that wrap").into());
            }
            let name = if i == 0 { node.name.clone() } else { format!("{}:{i}", node.name) };
            Ok(Val::Const(Rc::new(Constant::new(name, dtype, values, true))))
        };
        vals.into_iter().enumerate().map(finish).collect()
    }
}

/// The type of a result: of the inputs' types of its kind, the one that holds most.
fn result_type(inputs: &[Option<Val>], values: &Tensor) -> NumType {
    let mut types =
        inputs.iter().flatten().filter_map(|val| if let Val::Const(c) = val { Some(c.dtype) } else { None });
    match values {
        Tensor::F32(_) => types.find(|t| t.is_float()).unwrap_or(NumType::F32),
        Tensor::I64(_) => {
            types.max_by_key(|t| t.range.map(|(_, high)| high)).filter(|t| t.is_int()).unwrap_or(NumType::I64)
        }
    }
}

/// Whether evaluating the function would take noticeable time or memory.
fn is_costly(func: &Func<Hlil>) -> bool {
    let elements = func.values().map(|(_, value)| value.ty.elements()).fold(0, usize::saturating_add);
    elements > MAX_ELEMENTS
        || func.ops().any(|(_, op)| match op.def.mnemonic {
            "conv" | "conv_transpose" | "max_pool" | "avg_pool" => true,
            "matmul" => {
                let inner = func.ty(op.operands[0]).shape.last().copied().unwrap_or(1);
                func.ty(op.results[0]).elements().saturating_mul(inner) > MAX_PRODUCTS
            }
            _ => false,
        })
}
