//! The transposed convolution mod 2^64, as one product for each phase of the strides.

use rayon::prelude::*;

use crate::kernel::Kernel;
use crate::operand::{Operand, places};
use crate::tensor::{from_vec, pad};
use crate::{RingBits, RingTensor, Window, WindowError, product::product};

/// What a transposed convolution does beside its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvTransposeSpec {
    /// The window of the convolution that this is the transpose of: strides and dilations spread the result, pads cut it.
    pub window: Window,
    /// Channel groups; each sees only its own input channels.
    pub groups: usize,
    /// Places that the result has beyond the end along each axis.
    pub output_padding: Vec<usize>,
}

impl ConvTransposeSpec {
    /// The output shape for the shapes of input and filter.
    ///
    /// # Errors
    /// Ranks, channels, groups or windows that do not go together, and a result without places.
    pub fn output_shape(&self, x: &[usize], filter: &[usize]) -> Result<Vec<usize>, WindowError> {
        let window = &self.window;
        let rank = window.kernel.len();
        for found in [x.len(), filter.len()] {
            if found != rank + 2 {
                return Err(WindowError::Rank { parameter: "kernel", expected: found.saturating_sub(2), found: rank });
            }
        }
        if self.output_padding.len() != rank {
            let found = self.output_padding.len();
            return Err(WindowError::Rank { parameter: "output_padding", expected: rank, found });
        }
        if filter[2..] != window.kernel {
            return Err(WindowError::Kernel { window: window.kernel.clone(), filter: filter[2..].to_vec() });
        }
        window.check(rank)?;
        let groups = self.groups;
        if groups == 0 || filter[0] != x[1] || !x[1].is_multiple_of(groups) {
            return Err(WindowError::Channels { x: x[1], filter_out: filter[1], filter_in: filter[0], groups });
        }
        let mut shape = vec![x[0], filter[1].saturating_mul(groups)];
        for axis in 0..rank {
            let spread = x[axis + 2].saturating_sub(1).saturating_mul(window.strides[axis]);
            let extent = window.extent(axis);
            let padded = spread.saturating_add(extent).saturating_add(self.output_padding[axis]);
            let cut = window.pads_begin[axis].saturating_add(window.pads_end[axis]);
            match padded.checked_sub(cut) {
                Some(size) if size > 0 && x[axis + 2] > 0 => shape.push(size),
                _ => return Err(WindowError::AllCut { axis, padded, cut }),
            }
        }
        Ok(shape)
    }
}

/// The transposed convolution of `x` with `filter` mod 2^64: every element of x adds the filter, times itself, to the result.
///
/// # Shapes
/// x: N, C, spatial...; filter: C, O/groups, kernel...; result: N, O, spatial output...
///
/// # Panics
/// When [`ConvTransposeSpec::output_shape`] refuses the shapes.
pub fn conv_transpose(x: &RingTensor, filter: &RingTensor, spec: &ConvTransposeSpec) -> RingTensor {
    conv_transpose_with(Kernel::best(RingBits::FULL), x, filter, spec)
}

