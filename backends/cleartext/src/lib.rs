//! Ring-exact evaluation in one process: the oracle of all other backends.
//!
//! There is one party, which knows everything, gives every input and learns every output. Values are kept mod 2^64 and
//! wrapped to the program's ring where they are looked at. ScaleDown rounds exactly; a comparison outside its domain is an error, since
//! a real backend would silently answer wrongly there.
//!
//! # Security
//! None.
#![forbid(unsafe_code)]

use std::sync::Arc;

use treville_net::Party;
use treville_protocol::{
    BackendInfo, Bilinear, Call, Cost, Costs, Cx, Env, Protocol, ProtocolError, Recorder, Result, Rounding, ScaleDown,
    Session,
};
use treville_ring::{RingTensor, add, map, mul, shift_right, wrap};

static INFO: BackendInfo = BackendInfo {
    name: "cleartext",
    summary: "no security: ring-exact evaluation in one process, the oracle of the other backends",
    roles: &["evaluator"],
    ring_bits: 2..=64,
    rounding: Rounding::Exact,
    default_max_failure_log2: -40.0,
    session: Session::new::<Cleartext>,
    costs: &Free,
};

struct Free;

impl Costs for Free {
    fn primitive(&self, _: &Call<'_>) -> Cost {
        Cost::default()
    }
}

/// The one party.
pub struct Cleartext {
    recorder: Option<Arc<Recorder>>,
}

impl Protocol for Cleartext {
    type Secret = RingTensor;
    type Weights = RingTensor;
    type Bits = RingTensor;

    fn info() -> &'static BackendInfo {
        &INFO
    }

    fn new(env: Env) -> Result<Self> {
        Ok(Cleartext { recorder: env.recorder })
    }

    /// The one party gives the inputs of all owners.
    async fn input(&self, cx: &Cx<'_>, _: Party, shape: &[usize], value: Option<RingTensor>) -> Result<RingTensor> {
        match value {
            Some(value) if value.shape() == shape => Ok(value),
            value => Err(ProtocolError::Shape {
                op: cx.op,
                what: "input",
                expected: shape.to_vec(),
                found: value.map_or(vec![], |v| v.shape().to_vec()),
            }),
        }
    }

    /// The one party learns the results of all receivers.
    async fn reveal(&self, cx: &Cx<'_>, x: &RingTensor, _: &[Party]) -> Result<Option<RingTensor>> {
        Ok(Some(wrap(x.clone(), cx.ring)))
    }

    fn shape<'s>(&self, x: &'s RingTensor) -> &'s [usize] {
        x.shape()
    }

    fn linear(&self, xs: &[&RingTensor], _: &[usize], f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync)) -> RingTensor {
        f(xs)
    }

    fn add_public(&self, x: &RingTensor, c: &RingTensor) -> RingTensor {
        add(x, c)
    }

    fn constant(&self, c: &RingTensor) -> RingTensor {
        c.clone()
    }

    async fn prepare(&self, _: &Cx<'_>, w: &RingTensor) -> Result<RingTensor> {
        Ok(w.clone())
    }

    async fn bilinear(&self, cx: &Cx<'_>, kind: &Bilinear, x: &RingTensor, w: &RingTensor) -> Result<RingTensor> {
        kind.output_shape(cx.op, x.shape(), w.shape())?;
        Ok(kind.apply(cx.ring, x, w))
    }

    async fn mul(&self, cx: &Cx<'_>, x: &RingTensor, y: &RingTensor) -> Result<RingTensor> {
        same_shape(cx, x, y)?;
        Ok(mul(x, y))
    }

    async fn scale_down(&self, cx: &Cx<'_>, x: &RingTensor, spec: ScaleDown) -> Result<RingTensor> {
        let shift = match (spec.rounding, u8::try_from(spec.shift)) {
            (Rounding::Exact, Ok(shift)) if shift < cx.ring.get() => shift,
            (rounding, _) => {
                return Err(ProtocolError::Unsupported {
                    backend: INFO.name,
                    what: format!("{} rounding by {} bits", rounding.name(), spec.shift),
                });
            }
        };
        let y = shift_right(&wrap(x.clone(), cx.ring), shift, cx.ring);
        if let Some(recorder) = &self.recorder {
            recorder.scale_down(cx.op, cx.inference, x, &y);
        }
        Ok(y)
    }

    /// # Errors
    /// [`ProtocolError::Domain`] for the first element outside |x| < 2^(k-2).
    async fn drelu(&self, cx: &Cx<'_>, x: &RingTensor) -> Result<RingTensor> {
        let bound = 1u64 << (cx.ring.get() - 2);
        let signed = |x: u64| cx.ring.to_signed(cx.ring.wrap(x));
        if let Some((index, &x)) = x.iter().enumerate().find(|(_, x)| signed(**x).unsigned_abs() >= bound) {
            return Err(ProtocolError::Domain { op: cx.op, index, value: signed(x), ring_bits: cx.ring.get() });
        }
        Ok(map(x, |x| u64::from(signed(x) >= 0)))
    }

    /// The bits are ring elements.
    async fn bits_to_ring(&self, _: &Cx<'_>, bits: &RingTensor, _: &[usize]) -> Result<RingTensor> {
        Ok(bits.clone())
    }

    async fn mux(&self, cx: &Cx<'_>, bits: &RingTensor, xs: &[&RingTensor]) -> Result<Vec<RingTensor>> {
        xs.iter().map(|x| same_shape(cx, bits, x).map(|()| mul(bits, x))).collect()
    }
}

