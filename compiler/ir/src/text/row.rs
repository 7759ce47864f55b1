//! A single op as text: the form of the op tables' examples.

use std::collections::BTreeMap;

use super::{ast, read};
use crate::{Arg, ArgKind, Attrs, BuildError, Diagnostic, Dialect, Func, FuncResult, OpDef, TensorType};

/// An op with its operand types, not yet checked against the table.
pub(crate) struct Row<D: Dialect> {
    pub(crate) def: &'static OpDef<D>,
    operands: Vec<TensorType<D::Elem>>,
    attrs: Attrs,
    pub(crate) declared: Vec<TensorType<D::Elem>>,
    names: Vec<String>,
    loc: String,
}

/// Reads one op, such as `%0 = "hlil.relu"(%x) : (tensor<2xf32>) -> tensor<2xf32>`.
pub(crate) fn parse_row<D: Dialect>(text: &str) -> Result<Row<D>, Diagnostic> {
    let node = ast::parse_op(text)?;
    let mnemonic = node.name.node.strip_prefix(D::NAME).and_then(|rest| rest.strip_prefix('.')).unwrap_or("");
    let def = crate::OpKey::<D>::resolve(mnemonic)?;
    let kinds: BTreeMap<_, _> = def.attrs.iter().map(|a| (a.name, a.kind)).collect();
    let (attrs, _) = read::split_attrs::<D>(&node.attrs, &kinds)?;
    let types = |nodes: &[ast::TensorNode]| nodes.iter().map(read::tensor::<D>).collect::<Result<Vec<_>, _>>();
    let names = node.operands.iter().map(|name| name.node[1..].to_string()).collect();
    let (operands, declared) = (types(&node.signature.operands)?, types(&node.signature.results)?);
    Ok(Row { def, operands, attrs, declared, names, loc: node.loc })
}

impl<D: Dialect> Row<D> {
    /// A function around the op: its operands are the arguments, its results the results.
    pub(crate) fn build(&self) -> Result<Func<D>, BuildError> {
        let mut func = Func::new("example");
        let mut operands = Vec::new();
        for (name, ty) in self.names.iter().zip(&self.operands) {
            let known = func.arg(name).map(|(value, _)| value);
            let arg = || Arg::new(name, ty.clone(), "client", ArgKind::Input);
            operands.push(known.unwrap_or_else(|| func.add_arg(arg())));
        }
        let results = func.try_push(self.def, &operands, self.attrs.clone(), &self.loc)?;
        let name = |(i, value)| FuncResult::new(value, format!("y{i}"), "client");
        func.set_results(results.into_iter().enumerate().map(name).collect());
        Ok(func)
    }
}
