//! Row tests: an op table checked by its own examples and counterexamples.

use crate::{BuildError, Dialect, Func, OpDef, OpKey, parse, render, text};

/// Everything that is wrong with a dialect's op table; its test asserts that this is empty.
///
/// Each op needs a summary, a source and an example; each example must verify with the types that it declares and survive a round trip
/// through text; each constraint needs a counterexample, which must be refused by exactly that constraint.
pub fn complaints<D: Dialect>() -> Vec<String> {
    D::ops().iter().flat_map(|def| row(def).into_iter().map(move |c| format!("{}: {c}", def.full_name()))).collect()
}

/// The function around an example or counterexample, whose operands are its arguments and whose results are its results.
///
/// # Errors
/// What is wrong with it.
pub fn example<D: Dialect>(line: &str) -> Result<Func<D>, crate::Diagnostic> {
    Ok(text::parse_row::<D>(line)?.build()?)
}

fn row<D: Dialect>(def: &'static OpDef<D>) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |holds: bool, complaint: String| {
        if !holds {
            out.push(complaint);
        }
    };
    let same = OpKey::<D>::resolve(def.mnemonic).is_ok_and(|found| std::ptr::eq(found, def));
    check(same, "another op has its mnemonic".into());
    check(!def.summary.is_empty() && !def.source.is_empty(), "it lacks its summary or source".into());
    check(!def.examples.is_empty(), "it has no example".into());
    let n_variadic = def.operands.iter().filter(|o| o.variadic).count();
    check(n_variadic == usize::from(def.is_variadic()), "only the last operand may be variadic".into());
    for (i, (id, text)) in def.constraints.iter().enumerate() {
        check(*id == format!("C{}", i + 1) && !text.is_empty(), format!("constraint {id} is out of order or empty"));
        check(def.counterexamples.iter().any(|(c, _)| c == id), format!("{id} has no counterexample"));
    }
    for line in def.examples {
        let fault = example_fault(def, line);
        check(fault.is_none(), format!("example `{line}`: {}", fault.unwrap_or_default()));
    }
    for (id, line) in def.counterexamples {
        let fault = counterexample_fault(def, id, line);
        check(fault.is_none(), format!("counterexample `{line}`: {}", fault.unwrap_or_default()));
    }
    out
}

fn example_fault<D: Dialect>(def: &'static OpDef<D>, line: &str) -> Option<String> {
    let row = match text::parse_row::<D>(line) {
        Ok(row) => row,
        Err(e) => return Some(render([&e], &crate::Listing::of_text("example", line), false)),
    };
    let func = match row.build() {
        Ok(func) => func,
        Err(e) => return Some(e.to_string()),
    };
    if row.def != def {
        return Some("it is of another op".into());
    }
    let inferred: Vec<_> = func.results().iter().map(|r| func.ty(r.value)).collect();
    if !row.declared.iter().eq(inferred.iter().copied()) {
        let types: Vec<_> = inferred.iter().map(|t| t.to_string()).collect();
        return Some(format!("the inferred type is {}", types.join(", ")));
    }
    if let Err(e) = func.verify() {
        return Some(render(&e, &crate::Listing::default(), false));
    }
    let printed = func.to_string();
    match parse::<D>(&printed) {
        Err(e) => Some(render(&e, &crate::Listing::of_text("example", &*printed), false)),
        Ok(again) => (again != func || again.to_string() != printed).then(|| "the round trip changes it".into()),
    }
}

fn counterexample_fault<D: Dialect>(def: &'static OpDef<D>, id: &str, line: &str) -> Option<String> {
    let row = match text::parse_row::<D>(line) {
        Ok(row) if row.def == def => row,
        Ok(_) => return Some("it is of another op".into()),
        Err(e) => return Some(render([&e], &crate::Listing::of_text("counterexample", line), false)),
    };
    match row.build() {
        Err(BuildError::Constraint { violation, .. }) if violation.constraint == id => {
            def.constraint(id).is_none().then(|| format!("{id} is not declared"))
        }
        Err(e) => Some(format!("it breaks something else than {id}: {e}")),
        Ok(_) => Some(format!("it does not break {id}")),
    }
}
