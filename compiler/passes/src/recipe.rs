//! Recipes: parts of a function that need weights only become new weights.

use std::collections::BTreeSet;

use treville_hlil::{Elem, Hlil, Weights, WeightsError};
use treville_ir::{Arg, ArgKind, Diagnostic, Func, FuncResult, Rewriter, TensorType, ValueId, attrs};

/// The name itself, or with a number behind it where the store has it already.
pub(crate) fn unused_name(weights: &Weights, name: &str) -> String {
    let numbered = (2..).map(|n| format!("{name}.{n}"));
    let free = std::iter::once(name.to_string()).chain(numbered).find(|name| !weights.contains(name));
    free.expect("invariant: the numbers do not end")
}

/// Adds a second name for a weight.
pub(crate) fn add_alias(weights: &mut Weights, alias: &str, name: &str, arg: &Arg<Elem>) -> Result<(), Diagnostic> {
    let mut func = Func::<Hlil>::new("recipe");
    let x = func.add_arg(Arg::new(name, arg.ty.clone(), &arg.owner, ArgKind::Weight));
    let shape: Vec<i64> = arg.ty.shape.iter().map(|&size| size as i64).collect();
    let y = func.push1("reshape", &[x], attrs! { shape: shape }, name)?;
    func.set_results(vec![FuncResult::new(y, alias, &arg.owner)]);
    add(weights, alias, func)
}

/// Adds the recipe of `value`, which depends on weights only, and returns the new weight's name and type.
///
/// The name is that of the first weight in it, with `.folded` behind it.
pub(crate) fn add_value(
    weights: &mut Weights,
    func: &Func<Hlil>,
    value: ValueId,
    owner: &str,
) -> Result<(String, TensorType<Elem>), Diagnostic> {
    let cone = cone(func, value, owner)?;
    let first = cone.args().next().map_or("constant", |(_, arg)| &arg.name);
    let name = unused_name(weights, &format!("{}.folded", first.split(".folded").next().unwrap_or(first)));
    add(weights, &name, cone)?;
    Ok((name, func.ty(value).clone()))
}

/// The part of a function that computes `value`, as a function of the weights in it.
pub(crate) fn cone(func: &Func<Hlil>, value: ValueId, owner: &str) -> Result<Func<Hlil>, Diagnostic> {
    let (mut args, mut ops) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match func.defining_op(value) {
            None => drop(args.insert(value)),
            Some((id, op)) if ops.insert(id) => open.extend(&op.operands),
            Some(_) => {}
        }
    }
    let mut rw = Rewriter::new(func);
    for arg in args {
        rw.copy_arg(arg);
    }
    for op in ops {
        rw.copy(op)?;
    }
    let result = FuncResult::new(rw.get(value)?, "y", owner);
    Ok(rw.finish_with(vec![result]))
}

fn add(weights: &mut Weights, name: &str, func: Func<Hlil>) -> Result<(), Diagnostic> {
    let inputs = func.args().map(|(_, arg)| arg.name.clone()).collect();
    weights.add_recipe(name, func, inputs).map_err(|e: WeightsError| {
        Diagnostic::error("E0304", format!("weights cannot be folded: {e}"))
            .at_node(name, "here")
            .with_help("is the weights file the one of this program?")
    })
}
