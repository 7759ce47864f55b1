//! Sliding windows over any number of spatial axes: the geometry that convolutions and pools share.

use ndarray::ArrayD;
use rayon::prelude::*;

/// A window that slides over the spatial axes of a tensor; one entry an axis in each list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps along each axis.
    pub kernel: Vec<usize>,
    /// Steps between neighbouring outputs.
    pub strides: Vec<usize>,
    /// Padding before the first element.
    pub pads_begin: Vec<usize>,
    /// Padding after the last element.
    pub pads_end: Vec<usize>,
    /// Distance between neighbouring taps.
    pub dilations: Vec<usize>,
}

/// A window that does not fit its input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A list of the window has another length than the input has spatial axes.
    #[error("the window's {parameter} has {found} entries for {expected} spatial axes")]
    Rank {
        /// Which list.
        parameter: &'static str,
        /// Spatial axes of the input.
        expected: usize,
        /// Entries in the list.
        found: usize,
    },
    /// A kernel size, stride or dilation of 0.
    #[error("the window's {parameter} is 0 on spatial axis {axis}")]
    Zero {
        /// Which list.
        parameter: &'static str,
        /// The axis.
        axis: usize,
    },
    /// The window, dilated, is larger than the padded input.
    #[error("a window of extent {extent} does not fit spatial axis {axis} of padded size {padded}")]
    TooLarge {
        /// The axis.
        axis: usize,
        /// Size of the input with its padding.
        padded: usize,
        /// Elements from the first to the last tap.
        extent: usize,
    },
    /// The pads cut all of a transposed convolution's result away.
    #[error("pads of {cut} leave nothing of the {padded} places on spatial axis {axis}")]
    AllCut {
        /// The axis.
        axis: usize,
        /// Places of the result before the cut.
        padded: usize,
        /// Padding before and after.
        cut: usize,
    },
    /// The filter has other spatial dimensions than the window's kernel.
    #[error("the window's kernel is {window:?}, the filter's {filter:?}")]
    Kernel {
        /// The window's kernel.
        window: Vec<usize>,
        /// Spatial dimensions of the filter.
        filter: Vec<usize>,
    },
    /// Channels of input and filter, or their groups, do not go together.
    #[error(
        "{x} input channels and a filter of {filter_out} x {filter_in} channels do not go together in {groups} groups"
    )]
    Channels {
        /// Channels of the input.
        x: usize,
        /// Output channels of the filter.
        filter_out: usize,
        /// Input channels of the filter (of one group).
        filter_in: usize,
        /// Number of groups.
        groups: usize,
    },
}

impl Window {
    /// A window of this kernel with stride 1, no padding and no dilation.
    pub fn dense(kernel: &[usize]) -> Self {
        let ones = vec![1; kernel.len()];
        let zeros = vec![0; kernel.len()];
        Self {
            kernel: kernel.to_vec(),
            strides: ones.clone(),
            pads_begin: zeros.clone(),
            pads_end: zeros,
            dilations: ones,
        }
    }

    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Elements from the first to the last tap along `axis`.
    pub(crate) fn extent(&self, axis: usize) -> usize {
        (self.kernel[axis] - 1).saturating_mul(self.dilations[axis]).saturating_add(1)
    }

    /// Whether there is a window of this rank with these parameters.
    pub(crate) fn check(&self, rank: usize) -> Result<(), WindowError> {
        let lists = [
            ("kernel", &self.kernel),
            ("strides", &self.strides),
            ("pads_begin", &self.pads_begin),
            ("pads_end", &self.pads_end),
            ("dilations", &self.dilations),
        ];
        for (parameter, list) in lists {
            if list.len() != rank {
                return Err(WindowError::Rank { parameter, expected: rank, found: list.len() });
            }
        }
        for (parameter, list) in [lists[0], lists[1], lists[4]] {
            if let Some(axis) = list.iter().position(|&entry| entry == 0) {
                return Err(WindowError::Zero { parameter, axis });
            }
        }
        Ok(())
    }

    /// The spatial output dimensions for the spatial input dimensions `dims` (rounded down).
    ///
    /// # Errors
    /// Lists of the wrong length, zeros, and a window that is larger than the padded input.
    pub fn output_dims(&self, dims: &[usize]) -> Result<Vec<usize>, WindowError> {
        self.check(dims.len())?;
        (0..dims.len())
            .map(|axis| {
                let extent = self.extent(axis);
                let padded = dims[axis].saturating_add(self.pads_begin[axis]).saturating_add(self.pads_end[axis]);
                match padded.checked_sub(extent) {
                    Some(room) => Ok(room / self.strides[axis] + 1),
                    None => Err(WindowError::TooLarge { axis, padded, extent }),
                }
            })
            .collect()
    }

    /// The input coordinate under `tap` of the window at `output` along `axis`, `None` in the padding.
    pub(crate) fn input_coordinate(&self, axis: usize, output: usize, tap: usize, size: usize) -> Option<usize> {
        let padded = output * self.strides[axis] + tap * self.dilations[axis];
        padded.checked_sub(self.pads_begin[axis]).filter(|&coordinate| coordinate < size)
    }
}

