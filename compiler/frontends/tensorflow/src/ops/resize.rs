//! Resizing images.
//!
//! # Source
//! TensorFlow's `image_resizer_state.h`, `resize_nearest_neighbor_op.cc` and `resize_bilinear_op.cc`, in `f32` as they
//! compute: which pixel is the nearest may hang on the last bit.

use crate::node::Node;
use crate::ops::array::sizes;
use treville_frontend_common::compose::resize::{Taps, resample};
use treville_frontend_common::{Result, Val};

/// `ResizeNearestNeighbor`.
pub(super) fn nearest(node: &mut Node<'_, '_>) -> Result<Val> {
    resize(node, |place, pixel| {
        let exact = match place.centers {
            Centers::HalfPixel => (pixel + 0.5) * place.scale,
            Centers::Corners | Centers::Legacy => pixel * place.scale,
        };
        let nearest = if place.centers == Centers::Corners { exact.round() } else { exact.floor() };
        vec![(place.inside(nearest), 1.0)]
    })
}

/// `ResizeBilinear`: along each axis the two neighbours, weighted by their distance.
pub(super) fn bilinear(node: &mut Node<'_, '_>) -> Result<Val> {
    resize(node, |place, pixel| {
        let exact = match place.centers {
            Centers::HalfPixel => (pixel + 0.5) * place.scale - 0.5,
            Centers::Corners | Centers::Legacy => pixel * place.scale,
        };
        let (low, high) = (place.inside(exact.floor()), place.inside(exact.ceil()));
        let weight = f64::from(exact - exact.floor());
        if low == high || weight == 0.0 { vec![(low, 1.0)] } else { vec![(low, 1.0 - weight), (high, weight)] }
    })
}

/// Where the centres of pixels are taken to lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Centers {
    /// In the middle of squares whose outer edges coincide.
    HalfPixel,
    /// The outermost ones of both images coincide.
    Corners,
    /// At the squares' first corner, which shifts the image.
    Legacy,
}

/// An axis of the image.
struct Place {
    centers: Centers,
    /// Pixels of the image for each of the result.
    scale: f32,
    size: usize,
}

impl Place {
    fn inside(&self, pixel: f32) -> usize {
        (pixel.max(0.0) as usize).min(self.size - 1)
    }
}

/// Resamples height and width, for each pixel of the result from the pixels that `taps` gives.
fn resize(node: &mut Node<'_, '_>, taps: fn(&Place, f32) -> Taps) -> Result<Val> {
    node.expect_inputs(2)?;
    let centers = match (node.bool("align_corners", false)?, node.bool("half_pixel_centers", false)?) {
        (false, false) => Centers::Legacy,
        (true, false) => Centers::Corners,
        (false, true) => Centers::HalfPixel,
        (true, true) => return Err(node.invalid("it aligns corners and centers of pixels")),
    };
    let (image, target) = (node.shape(0)?, sizes(node, 1, "size")?);
    if image.len() != 4 || target.len() != 2 || target.iter().any(|&size| size > MAX_PIXELS) {
        return Err(node.invalid(format!("{image:?} cannot be resized to {target:?}")));
    }
    let mut x = node.data(0)?;
    for (axis, &target) in [1, 2].into_iter().zip(&target) {
        let size = image[axis];
        let scale = match centers {
            Centers::Corners if target > 1 => (size - 1) as f32 / (target - 1) as f32,
            _ => size as f32 / target as f32,
        };
        node.reserve(2 * target)?;
        let place = Place { centers, scale, size };
        let taps: Vec<Taps> = (0..target).map(|pixel| taps(&place, pixel as f32)).collect();
        x = resample(node, x, axis, &taps)?;
    }
    Ok(Val::Data(x))
}

/// Larger images are none that a program computes on.
const MAX_PIXELS: usize = 1 << 16;