fn same_shape(cx: &Cx<'_>, x: &RingTensor, y: &RingTensor) -> Result<()> {
    if x.shape() == y.shape() {
        Ok(())
    } else {
        Err(ProtocolError::Shape {
            op: cx.op,
            what: "second operand",
            expected: x.shape().to_vec(),
            found: y.shape().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use treville_protocol::simulate::Simulation;
    use treville_ring::{RingBits, Window, tensor};

    use super::*;

    fn ring(bits: u8) -> RingBits {
        RingBits::new(bits).unwrap()
    }

    fn vector(values: &[i64], ring: RingBits) -> RingTensor {
        tensor::from_vec(&[values.len()], values.iter().map(|&v| ring.wrap(v as u64)).collect())
    }

    fn relu(values: &[i64], ring: RingBits) -> Result<Vec<i64>> {
        let results = Simulation::new(ring).run::<Cleartext, _, _>(async |_, session| {
            let exec = session.inference(0);
            let x = exec.input(0, Party(0), &[values.len()], Some(vector(values, ring))).await?;
            let y = exec.relu(1, &x).await?;
            exec.reveal(2, &y, &[Party(0)]).await
        })?;
        Ok(results[0].as_ref().unwrap().iter().map(|&y| ring.to_signed(y)).collect())
    }

    #[test]
    fn relu_is_exact_inside_the_domain_of_every_ring_and_refuses_its_edge() {
        for bits in [3, 8, 20, 33, 63, 64] {
            let edge = 1i64 << (bits - 2);
            let values = [0, 1, -1, edge - 1, 1 - edge];
            assert_eq!(relu(&values, ring(bits)).unwrap(), values.map(|v| v.max(0)));
            for outside in [edge, -edge] {
                let error = relu(&[0, outside, outside], ring(bits)).unwrap_err();
                assert!(
                    matches!(error, ProtocolError::Domain { op: 1, index: 1, value, ring_bits } if value == outside && ring_bits == bits),
                    "{error}"
                );
                assert!(!error.public_reason().contains(&outside.to_string()));
            }
        }
    }

    #[test]
    fn maxima_and_scaling_follow_the_definitions() {
        let narrow = ring(20);
        let run = |values: &'static [i64], shape: &'static [usize]| {
            Simulation::new(narrow).run::<Cleartext, _, _>(async move |_, session| {
                let exec = session.inference(0);
                let x = exec.input(0, Party(0), shape, Some(tensor::reshape(&vector(values, narrow), shape))).await?;
                let window = Window { strides: vec![2, 2], pads_begin: vec![1, 1], ..Window::dense(&[2, 2]) };
                let pooled = exec.max_pool(1, &x, &window).await?;
                let first = exec.arg_max(2, &x, 3, false).await?;
                let halved = exec.scale_down(3, &x, ScaleDown { shift: 1, rounding: Rounding::Exact }).await?;
                let mut signed = Vec::new();
                for (op, y) in [(4, &pooled), (5, &first), (6, &halved)] {
                    signed.push(
                        exec.reveal(op, y, &[Party(0)])
                            .await?
                            .unwrap()
                            .iter()
                            .map(|&y| narrow.to_signed(y))
                            .collect::<Vec<_>>(),
                    );
                }
                assert_eq!(exec.shape(&pooled), [1, 1, 2, 2]);
                Ok::<_, ProtocolError>(signed)
            })
        };
        let [pooled, first, halved] =
            run(&[-7, -3, -3, 5, 5, 2, -9, -8, -8], &[1, 1, 3, 3]).unwrap().remove(0).try_into().unwrap();
        assert_eq!(pooled, [-7, -3, 5, 5]);
        assert_eq!(first, [1, 0, 1]);
        assert_eq!(halved, [-4, -2, -2, 2, 2, 1, -5, -4, -4]);
    }

    #[test]
    fn a_maximum_over_padding_alone_is_refused() {
        let window = Window { pads_end: vec![1, 1], ..Window::dense(&[1, 1]) };
        let result = Simulation::new(RingBits::FULL).run::<Cleartext, _, _>(async |_, session| {
            let x = session.inference(0).constant(RingTensor::zeros(vec![1, 1, 1, 1]));
            session.inference(0).max_pool(7, &x, &window).await.map(|_| ())
        });
        assert!(matches!(result, Err(ProtocolError::EmptyMaximum { op: 7, index: 1 })));
        let wide = Window::dense(&[2, 2]);
        let result = Simulation::new(RingBits::FULL).run::<Cleartext, _, _>(async |_, session| {
            let x = session.inference(0).constant(RingTensor::zeros(vec![1, 1, 1, 1]));
            session.inference(0).max_pool(8, &x, &wide).await.map(|_| ())
        });
        assert!(matches!(result, Err(ProtocolError::Window { op: 8, .. })));
    }

    #[test]
    fn a_rounding_that_is_not_exact_is_refused() {
        let result = Simulation::new(RingBits::FULL).run::<Cleartext, _, _>(async |_, session| {
            let exec = session.inference(0);
            let x = exec.constant(vector(&[1], RingBits::FULL));
            exec.scale_down(0, &x, ScaleDown { shift: 1, rounding: Rounding::Local }).await.map(|_| ())
        });
        assert!(matches!(result, Err(ProtocolError::Unsupported { .. })));
    }
}
