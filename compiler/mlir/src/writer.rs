//! The text of a function in upstream dialects, grown line by line.

use std::fmt::Write;

/// A tensor of the function that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// Its name, with the percent sign.
    pub(crate) name: String,
    /// Its shape.
    pub(crate) shape: Vec<usize>,
    /// The type of its elements: `i64`, `f32`.
    pub(crate) elem: String,
}

impl Value {
    pub(crate) fn ty(&self) -> String {
        tensor(&self.shape, &self.elem)
    }
}

/// The type of a tensor.
pub(crate) fn tensor(shape: &[usize], elem: &str) -> String {
    format!("tensor<{}{elem}>", dims(shape))
}

/// The instructions of arithmetic on elements of a type.
pub(crate) struct Words {
    pub(crate) add: &'static str,
    pub(crate) sub: &'static str,
    pub(crate) mul: &'static str,
    pub(crate) div: &'static str,
    pub(crate) max: &'static str,
    pub(crate) zero: &'static str,
}

/// The instructions for this type.
pub(crate) fn words(elem: &str) -> Words {
    if elem.starts_with('f') {
        Words { add: "addf", sub: "subf", mul: "mulf", div: "divf", max: "maximumf", zero: "0.0" }
    } else {
        Words { add: "addi", sub: "subi", mul: "muli", div: "divsi", max: "maxsi", zero: "0" }
    }
}

/// The dimensions of a type, each with its `x`.
pub(crate) fn dims(shape: &[usize]) -> String {
    shape.iter().map(|n| format!("{n}x")).collect()
}

/// The lines so far.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) lines: String,
    next: usize,
}

/// An operand of a loop nest: a value, and for each of its axes the index as an affine expression of the loops `d0`, `d1`, ...
pub(crate) struct Access<'a> {
    pub(crate) value: &'a Value,
    pub(crate) map: Vec<String>,
}

impl Writer {
    /// A new name.
    pub(crate) fn fresh(&mut self) -> String {
        self.next += 1;
        format!("%v{}", self.next)
    }

    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.lines, "  {text}");
    }

    /// A line that defines a tensor.
    pub(crate) fn define(&mut self, shape: &[usize], elem: &str, text: &str) -> Value {
        let name = self.fresh();
        self.line(&format!("{name} = {text}"));
        Value { name, shape: shape.to_vec(), elem: elem.to_string() }
    }

    /// A tensor of one number throughout, or of these, in order.
    pub(crate) fn constant<T: ToString>(&mut self, shape: &[usize], elem: &str, values: &[T]) -> Value {
        let data = match values {
            [one] => one.to_string(),
            many => nested(shape, &many.iter().map(T::to_string).collect::<Vec<_>>()),
        };
        let ty = tensor(shape, elem);
        self.define(shape, elem, &format!("arith.constant dense<{data}> : {ty}"))
    }

    /// The same elements in another shape.
    pub(crate) fn reshape(&mut self, x: &Value, shape: &[usize]) -> Value {
        if x.shape == shape {
            return x.clone();
        }
        let sizes = self.fresh();
        let n = shape.len();
        let list = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let list =
            if n == 0 { "dense<> : tensor<0xindex>".into() } else { format!("dense<[{list}]> : tensor<{n}xindex>") };
        self.line(&format!("{sizes} = arith.constant {list}"));
        let ty = tensor(shape, &x.elem);
        self.define(
            shape,
            &x.elem,
            &format!("tensor.reshape {}({sizes}) : ({}, tensor<{n}xindex>) -> {ty}", x.name, x.ty()),
        )
    }

    /// A loop nest: for each place of `init` and each of `n_reduced` further loops, `body` yields the new element from `%a0`, `%a1`, ...
    /// and the old one, `%o`. Its lines define `%y`.
    pub(crate) fn nest(&mut self, reads: &[Access<'_>], init: &Value, n_reduced: usize, body: &[String]) -> Value {
        let rank = init.shape.len();
        let loops = (0..rank + n_reduced).map(|i| format!("d{i}")).collect::<Vec<_>>().join(", ");
        let map = |indices: &[String]| format!("affine_map<({loops}) -> ({})>", indices.join(", "));
        let own: Vec<String> = (0..rank).map(|i| format!("d{i}")).collect();
        let maps: Vec<String> = reads.iter().map(|read| map(&read.map)).chain([map(&own)]).collect();
        let kinds: Vec<&str> =
            (0..rank).map(|_| "\"parallel\"").chain((0..n_reduced).map(|_| "\"reduction\"")).collect();
        let names: Vec<&str> = reads.iter().map(|read| read.value.name.as_str()).collect();
        let types: Vec<String> = reads.iter().map(|read| read.value.ty()).collect();
        let ins =
            if reads.is_empty() { String::new() } else { format!("ins({} : {}) ", names.join(", "), types.join(", ")) };
        let params: Vec<String> =
            reads.iter().enumerate().map(|(i, read)| format!("%a{i}: {}", read.value.elem)).collect();
        let params = params.into_iter().chain([format!("%o: {}", init.elem)]).collect::<Vec<_>>().join(", ");
        let name = self.fresh();
        self.line(&format!(
            "{name} = linalg.generic {{indexing_maps = [{}], iterator_types = [{}]}} {ins}outs({} : {}) {{",
            maps.join(", "),
            kinds.join(", "),
            init.name,
            init.ty()
        ));
        self.line(&format!("^bb0({params}):"));
        body.iter().for_each(|line| self.line(&format!("  {line}")));
        self.line(&format!("  linalg.yield %y : {}", init.elem));
        self.line(&format!("}} -> {}", init.ty()));
        Value { name, ..init.clone() }
    }

    /// Element by element with numpy's broadcasting: `body` defines `%y` from `%a0`, `%a1`, ...
    pub(crate) fn elementwise(&mut self, xs: &[&Value], shape: &[usize], elem: &str, body: &[String]) -> Value {
        let init = self.empty(shape, elem);
        let access = |value: &'_ Value| {
            let lead = shape.len() - value.shape.len();
            let index = |(i, n): (usize, &usize)| {
                if *n == 1 && shape[i + lead] != 1 { "0".into() } else { format!("d{}", i + lead) }
            };
            value.shape.iter().enumerate().map(index).collect::<Vec<String>>()
        };
        let reads: Vec<Access<'_>> = xs.iter().map(|value| Access { value, map: access(value) }).collect();
        self.nest(&reads, &init, 0, body)
    }

    /// A tensor without values.
    pub(crate) fn empty(&mut self, shape: &[usize], elem: &str) -> Value {
        self.define(shape, elem, &format!("tensor.empty() : {}", tensor(shape, elem)))
    }
}

/// The values of a dense constant, a list in a list for each axis.
fn nested(shape: &[usize], values: &[String]) -> String {
    match shape {
        [] => values.first().cloned().unwrap_or_default(),
        [n, rest @ ..] => {
            let size = rest.iter().product::<usize>();
            let parts: Vec<String> = (0..*n).map(|i| nested(rest, &values[i * size..(i + 1) * size])).collect();
            format!("[{}]", parts.join(", "))
        }
    }
}
