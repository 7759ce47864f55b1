//! `Resize` and `Upsample`.

use crate::node::Node;
use treville_frontend_common::compose::resize::{Coordinates, Filter, Nearest, resample};
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// How one dimension is resized.
#[derive(Clone, Copy, Debug)]
struct Scaled {
    axis: usize,
    out: usize,
    scale: f64,
}

/// `Resize`.
pub(super) fn resize(node: &mut Node<'_, '_>) -> Result<Val> {
    // Version 10 has no region and no coordinates: what it has means `asymmetric`.
    let is_old = node.opset() < 11;
    node.expect(if is_old { 2 } else { 1 }, if is_old { 2 } else { 4 })?;
    let x = node.data(0)?;
    let dims = node.dims(x);
    let axes = match node.list("axes")? {
        Some(axes) => axes.iter().map(|&a| node.axis(a, dims.len())).collect::<Result<Vec<_>>>()?,
        None => (0..dims.len()).collect(),
    };
    let (scales_at, sizes_at) = if is_old { (1, 4) } else { (2, 3) };
    // An empty list is as good as none.
    let scaled = if node.has(sizes_at) && !node.shape(sizes_at)?.contains(&0) {
        let sizes = node.ints(sizes_at, "sizes")?;
        by_sizes(node, &dims, &axes, &sizes)?
    } else {
        let scales = node.reals(scales_at, "scales")?;
        by_scales(node, &dims, &axes, &scales)?
    };
    let mode = if is_old { "asymmetric" } else { node.text("coordinate_transformation_mode", "half_pixel")? };
    let regions = match mode {
        "tf_crop_and_resize" => {
            let regions = node.reals(1, "region")?;
            if regions.len() != 2 * axes.len() {
                return Err(node.invalid(format!("its region has {} numbers for {} axes", regions.len(), axes.len())));
            }
            regions
        }
        _ => vec![0.0; 2 * axes.len()],
    };
    let filter = filter(node, is_old)?;
    let exclude_outside = node.flag("exclude_outside", false)?;
    let extrapolation = node.float("extrapolation_value", 0.0)?;
    let mut y = x;
    for (i, s) in scaled.iter().enumerate() {
        let (start, end) = (f64::from(regions[i]), f64::from(regions[i + axes.len()]));
        let coordinates = coordinates(node, mode, start, end)?;
        let size = dims[s.axis];
        if s.out == size && s.scale == 1.0 && mode != "tf_crop_and_resize" {
            continue;
        }
        node.reserve(s.out.saturating_add(size).saturating_mul(4))?;
        let places: Vec<f64> = (0..s.out).map(|o| coordinates.of(o, s.out, size, s.scale)).collect();
        let is_outside = |place: f64| mode == "tf_crop_and_resize" && (place < 0.0 || place > size as f64 - 1.0);
        let taps: Vec<_> = places
            .iter()
            .map(|&p| if is_outside(p) { Vec::new() } else { filter.taps(p, s.scale, size, exclude_outside) })
            .collect();
        y = resample(node, y, s.axis, &taps)?;
        let outside: Vec<f64> = places.iter().map(|&p| if is_outside(p) { extrapolation } else { 0.0 }).collect();
        if outside.iter().any(|v| *v != 0.0) {
            y = add_along(node, y, s.axis, outside)?;
        }
    }
    Ok(Val::Data(y))
}

/// `Upsample`, which `Resize` replaces: its scales are an attribute before version 9.
pub(super) fn upsample(node: &mut Node<'_, '_>) -> Result<Val> {
    let scales = if node.opset() < 9 {
        node.expect(1, 1)?;
        node.floats("scales")?.ok_or_else(|| node.invalid("its attribute `scales` is missing"))?.to_vec()
    } else {
        node.expect(2, 2)?;
        node.reals(1, "scales")?
    };
    let mut y = node.data(0)?;
    let dims = node.dims(y);
    let axes: Vec<usize> = (0..dims.len()).collect();
    let filter = filter(node, true)?;
    for s in by_scales(node, &dims, &axes, &scales)? {
        node.reserve(s.out.saturating_add(dims[s.axis]).saturating_mul(4))?;
        let place = |o| Coordinates::Asymmetric.of(o, s.out, dims[s.axis], s.scale);
        let taps: Vec<_> = (0..s.out).map(|o| filter.taps(place(o), s.scale, dims[s.axis], false)).collect();
        y = resample(node, y, s.axis, &taps)?;
    }
    Ok(Val::Data(y))
}

