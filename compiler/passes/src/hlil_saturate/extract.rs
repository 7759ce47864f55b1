//! The choice of one term for each class, so that all that the results need costs least, shared terms counted once.
//!
//! First each class takes the term that is cheapest together with all below it, from the arguments up; then the program's other choices are tried
//! one at a time against the whole, which finds what pays only because something else is there already. Both end by themselves, and ties
//! go to the given program and to fewer terms, so that the result depends on nothing but the e-graph.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use egg::Id;
use treville_hlil::Hlil;
use treville_ir::{Attrs, Diagnostic, Func, OpDef, Rewriter, ValueId};

use super::pricing::Pricing;
use super::terms::{Graph, Head, Term, loc, origin, term};
use crate::analysis::range;

/// The term chosen for each class.
pub(super) struct Extraction {
    choices: BTreeMap<Id, usize>,
    candidates: BTreeMap<Id, Vec<Candidate>>,
    /// Whether this costs less than the given program, term by term.
    pub(super) saves: bool,
}

/// A term that may be chosen.
struct Candidate {
    term: Term,
    operands: Vec<Id>,
    seconds: f64,
}

/// The price of a set of terms.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Total {
    seconds: f64,
    n_terms: usize,
}

impl Total {
    /// Whether this is less than the other one by more than rounding errors, or as much with fewer terms.
    fn beats(self, other: Self) -> bool {
        let tolerance = 1e-9 * other.seconds;
        self.seconds < other.seconds - tolerance
            || self.seconds <= other.seconds + tolerance && self.n_terms < other.n_terms
    }
}

/// Rounds of trying other choices, at most.
const MAX_SWEEPS: usize = 8;

impl Extraction {
    /// Chooses terms for the results of `func`, whose values are in `classes`.
    pub(super) fn new(graph: &Graph, func: &Func<Hlil>, classes: &[Id], pricing: &mut Pricing<'_>) -> Self {
        let given = given(graph, func, classes);
        let mut candidates: BTreeMap<Id, Vec<Candidate>> = BTreeMap::new();
        for class in graph.classes() {
            let id = graph.find(class.id);
            let mut of_class = Vec::new();
            for (index, node) in class.nodes.iter().enumerate() {
                let term = term(graph, node);
                let operands: Vec<Id> = term.operands.iter().map(|&operand| graph.find(operand)).collect();
                let is_given = given.get(&id) == Some(&index);
                let priced = pricing.seconds(graph, id, &term);
                // What cannot be priced by itself is kept where it was given, and not brought in where it was not.
                let seconds = if is_given { priced.unwrap_or(0.0) } else { priced.unwrap_or(f64::INFINITY) };
                of_class.push(Candidate { term, operands, seconds });
            }
            candidates.insert(id, of_class);
        }
        let roots: Vec<Id> = func.results().iter().map(|r| graph.find(classes[r.value.index()])).collect();
        let mut extraction = Self { choices: given, candidates, saves: false };
        let before = extraction.total(graph, &roots).unwrap_or(Total { seconds: f64::INFINITY, n_terms: usize::MAX });
        let given = extraction.choices.clone();
        extraction.choose_from_below(graph, &given);
        let chosen = extraction.total(graph, &roots);
        if chosen.is_none_or(|chosen| before.beats(chosen)) {
            let chosen = std::mem::replace(&mut extraction.choices, given);
            // Classes that the given program does not have keep their choice.
            for (id, choice) in chosen {
                extraction.choices.entry(id).or_insert(choice);
            }
        }
        extraction.try_others(graph, &roots);
        extraction.saves = extraction.total(graph, &roots).is_some_and(|total| total.beats(before));
        extraction
    }

    /// The programs that differ from the given one in the choice for one class.
    pub(super) fn variants(graph: &Graph, func: &Func<Hlil>, classes: &[Id]) -> Result<Vec<Func<Hlil>>, Diagnostic> {
        let mut extraction = Self { choices: given(graph, func, classes), candidates: BTreeMap::new(), saves: false };
        for class in graph.classes() {
            let of_class = class.nodes.iter().map(|node| {
                let term = term(graph, node);
                let operands = term.operands.iter().map(|&operand| graph.find(operand)).collect();
                Candidate { term, operands, seconds: 0.0 }
            });
            extraction.candidates.insert(graph.find(class.id), of_class.collect());
        }
        let given = extraction.choices.clone();
        for &id in extraction.candidates.keys() {
            extraction.choices.entry(id).or_insert(0);
        }
        // Where the rule has found a value that was there before, the choice for its class is that value's.
        let unchanged = extraction.build(graph, func, classes)?.without_dead_ops();
        let mut found = if unchanged == func.without_dead_ops() { Vec::new() } else { vec![unchanged] };
        for (&id, &choice) in &given {
            for other in (0..extraction.candidates[&id].len()).filter(|&other| other != choice) {
                extraction.choices.insert(id, other);
                let roots: Vec<Id> = func.results().iter().map(|r| graph.find(classes[r.value.index()])).collect();
                if extraction.needed(&roots).is_some() {
                    found.push(extraction.build(graph, func, classes)?);
                }
            }
            extraction.choices.insert(id, choice);
        }
        Ok(found)
    }

