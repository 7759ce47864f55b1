//! The geometry of convolutions: which elements of a plane lie under the taps of a window that slides over it.

use std::ops::Range;

use treville_ring::Window;

/// A window over a plane, by tap and position, both counted in standard order.
pub(crate) struct Taps {
    /// Number of taps.
    pub(crate) count: usize,
    axes: Vec<Axis>,
}

struct Axis {
    taps: usize,
    positions: usize,
    /// Elements of the plane along this axis.
    size: usize,
    /// Distance of neighbours along this axis within the plane.
    pitch: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Taps {
    /// The window over a plane of `dims` at `positions` along each axis.
    pub(crate) fn new(window: &Window, dims: &[usize], positions: &[usize]) -> Self {
        let axis = |axis: usize| Axis {
            taps: window.kernel[axis],
            positions: positions[axis],
            size: dims[axis],
            pitch: dims[axis + 1..].iter().product(),
            stride: window.strides[axis],
            dilation: window.dilations[axis],
            pad: window.pads_begin[axis],
        };
        Self { count: window.taps(), axes: (0..dims.len()).map(axis).collect() }
    }

    /// Writes the plane's elements under one tap at consecutive positions from `start`, zero in the padding.
    pub(crate) fn gather(&self, tap: usize, start: usize, plane: &[f32], row: &mut [f32]) {
        row.fill(0.0);
        self.runs(tap, start..start + row.len(), |at, first, step| {
            let (row, plane) = (&mut row[at], &plane[first..]);
            match step {
                1 => row.copy_from_slice(&plane[..row.len()]),
                _ => row.iter_mut().zip(plane.iter().step_by(step)).for_each(|(to, from)| *to = *from),
            }
        });
    }

    /// Adds a row's values to the plane's elements under one tap at consecutive positions from `start`: the transpose of [`Taps::gather`].
    pub(crate) fn scatter_add(&self, tap: usize, start: usize, row: &[f32], plane: &mut [f32]) {
        self.runs(tap, start..start + row.len(), |at, first, step| {
            plane[first..].iter_mut().step_by(step).zip(&row[at]).for_each(|(to, from)| *to += from);
        });
    }

    /// Calls `f` with each run of positions (counted from the first of `positions`) whose tap lies in the plane: the first element's index,
    /// and the distance from one to the next.
    fn runs(&self, tap: usize, positions: Range<usize>, mut f: impl FnMut(Range<usize>, usize, usize)) {
        let (last, outer) = self.axes.split_last().expect("invariant: there is a spatial dimension");
        let inside = last.inside(tap % last.taps);
        let mut position = positions.start;
        while position < positions.end {
            let line = position / last.positions;
            let line_start = line * last.positions;
            let line_end = (line_start + last.positions).min(positions.end);
            let from = (line_start + inside.start).max(position);
            let to = (line_start + inside.end).min(line_end);
            if from < to
                && let Some(base) = base(outer, tap / last.taps, line)
            {
                let first = base + last.coordinate(from - line_start, tap % last.taps) * last.pitch;
                f(from - positions.start..to - positions.start, first, last.stride * last.pitch);
            }
            position = line_end;
        }
    }
}

impl Axis {
    /// The positions whose tap lies in the plane.
    fn inside(&self, tap: usize) -> Range<usize> {
        let offset = tap * self.dilation;
        let reach = |bound: usize| bound.saturating_sub(offset).div_ceil(self.stride).min(self.positions);
        reach(self.pad)..reach(self.size + self.pad)
    }

    /// The coordinate under a tap that lies in the plane.
    fn coordinate(&self, position: usize, tap: usize) -> usize {
        position * self.stride + tap * self.dilation - self.pad
    }
}

/// The index of a line's start, by tap and position along the outer axes; `None` in the padding.
fn base(outer: &[Axis], mut tap: usize, mut position: usize) -> Option<usize> {
    let mut base = 0;
    for axis in outer.iter().rev() {
        let (own_tap, own_position) = (tap % axis.taps, position % axis.positions);
        if !axis.inside(own_tap).contains(&own_position) {
            return None;
        }
        base += axis.coordinate(own_position, own_tap) * axis.pitch;
        tap /= axis.taps;
        position /= axis.positions;
    }
    Some(base)
}
