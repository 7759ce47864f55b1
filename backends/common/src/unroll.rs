//! Convolutions as matrix products of unrolled operands: what SecureNN masks.

use treville_protocol::Bilinear;
use treville_ring::{RingTensor, Window, tensor};

/// A convolution of given shapes as a stack of matrix products: for each sample and group, places by taps times taps by output channels.
///
/// A transposed convolution is one too, of what lies under each tap or of nothing.
pub(crate) struct Unrolled {
    /// `[N, groups, places, taps]`.
    pub(crate) x: Vec<usize>,
    /// `[groups, taps, output channels of a group]`.
    pub(crate) w: Vec<usize>,
    /// `[N, groups, places, output channels of a group]`.
    pub(crate) y: Vec<usize>,
    /// The shape of the convolution's result.
    result: Vec<usize>,
    /// For each place, then each tap of the kernel: where it lies in the input's plane, or nowhere.
    under: Vec<Option<usize>>,
    /// Whether the filter has its input channels first.
    transposed: bool,
}

impl Unrolled {
    /// How `kind` unrolls for a first and second operand and a result of these shapes; `None` for what is a matrix product already.
    pub(crate) fn new(kind: &Bilinear, x: &[usize], w: &[usize], y: &[usize]) -> Option<Self> {
        let (window, groups, transposed) = match kind {
            Bilinear::MatMul => return None,
            Bilinear::Conv(spec) => (&spec.window, spec.groups, false),
            Bilinear::ConvTranspose(spec) => (&spec.window, spec.groups, true),
        };
        let (channels, outputs) = (x[1] / groups, y[1] / groups);
        let (dims, places) = (&x[2..], &y[2..]);
        let mut under = Vec::new();
        for place in ndarray::indices(places) {
            for tap in ndarray::indices(&w[2..]) {
                let along = |axis: usize| source(window, axis, place[axis], tap[axis], dims[axis], transposed);
                under.push((0..dims.len()).try_fold(0, |flat, axis| Some(flat * dims[axis] + along(axis)?)));
            }
        }
        let n_places: usize = places.iter().product();
        let taps = channels * w[2..].iter().product::<usize>();
        Some(Unrolled {
            x: vec![x[0], groups, n_places, taps],
            w: vec![groups, taps, outputs],
            y: vec![x[0], groups, n_places, outputs],
            result: y.to_vec(),
            under,
            transposed,
        })
    }

    /// The first operand, unrolled: linear, by public places.
    pub(crate) fn first(&self, x: &RingTensor) -> RingTensor {
        let x = x.as_standard_layout();
        let elements = x.as_slice().expect("invariant: standard layout");
        let [n, groups, n_places, taps] = self.x[..] else { unreachable!("invariant: four axes") };
        let plane = elements.len() / (n * x.shape()[1]);
        let per_plane = self.under.len() / n_places;
        let mut out = Vec::with_capacity(self.x.iter().product());
        for group in elements.chunks_exact(plane * (taps / per_plane)) {
            for place in self.under.chunks_exact(per_plane) {
                for channel in group.chunks_exact(plane) {
                    out.extend(place.iter().map(|at| at.map_or(0, |at| channel[at])));
                }
            }
        }
        debug_assert_eq!(out.len(), n * groups * n_places * taps);
        tensor::from_vec(&self.x, out)
    }

    /// The filter, with the taps of an output channel in a column.
    pub(crate) fn second(&self, w: &RingTensor) -> RingTensor {
        let [groups, taps, outputs] = self.w[..] else { unreachable!("invariant: three axes") };
        let per_plane: usize = w.shape()[2..].iter().product();
        if self.transposed {
            // [groups, channels, outputs, taps of a plane]
            let split = tensor::reshape(w, &[groups, taps / per_plane, outputs, per_plane]);
            tensor::reshape(&tensor::transpose(&split, &[0, 1, 3, 2]), &self.w)
        } else {
            tensor::transpose(&tensor::reshape(w, &[groups, outputs, taps]), &[0, 2, 1])
        }
    }

    /// The convolution's result from that of the products.
    pub(crate) fn result(&self, y: &RingTensor) -> RingTensor {
        tensor::reshape(&tensor::transpose(y, &[0, 1, 3, 2]), &self.result)
    }
}

/// The coordinate that lies under a tap of the window at a place, along one axis of `extent`.
fn source(window: &Window, axis: usize, place: usize, tap: usize, extent: usize, transposed: bool) -> Option<usize> {
    let reach = tap * window.dilations[axis];
    let (begin, stride) = (window.pads_begin[axis], window.strides[axis]);
    let at = if transposed {
        let spread = (place + begin).checked_sub(reach)?;
        if spread % stride != 0 {
            return None;
        }
        spread / stride
    } else {
        (place * stride + reach).checked_sub(begin)?
    };
    (at < extent).then_some(at)
}

#[cfg(test)]
mod tests {
    use treville_ring::{ConvSpec, ConvTransposeSpec, RingBits};

    use super::*;

    fn window(kernel: &[usize], strides: &[usize], begin: &[usize], end: &[usize], dilations: &[usize]) -> Window {
        Window {
            kernel: kernel.into(),
            strides: strides.into(),
            pads_begin: begin.into(),
            pads_end: end.into(),
            dilations: dilations.into(),
        }
    }

    fn numbers(shape: &[usize], seed: u64) -> RingTensor {
        let n = shape.iter().product::<usize>() as u64;
        tensor::from_vec(shape, (0..n).map(|i| (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect())
    }

    #[test]
    fn an_unrolled_convolution_is_the_convolution() {
        let plain = |groups| ConvSpec { window: window(&[3, 2], &[2, 1], &[1, 0], &[0, 1], &[1, 2]), groups };
        let spread = |groups, output_padding: &[usize]| ConvTransposeSpec {
            window: window(&[3, 2], &[2, 1], &[1, 0], &[0, 1], &[1, 2]),
            groups,
            output_padding: output_padding.into(),
        };
        let line = ConvSpec { window: window(&[3], &[1], &[1], &[1], &[1]), groups: 1 };
        for (kind, x, w) in [
            (Bilinear::Conv(plain(1)), &[2, 4, 5, 6][..], &[6, 4, 3, 2][..]),
            (Bilinear::Conv(plain(2)), &[1, 4, 5, 6], &[6, 2, 3, 2]),
            (Bilinear::Conv(plain(4)), &[1, 4, 5, 6], &[4, 1, 3, 2]),
            (Bilinear::Conv(line), &[1, 2, 7], &[3, 2, 3]),
            (Bilinear::ConvTranspose(spread(1, &[0, 0])), &[2, 4, 3, 4], &[4, 3, 3, 2]),
            (Bilinear::ConvTranspose(spread(2, &[1, 0])), &[1, 4, 3, 4], &[4, 3, 3, 2]),
        ] {
            let y = kind.output_shape(0, x, w).unwrap();
            let unrolled = Unrolled::new(&kind, x, w, &y).unwrap();
            let (x, w) = (numbers(x, 1), numbers(w, 2));
            let product = Bilinear::MatMul.apply(RingBits::FULL, &unrolled.first(&x), &unrolled.second(&w));
            assert_eq!(product.shape(), unrolled.y);
            assert_eq!(unrolled.result(&product), kind.apply(RingBits::FULL, &x, &w), "{kind:?}");
        }
        assert!(Unrolled::new(&Bilinear::MatMul, &[2, 2], &[2, 2], &[2, 2]).is_none());
    }
}
