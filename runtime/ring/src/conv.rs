//! Convolution mod 2^64 over any number of spatial axes.

use std::ops::Range;

use ndarray::{Axis, CowArray, IxDyn, Slice};
use rayon::prelude::*;

use crate::kernel::Kernel;
use crate::operand::{Operand, places};
use crate::product::product;
use crate::tensor::{from_vec, pad};
use crate::{RingBits, RingTensor, Window, WindowError};

/// What a convolution does beside its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// How the filter slides; its kernel repeats the spatial dimensions of the filter.
    pub window: Window,
    /// Channel groups; each sees only its own input channels.
    pub groups: usize,
}

impl ConvSpec {
    /// The output shape for the shapes of input and filter.
    ///
    /// # Errors
    /// Ranks, channels, groups or windows that do not go together.
    pub fn output_shape(&self, x: &[usize], filter: &[usize]) -> Result<Vec<usize>, WindowError> {
        let rank = self.window.kernel.len();
        for found in [x.len(), filter.len()] {
            if found != rank + 2 {
                return Err(WindowError::Rank { parameter: "kernel", expected: found.saturating_sub(2), found: rank });
            }
        }
        if filter[2..] != self.window.kernel {
            return Err(WindowError::Kernel { window: self.window.kernel.clone(), filter: filter[2..].to_vec() });
        }
        let groups = self.groups;
        if groups == 0 || !filter[0].is_multiple_of(groups) || filter[1].checked_mul(groups) != Some(x[1]) {
            return Err(WindowError::Channels { x: x[1], filter_out: filter[0], filter_in: filter[1], groups });
        }
        let mut shape = vec![x[0], filter[0]];
        shape.extend(self.window.output_dims(&x[2..])?);
        Ok(shape)
    }
}

/// The convolution (cross-correlation, as in the machine-learning frameworks) of `x` with `filter` mod 2^64.
///
/// # Shapes
/// x: N, C, spatial...; filter: O, C/groups, kernel...; result: N, O, spatial output...
///
/// # Panics
/// When [`ConvSpec::output_shape`] refuses the shapes.
pub fn conv(x: &RingTensor, filter: &RingTensor, spec: &ConvSpec) -> RingTensor {
    conv_with(Kernel::best(RingBits::FULL), x, filter, spec)
}

/// [`conv`] with a kernel of the caller's choice: right mod 2^k in every ring that the kernel is exact in.
///
/// # Panics
/// As [`conv`], and when this machine cannot run the kernel.
pub fn conv_with(kernel: Kernel, x: &RingTensor, filter: &RingTensor, spec: &ConvSpec) -> RingTensor {
    let out_shape = spec
        .output_shape(x.shape(), filter.shape())
        .unwrap_or_else(|error| panic!("conv of shapes {:?} and {:?}: {error}", x.shape(), filter.shape()));
    let mut out = vec![0; out_shape.iter().product()];
    if out.is_empty() || x.is_empty() {
        return from_vec(&out_shape, out);
    }
    let loops = kernel.loops();
    let window = &spec.window;
    let filter = filter.as_standard_layout();
    let filter_group = filter.len() / spec.groups;
    let out_group = out.len() / (x.shape()[0] * spec.groups);
    let maps = out_shape[1] / spec.groups;
    let plane = out_group / maps;
    let (n_outputs, others) = out_shape[2..].split_first().unwrap_or((&1, &[]));
    // The outputs at each place along the first spatial axis.
    let slice: usize = others.iter().product();
    for slab in slabs(x.shape(), window, *n_outputs) {
        let x = under(x, window, slab.clone());
        let x_group = x.len() / (x.shape()[0] * spec.groups);
        // What lies under tap t of the window at output position p is at p's offset plus t's offset.
        let multiples = |count: usize, step: usize| (0..count).map(|i| i * step).collect::<Vec<_>>();
        let each =
            |counts: &[usize], steps: &[usize]| counts.iter().zip(steps).map(|(c, s)| multiples(*c, *s)).collect();
        let positions: Vec<Vec<usize>> = each(&[&[slab.len()], others].concat(), &window.strides);
        let positions = places(&positions, &x.shape()[2..]);
        let taps: Vec<Vec<usize>> = each(&filter.shape()[1..], &[&[1], &window.dilations[..]].concat());
        let taps = places(&taps, &x.shape()[1..]);
        let x = x.as_slice().expect("invariant: standard layout");
        let filter = filter.as_slice().expect("invariant: standard layout");
        let slab = slab.start * slice..slab.end * slice;
        out.par_chunks_mut(out_group).enumerate().for_each(|(i, out)| {
            let filter = &filter[i % spec.groups * filter_group..][..filter_group];
            let left = Operand::rows(filter, maps, taps.len());
            let right = Operand::new(&x[i * x_group..][..x_group], &positions, &taps);
            product(&loops, &left, &right, out.chunks_mut(plane).map(|map| &mut map[slab.clone()]).collect());
        });
    }
    from_vec(&out_shape, out)
}

/// Padded elements that are laid out at a time: they stay in the third-level cache.
const SLAB: usize = 1 << 20;

/// The outputs along the first spatial axis, in parts that look at few elements each if these have to be padded.
fn slabs(x: &[usize], window: &Window, n_outputs: usize) -> impl Iterator<Item = Range<usize>> {
    let len = if is_padded(window) {
        let slice: usize = x[..2].iter().chain(&x[3..]).product();
        (SLAB / slice / window.strides[0]).max(window.kernel[0])
    } else {
        n_outputs
    };
    (0..n_outputs).step_by(len).map(move |start| start..n_outputs.min(start + len))
}

fn is_padded(window: &Window) -> bool {
    window.pads_begin.iter().chain(&window.pads_end).any(|&pad| pad != 0)
}

/// What the outputs `slab` along the first spatial axis look at, in standard layout, with the window's padding around it.
fn under<'a>(x: &'a RingTensor, window: &Window, slab: Range<usize>) -> CowArray<'a, u64, IxDyn> {
    if !is_padded(window) {
        return x.as_standard_layout();
    }
    // In the padded tensor, and what of it lies in x.
    let seen = slab.start * window.strides[0]..(slab.end - 1) * window.strides[0] + window.extent(0);
    let (before, size) = (window.pads_begin[0], x.shape()[2]);
    let inside = seen.start.clamp(before, before + size)..seen.end.clamp(before, before + size);
    let mut begin = [&[0, 0], &window.pads_begin[..]].concat();
    let mut end = [&[0, 0], &window.pads_end[..]].concat();
    begin[2] = inside.start.clamp(seen.start, seen.end) - seen.start;
    end[2] = seen.end - inside.end.clamp(seen.start, seen.end);
    let inside = x.slice_axis(Axis(2), Slice::from(inside.start - before..inside.end - before));
    pad(&inside, &begin, &end, 0).into()
}