    /// For each class the term that costs least with all below it.
    fn choose_from_below(&mut self, graph: &Graph, given: &BTreeMap<Id, usize>) {
        // By class: what it costs, and the classes that it needs with their prices, in order.
        let mut best: BTreeMap<Id, (Total, Vec<(Id, f64)>)> = BTreeMap::new();
        let mut choices: BTreeMap<Id, usize> = BTreeMap::new();
        loop {
            let mut changed = false;
            for (&id, candidates) in &self.candidates {
                for (index, candidate) in candidates.iter().enumerate().filter(|(_, c)| c.seconds.is_finite()) {
                    let below: Option<Vec<&Vec<(Id, f64)>>> =
                        candidate.operands.iter().map(|operand| best.get(operand).map(|(_, needs)| needs)).collect();
                    let Some(below) = below else { continue };
                    // Of a fixed class it does not matter what it is made of.
                    let is_fixed = origin(graph, id).is_fixed();
                    let needs = if is_fixed { Vec::new() } else { merged(&below) };
                    if needs.binary_search_by_key(&id, |(id, _)| *id).is_ok() {
                        continue;
                    }
                    let seconds = candidate.seconds + needs.iter().map(|(_, seconds)| seconds).sum::<f64>();
                    let total = Total { seconds, n_terms: needs.len() + usize::from(!is_fixed) };
                    let is_better = match best.get(&id) {
                        None => true,
                        Some((known, _)) if choices.get(&id) == Some(&index) => total.beats(*known),
                        Some((known, _)) => {
                            total.beats(*known) || !known.beats(total) && given.get(&id) == Some(&index) && !is_fixed
                        }
                    };
                    if is_better {
                        let mut needs = needs;
                        if !is_fixed {
                            let place = needs.partition_point(|(other, _)| *other < id);
                            needs.insert(place, (id, candidate.seconds));
                        }
                        changed |=
                            choices.insert(id, index) != Some(index) || best.get(&id).is_none_or(|b| b.0 != total);
                        best.insert(id, (total, needs));
                    }
                }
            }
            if !changed {
                break;
            }
        }
        self.choices = choices;
    }

    /// Takes other terms for single classes as long as the whole gets cheaper.
    fn try_others(&mut self, graph: &Graph, roots: &[Id]) {
        let Some(mut total) = self.total(graph, roots) else { return };
        for _ in 0..MAX_SWEEPS {
            let mut improved = false;
            for id in self.needed(roots).unwrap_or_default() {
                if origin(graph, id).is_fixed() {
                    continue;
                }
                for other in 0..self.candidates[&id].len() {
                    let choice = self.choices[&id];
                    if other == choice || !self.candidates[&id][other].seconds.is_finite() {
                        continue;
                    }
                    self.choices.insert(id, other);
                    match self.total(graph, roots) {
                        Some(cheaper) if cheaper.beats(total) => (total, improved) = (cheaper, true),
                        _ => drop(self.choices.insert(id, choice)),
                    }
                }
            }
            if !improved {
                break;
            }
        }
    }

    /// The price of what the roots need; `None` where the choices do not end at arguments.
    fn total(&self, graph: &Graph, roots: &[Id]) -> Option<Total> {
        // What is fixed becomes one weight, however many terms it is made of.
        let needed = self.needed(roots)?.into_iter().filter(|&id| !origin(graph, id).is_fixed()).collect::<Vec<_>>();
        let seconds = needed.iter().map(|id| self.candidates[id][self.choices[id]].seconds).sum();
        Some(Total { seconds, n_terms: needed.len() })
    }

    /// The classes that the roots need, operands first; `None` where the choices go round in a circle or are missing.
    fn needed(&self, roots: &[Id]) -> Option<Vec<Id>> {
        let mut done: BTreeMap<Id, bool> = BTreeMap::new();
        let mut order = Vec::new();
        let mut open: Vec<(Id, bool)> = roots.iter().rev().map(|&root| (root, false)).collect();
        while let Some((id, is_left)) = open.pop() {
            if is_left {
                done.insert(id, true);
                order.push(id);
                continue;
            }
            match done.get(&id) {
                Some(true) => continue,
                Some(false) => return None,
                None => {}
            }
            done.insert(id, false);
            open.push((id, true));
            let candidate = &self.candidates[&id][*self.choices.get(&id)?];
            for &operand in candidate.operands.iter().rev() {
                match done.get(&operand) {
                    Some(true) => {}
                    Some(false) => return None,
                    None => open.push((operand, false)),
                }
            }
        }
        Some(order)
    }

