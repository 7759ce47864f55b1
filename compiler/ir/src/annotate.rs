//! Annotations: what analyses know, written beside the ops and checked by the verifier.

use crate::{Attr, AttrKind, Dialect, Func, Op, OpId, Use, ValueDef, ValueId};

/// A known annotation.
#[derive(Clone, Copy, Debug)]
pub struct AnnotationDef {
    /// Its key; text shows it with the dialect's prefix.
    pub key: &'static str,
    /// What values it takes.
    pub kind: AttrKind,
    /// What it means.
    pub doc: &'static str,
}

/// All annotations that there are.
pub static ANNOTATIONS: &[AnnotationDef] = &[
    AnnotationDef { key: "range", kind: AttrKind::Floats, doc: "least and greatest value, as reals" },
    AnnotationDef { key: "range_origin", kind: AttrKind::Str, doc: "`proven` or `calibrated`" },
    AnnotationDef { key: "frac", kind: AttrKind::Int, doc: "fraction bits that the value is to have" },
    AnnotationDef {
        key: "mean_abs",
        kind: AttrKind::Float,
        doc: "the greatest mean magnitude that the elements had on a sample of the calibration",
    },
    AnnotationDef {
        key: "modulus",
        kind: AttrKind::Floats,
        doc: "two numbers a and b: where what is compared above is off by n units, the result is off by at most a n + b units",
    },
    AnnotationDef { key: "err", kind: AttrKind::Float, doc: "bound on the error, in units of the last place" },
    AnnotationDef {
        key: "strand",
        kind: AttrKind::Ints,
        doc: "for each level, which join of its strand the op is in, and in which branch: branches of a join run side by side",
    },
    AnnotationDef {
        key: "frees",
        kind: AttrKind::Ints,
        doc: "indices of the operands that have their last use here, or in another branch of a join that this op is in",
    },
];

/// What an annotation is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An op.
    Op(OpId),
    /// A value: an argument, or the op that defines it.
    Value(ValueId),
}

impl From<OpId> for Target {
    fn from(op: OpId) -> Self {
        Self::Op(op)
    }
}

impl From<ValueId> for Target {
    fn from(value: ValueId) -> Self {
        Self::Value(value)
    }
}

impl<D: Dialect> Func<D> {
    /// Attaches an analysis result; [`Func::verify`] checks it against [`ANNOTATIONS`].
    ///
    /// # Panics
    /// Where the target is of another function.
    pub fn annotate(&mut self, target: impl Into<Target>, key: &str, attr: Attr) {
        let map = match self.place(target.into()) {
            Place::Op(index) => &mut self.ops[index].annotations,
            Place::Arg(index) => &mut self.args[index].annotations,
        };
        map.insert(key.to_string(), attr);
    }

    /// An analysis result, where there is one.
    ///
    /// # Panics
    /// Where the target is of another function.
    pub fn annotation(&self, target: impl Into<Target>, key: &str) -> Option<&Attr> {
        match self.place(target.into()) {
            Place::Op(index) => self.ops[index].annotations.get(key),
            Place::Arg(index) => self.args[index].annotations.get(key),
        }
    }

    /// Removes an annotation everywhere.
    pub fn clear_annotation(&mut self, key: &str) {
        let ops = self.ops.iter_mut().map(|op| &mut op.annotations);
        let args = self.args.iter_mut().map(|arg| &mut arg.annotations);
        ops.chain(args).for_each(|map| drop(map.shift_remove(key)));
    }