/// [`conv_transpose`] with a kernel of the caller's choice: right mod 2^k in every ring that the kernel is exact in.
///
/// Results whose places leave the same remainder by the strides, a phase, see the same taps of the filter, each at a fixed distance in
/// x. So each phase is an ordinary convolution of stride 1 with those taps, and no zeros are multiplied.
///
/// # Panics
/// As [`conv_transpose`], and when this machine cannot run the kernel.
pub fn conv_transpose_with(
    kernel: Kernel,
    x: &RingTensor,
    filter: &RingTensor,
    spec: &ConvTransposeSpec,
) -> RingTensor {
    let out_shape = spec
        .output_shape(x.shape(), filter.shape())
        .unwrap_or_else(|error| panic!("conv_transpose of shapes {:?} and {:?}: {error}", x.shape(), filter.shape()));
    let mut out = vec![0; out_shape.iter().product()];
    if out.is_empty() || x.is_empty() {
        return from_vec(&out_shape, out);
    }
    let loops = kernel.loops();
    let (dims, out_dims) = (&x.shape()[2..], &out_shape[2..]);
    let axes: Vec<AxisPhases> =
        (0..dims.len()).map(|axis| AxisPhases::new(&spec.window, axis, dims[axis], out_dims[axis])).collect();
    let around = |f: fn(&AxisPhases) -> usize| [vec![0, 0], axes.iter().map(f).collect()].concat();
    let x = pad(x, &around(|axis| axis.pad_begin), &around(|axis| axis.pad_end), 0);
    // A tap that lies further on in x lies further back in the filter.
    let mut filter = filter.clone();
    (2..filter.ndim()).for_each(|axis| filter.invert_axis(ndarray::Axis(axis)));
    let filter = filter.as_standard_layout();

    let (channels, maps, n_taps) = (x.shape()[1] / spec.groups, filter.shape()[1], spec.window.taps());
    let filter_group = channels * maps * n_taps;
    let plane: usize = x.shape()[2..].iter().product();
    let out_plane: usize = out_dims.iter().product();
    let x_data = x.as_slice().expect("invariant: standard layout");
    let filter_data = filter.as_slice().expect("invariant: standard layout");
    let counts: Vec<usize> = axes.iter().map(|axis| axis.phases.len()).collect();
    for at in ndarray::indices(&counts[..]) {
        let phases: Vec<&Phase> = axes.iter().enumerate().map(|(axis, phases)| &phases.phases[at[axis]]).collect();
        if phases.iter().any(|phase| phase.taps.is_empty()) {
            continue;
        }
        let lists = |f: fn(&Phase) -> Vec<usize>| phases.iter().map(|phase| f(phase)).collect::<Vec<_>>();
        let positions = places(&lists(|phase| (phase.start..phase.start + phase.count).collect()), &x.shape()[2..]);
        let shifts = places(&lists(|phase| phase.shifts.clone()), &x.shape()[2..]);
        let taps = places(&lists(|phase| phase.taps.clone()), &spec.window.kernel);
        let through = |n: usize, step: usize, inner: &[usize]| -> Vec<usize> {
            (0..n).flat_map(|i| inner.iter().map(move |place| i * step + place)).collect()
        };
        let depth = through(channels, plane, &shifts);
        let filter_depth = through(channels, maps * n_taps, &taps);
        let targets = places(&lists(|phase| phase.targets()), out_dims);
        let rows: Vec<usize> = (0..maps).map(|map| map * n_taps).collect();
        out.par_chunks_mut(maps * out_plane).enumerate().for_each(|(i, out)| {
            let filter = &filter_data[i % spec.groups * filter_group..][..filter_group];
            let x = &x_data[i * channels * plane..][..channels * plane];
            let left = Operand::new(filter, &rows[..], &filter_depth[..]);
            let right = Operand::new(x, &positions[..], &depth[..]);
            let mut sums = vec![0; maps * positions.len()];
            product(&loops, &left, &right, sums.chunks_mut(positions.len()).collect());
            out.par_chunks_mut(out_plane).zip(sums.par_chunks(positions.len())).for_each(|(out, sums)| {
                targets.iter().zip(sums).for_each(|(&target, &sum)| out[target] = sum);
            });
        });
    }
    from_vec(&out_shape, out)
}

/// The phases of one axis, and the zeros around x that all of them together look at.
struct AxisPhases {
    pad_begin: usize,
    pad_end: usize,
    phases: Vec<Phase>,
}

/// The outputs `first`, `first + stride`, ... along one axis.
struct Phase {
    first: usize,
    stride: usize,
    /// How many outputs there are.
    count: usize,
    /// The place in padded x of the first tap of the first output.
    start: usize,
    /// The places of the taps from the first one on, ascending.
    shifts: Vec<usize>,
    /// The taps, counted in the inverted filter, ascending.
    taps: Vec<usize>,
}

impl Phase {
    /// Where the outputs lie.
    fn targets(&self) -> Vec<usize> {
        (0..self.count).map(|i| self.first + i * self.stride).collect()
    }
}

impl AxisPhases {
    /// Tap t reaches output o from the element (o + pad - t * dilation) / stride of x, where that is whole.
    fn new(window: &Window, axis: usize, size: usize, out_size: usize) -> Self {
        let [kernel, stride, pad, dilation] =
            [window.kernel[axis], window.strides[axis], window.pads_begin[axis], window.dilations[axis]];
        let reach = (kernel - 1) * dilation;
        let pad_begin = reach.saturating_sub(pad).div_ceil(stride);
        let pad_end = ((out_size - 1 + pad) / stride + 1).saturating_sub(size);
        let phases = (0..stride.min(out_size)).map(|first| {
            // In padded x; the numerator is not negative, as the padding covers the reach.
            let place = |tap: &usize| first + pad + pad_begin * stride - (kernel - 1 - tap) * dilation;
            let taps: Vec<usize> = (0..kernel).filter(|tap| place(tap).is_multiple_of(stride)).collect();
            let places: Vec<usize> = taps.iter().map(|tap| place(tap) / stride).collect();
            let start = places.first().copied().unwrap_or(0);
            Phase {
                first,
                stride,
                count: (out_size - first).div_ceil(stride),
                start,
                shifts: places.iter().map(|place| place - start).collect(),
                taps,
            }
        });
        Self { pad_begin, pad_end, phases: phases.collect() }
    }
}
