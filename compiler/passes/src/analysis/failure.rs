//! The probability that an inference goes wrong: the sum of what each ScaleDown with `local` rounding can garble.

use treville_ir::{Diagnostic, Func, OpId};
use treville_llil::{Llil, RoundingMode};

use super::range;

/// What one ScaleDown contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFailure {
    /// The op.
    pub op: OpId,
    /// The model's node that it belongs to.
    pub loc: String,
    /// log2 of the probability that one of its elements is garbage.
    pub log2: f64,
}

/// The probability of failure of one inference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// Every ScaleDown that can fail.
    pub nodes: Vec<NodeFailure>,
    /// log2 of the sum over the nodes; minus infinity where nothing can fail.
    pub log2: f64,
}

impl Failure {
    /// Refuses a bound above `2^max_log2`; the nodes that contribute most are named.
    pub fn refusal(&self, max_log2: f64) -> Option<Diagnostic> {
        if self.log2 <= max_log2 {
            return None;
        }
        let message =
            format!("an inference goes wrong with probability up to 2^{:.1}; 2^{max_log2:.1} is allowed", self.log2);
        let mut worst: Vec<&NodeFailure> = self.nodes.iter().collect();
        worst.sort_by(|a, b| b.log2.total_cmp(&a.log2));
        let refusal = worst.iter().take(3).fold(Diagnostic::error("E0602", message), |d, node| {
            d.at_node(&node.loc, format!("up to 2^{:.1} here", node.log2))
        });
        let help = format!(
            "a smaller --scale, calibration data of a smaller range (--calibrate), or --max-failure 2^{:.0}",
            self.log2.ceil()
        );
        Some(refusal.with_help(help))
    }
}

/// Bounds the probability that a ScaleDown goes wrong in its top bits.
///
/// `local` rounding garbles an element x with probability |x| / 2^k over the shares, so one of a tensor's elements with at most the sum of
/// these. The bound holds for every inference in which this sum is at most [`range::mass`]: [`range::MARGIN`] times the greatest one on a
/// sample of the calibration, or what the ranges allow if that is less. Where neither is known, each |x| is taken to be the largest that
/// [`range::misfits`] admits. `exact` and `probabilistic` rounding cannot fail.
///
/// # Source
/// SecureML (Mohassel, Zhang; S&P 2017), theorem 1, whose bound is the next power of two.
pub fn failure_bound(func: &Func<Llil>) -> Failure {
    let mut nodes = Vec::new();
    for (op_id, op) in func
        .ops()
        .filter(|(_, op)| op.attrs.get("rounding").and_then(|a| a.as_str()) == Some(RoundingMode::Local.name()))
    {
        let ty = func.ty(op.operands[0]);
        let Some(fixed) = ty.elem.fixed() else { continue };
        let ring_bits = f64::from(fixed.ring.get());
        // The ScaleDown's result stands for the same reals.
        let known = range::mass(func, op.operands[0]).or_else(|| range::mass(func, op.results[0]));
        let log2_sum = match known {
            Some(mass) => mass.log2() + f64::from(fixed.frac),
            None => ring_bits - 1.0 - range::MARGIN.log2() + (ty.elements() as f64).log2(),
        };
        // A probability, whatever the union bound says.
        let log2 = (log2_sum - ring_bits).min(0.0);
        nodes.push(NodeFailure { op: op_id, loc: op.loc.clone(), log2 });
    }
    let log2 = nodes.iter().map(|node| node.log2.exp2()).sum::<f64>().log2().min(0.0);
    Failure { nodes, log2 }
}