    /// What is wrong with an annotation of `op` (`None`: of an argument).
    pub(crate) fn annotation_fault(&self, op: Option<OpId>, key: &str, attr: &Attr) -> Option<String> {
        let Some(def) = ANNOTATIONS.iter().find(|a| a.key == key) else {
            return Some(format!("there is no annotation `{key}`"));
        };
        if !def.kind.accepts(attr) {
            return Some(format!("annotation `{key}` must be {}, not {}", def.kind, attr.kind()));
        }
        match (key, attr) {
            ("range", Attr::Floats(v)) if v.len() == 2 && v[0] <= v[1] => None,
            ("range", _) => Some("annotation `range` must be two numbers in ascending order".into()),
            ("range_origin", Attr::Str(s)) if s == "proven" || s == "calibrated" => None,
            ("range_origin", _) => Some("annotation `range_origin` must be `proven` or `calibrated`".into()),
            ("modulus", Attr::Floats(v)) if v.len() == 2 && v.iter().all(|v| *v >= 0.0) => None,
            ("modulus", _) => Some("annotation `modulus` must be two numbers that are not negative".into()),
            ("frac", Attr::Int(bits)) if (0..64).contains(bits) => None,
            ("frac", _) => Some("annotation `frac` must be 0 to 63".into()),
            ("mean_abs", Attr::Float(v)) if *v >= 0.0 && v.is_finite() => None,
            ("mean_abs", _) => Some("annotation `mean_abs` must be a number that is not negative".into()),
            ("err", Attr::Float(v)) if *v >= 0.0 => None,
            ("err", _) => Some("annotation `err` must not be negative".into()),
            ("strand", Attr::Ints(path)) => match op {
                Some(op) => self.strand_fault(op, path),
                None => Some("annotation `strand` belongs to an op".into()),
            },
            ("frees", Attr::Ints(list)) => match op {
                Some(op) => self.frees_fault(op, list),
                None => Some("annotation `frees` belongs to an op".into()),
            },
            _ => None,
        }
    }

    /// Branches come one after the other, in ascending order, and use nothing of each other.
    fn strand_fault(&self, id: OpId, path: &[i64]) -> Option<String> {
        if path.len() % 2 == 1 || path.iter().any(|n| *n < 0) {
            return Some("annotation `strand` must be pairs of numbers that are not negative".into());
        }
        let path_of = |op: &Op<D>| op.annotations.get("strand").and_then(Attr::as_ints).unwrap_or_default().to_vec();
        let parting = |other: &[i64]| path.iter().zip(other).position(|(a, b)| a != b);
        let before = id.index().checked_sub(1).map(|before| path_of(&self.ops[before])).unwrap_or_default();
        if parting(&before).is_some_and(|at| path[at] < before[at]) {
            return Some("annotation `strand` must ascend from op to op".into());
        }
        let of_a_sibling = self.op(id).operands.iter().filter_map(|v| self.defining_op(*v)).find(|(_, op)| {
            // Parting at a branch, not at a join.
            parting(&path_of(op)).is_some_and(|at| at % 2 == 1)
        });
        of_a_sibling.map(|(_, op)| format!("annotation `strand` puts it beside `{}`, which it uses", op.loc))
    }

    fn frees_fault(&self, id: OpId, list: &[i64]) -> Option<String> {
        let op = self.op(id);
        for &index in list {
            let Some(&value) = usize::try_from(index).ok().and_then(|i| op.operands.get(i)) else {
                return Some(format!("annotation `frees` names operand {index} of {}", op.operands.len()));
            };
            let used_later = |use_: Use| match use_ {
                Use::Operand(user, _) => user > id,
                Use::Result(_) => true,
            };
            if self.uses_of(value).any(used_later) {
                return Some(format!("annotation `frees` names operand {index}, which is used later"));
            }
        }
        None
    }

    fn uses_of(&self, value: ValueId) -> impl Iterator<Item = Use> + '_ {
        let operands = self.ops().flat_map(move |(id, op)| {
            let hits = op.operands.iter().enumerate().filter(move |(_, v)| **v == value);
            hits.map(move |(i, _)| Use::Operand(id, i))
        });
        let results = self.results().iter().enumerate().filter(move |(_, r)| r.value == value);
        operands.chain(results.map(|(i, _)| Use::Result(i)))
    }

    fn place(&self, target: Target) -> Place {
        match target {
            Target::Op(op) => Place::Op(op.index()),
            Target::Value(value) => match self.value(value).def {
                ValueDef::Arg(index) => Place::Arg(index),
                ValueDef::Op(op, _) => Place::Op(op.index()),
            },
        }
    }
}

enum Place {
    Op(usize),
    Arg(usize),
}