/// For each output position of a window, in standard order, the flat input indices under it that are inside the bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowIndices {
    ends: Vec<usize>,
    indices: Vec<usize>,
}

impl WindowIndices {
    /// Number of output positions.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no output position.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The flat input indices under output `position`, in tap order.
    pub fn get(&self, position: usize) -> &[usize] {
        let start = if position == 0 { 0 } else { self.ends[position - 1] };
        &self.indices[start..self.ends[position]]
    }

    /// All positions in standard order.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.len()).map(|position| self.get(position))
    }
}

/// The flat indices into a spatial input of `dims` under each output position of `window`.
///
/// # Errors
/// As [`Window::output_dims`].
pub fn window_indices(dims: &[usize], window: &Window) -> Result<WindowIndices, WindowError> {
    let output = window.output_dims(dims)?;
    let mut result = WindowIndices { ends: Vec::new(), indices: Vec::new() };
    for position in ndarray::indices(&output[..]) {
        'taps: for tap in ndarray::indices(&window.kernel[..]) {
            let mut flat = 0;
            for axis in 0..dims.len() {
                let Some(coordinate) = window.input_coordinate(axis, position[axis], tap[axis], dims[axis]) else {
                    continue 'taps;
                };
                flat = flat * dims[axis] + coordinate;
            }
            result.indices.push(flat);
        }
        result.ends.push(result.indices.len());
    }
    Ok(result)
}

/// Folds what lies under each window position: `finish(fold of f from init, number of elements inside the bounds)`.
///
/// # Shapes
/// x: N, C, spatial...; result: N, C, spatial output...
///
/// # Panics
/// When x has fewer than two axes or the window does not fit.
pub fn window_fold<T, A, R>(
    x: &ArrayD<T>,
    window: &Window,
    init: A,
    f: impl Fn(A, T) -> A + Sync,
    finish: impl Fn(A, usize) -> R + Sync,
) -> ArrayD<R>
where
    T: Copy + Send + Sync,
    A: Copy + Send + Sync,
    R: Copy + Default + Send + Sync,
{
    let shape = x.shape();
    assert!(shape.len() >= 2, "a window slides over N, C, spatial axes, not over shape {shape:?}");
    let dims = &shape[2..];
    let indices = window_indices(dims, window).unwrap_or_else(|error| panic!("window over {dims:?}: {error}"));
    let mut out_shape = shape[..2].to_vec();
    out_shape.extend(window.output_dims(dims).expect("invariant: window_indices has accepted it"));
    let mut out = vec![R::default(); out_shape.iter().product()];
    let plane_len = dims.iter().product::<usize>();
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("invariant: standard layout");
    if !out.is_empty() {
        out.par_chunks_mut(indices.len()).enumerate().for_each(|(plane_idx, out_plane)| {
            let plane = &x[plane_idx * plane_len..][..plane_len];
            for (result, under) in out_plane.iter_mut().zip(indices.iter()) {
                let folded = under.iter().fold(init, |acc, &index| f(acc, plane[index]));
                *result = finish(folded, under.len());
            }
        });
    }
    crate::tensor::from_vec(&out_shape, out)
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    #[test]
    fn output_dims_follow_the_textbook() {
        let mut window = Window::dense(&[7, 7]);
        window.strides = vec![2, 2];
        window.pads_begin = vec![3, 3];
        window.pads_end = vec![3, 2];
        assert_eq!(window.output_dims(&[224, 224]), Ok(vec![112, 112]));
        window.dilations = vec![100, 1];
        assert!(matches!(window.output_dims(&[224, 224]), Err(WindowError::TooLarge { axis: 0, .. })));
        assert!(matches!(window.output_dims(&[224]), Err(WindowError::Rank { .. })));
        window.strides = vec![1, 0];
        assert_eq!(window.output_dims(&[224, 224]), Err(WindowError::Zero { parameter: "strides", axis: 1 }));
        window.strides = vec![1, 1];
        window.kernel = vec![usize::MAX, 1];
        assert!(window.output_dims(&[224, 224]).is_err());
    }

    #[test]
    fn indices_skip_the_padding() {
        let mut window = Window::dense(&[2]);
        window.pads_begin = vec![1];
        window.pads_end = vec![2];
        let indices = window_indices(&[2], &window).unwrap();
        assert_eq!(indices.iter().collect::<Vec<_>>(), [&[0][..], &[0, 1], &[1], &[]]);
    }

    #[test]
    fn folds_two_planes_with_stride_and_dilation() {
        let x = Array::from_iter(0..32).into_shape_with_order(vec![1, 2, 4, 4]).unwrap();
        let mut window = Window::dense(&[2, 2]);
        window.dilations = vec![2, 1];
        window.strides = vec![1, 2];
        let sums = window_fold(&x, &window, 0, |a, v| a + v, |a, n| a * 10 + n as i32);
        assert_eq!(sums.shape(), [1, 2, 2, 2]);
        let plane = [(1 + 8 + 9), 2 + 3 + 10 + 11, 4 + 5 + 12 + 13, 6 + 7 + 14 + 15];
        let expected: Vec<i32> = [0, 16].iter().flat_map(|o| plane.map(|s| (s + 4 * o) * 10 + 4)).collect();
        assert_eq!(sums.as_slice().unwrap(), expected);
    }
}
