//! What terms cost: each is lowered by itself, and the backend asked.

use std::collections::BTreeMap;

use egg::Id;
use treville_hlil::{Hlil, Scalar, Weights};
use treville_ir::{Arg, ArgKind, Attr, Func, FuncResult, attrs};

use super::terms::{Graph, Term, origin, terms, ty};
use crate::origin::Origin;
use crate::{Module, Options, Price, Prices, hlil_fold_constants, hlil_to_llil, llil_lazy_scale_down};

/// Prices of terms, each kind of them asked for once.
pub(super) struct Pricing<'a> {
    options: &'a Options,
    prices: &'a Prices,
    known: BTreeMap<String, Option<f64>>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(options: &'a Options, prices: &'a Prices) -> Self {
        Self { options, prices, known: BTreeMap::new() }
    }

    /// Seconds that an op of a class takes beside its operands; `None` where it cannot be lowered by itself.
    ///
    /// A fixed operand counts as a weight of its own.
    pub(super) fn seconds(&mut self, graph: &Graph, id: Id, term: &Term) -> Option<f64> {
        if term.op().is_empty() || origin(graph, id).is_fixed() {
            return Some(0.0);
        }
        let mut key = format!("{} {:?}", term.op(), term.attrs());
        for (i, &operand) in term.operands.iter().enumerate() {
            let first = term.operands.iter().position(|other| *other == operand).unwrap_or(i);
            key += &format!(", {first} {} {:?}", ty(graph, operand), kind(graph, operand));
        }
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let seconds = self.lowered(graph, term);
        self.known.insert(key, seconds);
        seconds
    }

    fn lowered(&self, graph: &Graph, term: &Term) -> Option<f64> {
        let mut func = Func::<Hlil>::new("term");
        let mut values = BTreeMap::new();
        for &operand in &term.operands {
            if values.contains_key(&operand) {
                continue;
            }
            let (name, ty) = (format!("x{operand}"), ty(graph, operand));
            let value = match origin(graph, operand) {
                Origin::Secret => func.add_arg(Arg::new(name, ty.clone(), "client", ArgKind::Input)),
                Origin::Weights(owner) => func.add_arg(Arg::new(name, ty.clone(), owner, ArgKind::Weight)),
                Origin::Public => {
                    let shape: Vec<i64> = ty.shape.iter().map(|&n| n as i64).collect();
                    let values = public(graph, operand).unwrap_or_else(|| match ty.elem.scalar {
                        Scalar::F32 => Attr::from([1.0]),
                        Scalar::I64 => Attr::from([1i64]),
                    });
                    func.push1("constant", &[], attrs! { shape: shape, values: values }, "term").ok()?
                }
            };
            values.insert(operand, value);
        }
        let mut nothing = Func::<Hlil>::new("term");
        for (_, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Input) {
            nothing.add_arg(arg.clone());
        }
        let operands: Vec<_> = term.operands.iter().map(|operand| values[operand]).collect();
        let value = func.push1(term.op(), &operands, term.attrs().clone(), "term").ok()?;
        // Revealed to nobody.
        func.set_results(vec![FuncResult { owners: Vec::new(), ..FuncResult::new(value, "y", "") }]);
        let price = self.of(func, Weights::default())? - self.of(nothing, Weights::default())?;
        Some(self.options.network.seconds(price))
    }

    /// The price of a whole program.
    pub(super) fn whole(&self, func: &Func<Hlil>, weights: &Weights) -> Option<Price> {
        self.of(func.clone(), weights.clone())
    }

    fn of(&self, func: Func<Hlil>, weights: Weights) -> Option<Price> {
        let mut module = Module::Hlil(func, weights);
        for pass in [&hlil_fold_constants::PASS, &hlil_to_llil::PASS, &llil_lazy_scale_down::PASS] {
            module = (pass.run)(module, self.options).ok()?;
        }
        self.prices.of(&module.llil()?.without_dead_ops()).ok()
    }
}

/// What a class counts as: computed, a weight, or a public constant.
fn kind(graph: &Graph, id: Id) -> u8 {
    match origin(graph, id) {
        Origin::Secret => 0,
        Origin::Weights(_) => 1,
        Origin::Public => 2,
    }
}

/// The numbers of a public constant, if it is written down as one.
fn public(graph: &Graph, id: Id) -> Option<Attr> {
    terms(graph, id).find(|term| term.op() == "constant").map(|term| term.attrs()["values"].clone())
}