/// The filter that `mode` and its companions mean.
fn filter(node: &Node<'_, '_>, is_old: bool) -> Result<Filter> {
    let antialias = node.flag("antialias", false)?;
    match node.text("mode", "nearest")? {
        "nearest" => {
            let default = if is_old { "floor" } else { "round_prefer_floor" };
            Ok(Filter::Nearest(match node.text("nearest_mode", default)? {
                "round_prefer_floor" => Nearest::RoundPreferFloor,
                "round_prefer_ceil" => Nearest::RoundPreferCeil,
                "floor" => Nearest::Floor,
                "ceil" => Nearest::Ceil,
                other => return Err(node.invalid(format!("its nearest_mode {other:?} is unknown"))),
            }))
        }
        "linear" | "bilinear" => Ok(Filter::Linear { antialias }),
        "cubic" => Ok(Filter::Cubic { a: node.float("cubic_coeff_a", -0.75)?, antialias }),
        other => Err(node.invalid(format!("its mode {other:?} is unknown"))),
    }
}

fn coordinates(node: &Node<'_, '_>, mode: &str, start: f64, end: f64) -> Result<Coordinates> {
    Ok(match mode {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
        "tf_crop_and_resize" => Coordinates::TfCropAndResize { start, end },
        other => return Err(node.invalid(format!("its coordinate_transformation_mode {other:?} is unknown"))),
    })
}

fn by_scales(node: &Node<'_, '_>, dims: &[usize], axes: &[usize], scales: &[f32]) -> Result<Vec<Scaled>> {
    if scales.len() != axes.len() || scales.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
        return Err(node.invalid(format!("its scales {scales:?} are none for {} axes", axes.len())));
    }
    let scaled = axes.iter().zip(scales).map(|(&axis, &scale)| {
        let scale = f64::from(scale);
        Scaled { axis, out: (dims[axis] as f64 * scale).floor() as usize, scale }
    });
    checked(node, scaled.collect())
}

fn by_sizes(node: &Node<'_, '_>, dims: &[usize], axes: &[usize], sizes: &[i64]) -> Result<Vec<Scaled>> {
    if sizes.len() != axes.len() || sizes.iter().any(|s| *s <= 0) {
        return Err(node.invalid(format!("its sizes {sizes:?} are none for {} axes", axes.len())));
    }
    let ratios: Vec<f64> = axes.iter().zip(sizes).map(|(&axis, &size)| size as f64 / dims[axis] as f64).collect();
    let common = match node.text("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => None,
        "not_larger" => Some(ratios.iter().copied().fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(ratios.iter().copied().fold(0.0, f64::max)),
        other => return Err(node.invalid(format!("its keep_aspect_ratio_policy {other:?} is unknown"))),
    };
    let scaled = axes.iter().zip(sizes).zip(ratios).map(|((&axis, &size), ratio)| match common {
        Some(scale) => Scaled { axis, out: (dims[axis] as f64 * scale + 0.5).floor() as usize, scale },
        None => Scaled { axis, out: size as usize, scale: ratio },
    });
    checked(node, scaled.collect())
}

/// Refuses sizes that no memory holds.
fn checked(node: &Node<'_, '_>, scaled: Vec<Scaled>) -> Result<Vec<Scaled>> {
    const MAX: usize = 1 << 20;
    match scaled.iter().find(|s| s.out == 0 || s.out > MAX) {
        Some(s) => Err(node.invalid(format!("dimension {} would have {} elements", s.axis, s.out))),
        None => Ok(scaled),
    }
}

/// Adds a vector along a dimension.
fn add_along(node: &mut Node<'_, '_>, x: ValueId, axis: usize, values: Vec<f64>) -> Result<ValueId> {
    let mut shape = vec![1_i64; node.dims(x).len()];
    shape[axis] = values.len() as i64;
    let values = node.emit("constant", &[], attrs! { shape: shape, values: values })?;
    node.emit("add", &[x, values], attrs! {})
}