    /// The function that the choices make, in the order of the given one as far as possible.
    ///
    /// # Errors
    /// An internal error where a term cannot be built.
    pub(super) fn build(&self, graph: &Graph, func: &Func<Hlil>, classes: &[Id]) -> Result<Func<Hlil>, Diagnostic> {
        let class_of = |value: ValueId| graph.find(classes[value.index()]);
        let roots: Vec<Id> = func.results().iter().map(|r| class_of(r.value)).collect();
        let needed = self.needed(&roots).unwrap_or_default();
        // Where in the given program a class stands, or the op that it came from.
        let mut places: BTreeMap<Id, usize> = BTreeMap::new();
        let mut places_of_loc: BTreeMap<&str, usize> = BTreeMap::new();
        let mut old: BTreeMap<Id, ValueId> = BTreeMap::new();
        for (value, _) in func.values() {
            places.entry(class_of(value)).or_insert(value.index());
            places_of_loc.entry(func.loc(value)).or_insert(value.index());
            old.entry(class_of(value)).or_insert(value);
        }
        let place = |id: Id| {
            let of_loc = || places_of_loc.get(loc(graph, id)).copied().unwrap_or(usize::MAX);
            places.get(&id).copied().unwrap_or_else(of_loc)
        };
        let mut waiting: BTreeMap<Id, usize> = BTreeMap::new();
        let mut users: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut ready = BinaryHeap::new();
        for &id in &needed {
            let mut operands = self.chosen(id).operands.clone();
            operands.sort_unstable();
            operands.dedup();
            operands.iter().for_each(|operand| users.entry(*operand).or_default().push(id));
            if operands.is_empty() {
                ready.push(Reverse((place(id), id)));
            }
            waiting.insert(id, operands.len());
        }
        let mut rw = Rewriter::<Hlil>::new(func);
        rw.copy_args();
        let args: Vec<ValueId> = func.args().map(|(value, _)| value).collect();
        let mut values: BTreeMap<Id, ValueId> = BTreeMap::new();
        while let Some(Reverse((_, id))) = ready.pop() {
            let candidate = self.chosen(id);
            let value = match candidate.term.head() {
                Head::Arg(value) => rw.get(args[value.index()])?,
                Head::Op(def, attrs) => {
                    let operands: Vec<ValueId> = candidate.operands.iter().map(|operand| values[operand]).collect();
                    let value = push(&mut rw, def, &operands, attrs, loc(graph, id))?;
                    if let Some(&old) = old.get(&id) {
                        range::copy(func, old, rw.func_mut(), value);
                    }
                    value
                }
            };
            values.insert(id, value);
            for user in users.get(&id).into_iter().flatten() {
                let left = waiting.get_mut(user).expect("invariant: users are needed");
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((place(*user), *user)));
                }
            }
        }
        for result in func.results() {
            rw.replace(result.value, values[&class_of(result.value)]);
        }
        rw.finish()
    }

    fn chosen(&self, id: Id) -> &Candidate {
        &self.candidates[&id][self.choices[&id]]
    }
}

fn push(
    rw: &mut Rewriter<'_, Hlil>,
    def: &'static OpDef<Hlil>,
    operands: &[ValueId],
    attrs: &Attrs,
    loc: &str,
) -> Result<ValueId, Diagnostic> {
    rw.push(def, operands, attrs.clone(), loc)
}

/// The term of each class that the given program has.
fn given(graph: &Graph, func: &Func<Hlil>, classes: &[Id]) -> BTreeMap<Id, usize> {
    let mut given = BTreeMap::new();
    for (value, _) in func.values() {
        let id = graph.find(classes[value.index()]);
        let op = func.defining_op(value).map(|(_, op)| op);
        let place = graph[id].nodes.iter().position(|node| {
            let term = term(graph, node);
            match (op, term.head()) {
                (None, Head::Arg(_)) => true,
                (Some(op), Head::Op(def, attrs)) => {
                    let operands = op.operands.iter().map(|v| graph.find(classes[v.index()]));
                    *def == op.def && *attrs == op.attrs && term.operands.iter().map(|id| graph.find(*id)).eq(operands)
                }
                _ => false,
            }
        });
        if let Some(place) = place {
            given.entry(id).or_insert(place);
        }
    }
    given
}

/// All that several lists have, each once.
fn merged(lists: &[&Vec<(Id, f64)>]) -> Vec<(Id, f64)> {
    match lists {
        [] => Vec::new(),
        [one] => (*one).clone(),
        [a, b] => {
            let mut all = Vec::with_capacity(a.len() + b.len());
            let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
            loop {
                let next = match (a.peek(), b.peek()) {
                    (Some(x), Some(y)) if x.0 == y.0 => {
                        b.next();
                        a.next()
                    }
                    (Some(x), Some(y)) if x.0 < y.0 => a.next(),
                    (Some(_), None) => a.next(),
                    _ => b.next(),
                };
                match next {
                    Some(next) => all.push(*next),
                    None => return all,
                }
            }
        }
        _ => {
            let mut all: Vec<(Id, f64)> = lists.iter().flat_map(|list| list.iter().copied()).collect();
            all.sort_by_key(|(id, _)| *id);
            all.dedup_by_key(|(id, _)| *id);
            all
        }
    }
}
