//! Elementwise arithmetic mod 2^64 with numpy broadcasting, and the average pool.

use ndarray::{ArrayD, CowArray};
use rayon::prelude::*;

use crate::tensor::{Axis, PARALLEL_MIN, broadcast_axes, broadcast_shape, from_vec, reshape_owned, transpose};
use crate::{RingBits, RingTensor, Window, window_fold};

/// a + b.
///
/// # Panics
/// When the shapes do not broadcast.
pub fn add(a: &RingTensor, b: &RingTensor) -> RingTensor {
    zip_with(a, b, u64::wrapping_add)
}

/// a - b.
///
/// # Panics
/// When the shapes do not broadcast.
pub fn sub(a: &RingTensor, b: &RingTensor) -> RingTensor {
    zip_with(a, b, u64::wrapping_sub)
}

/// a * b, element by element.
///
/// # Panics
/// When the shapes do not broadcast.
pub fn mul(a: &RingTensor, b: &RingTensor) -> RingTensor {
    zip_with(a, b, u64::wrapping_mul)
}

/// a += b.
///
/// # Panics
/// When the shapes differ.
pub fn add_assign(a: &mut RingTensor, b: &RingTensor) {
    zip_assign(a, b, u64::wrapping_add);
}

/// a -= b.
///
/// # Panics
/// When the shapes differ.
pub fn sub_assign(a: &mut RingTensor, b: &RingTensor) {
    zip_assign(a, b, u64::wrapping_sub);
}

/// a = b - a.
///
/// # Panics
/// When the shapes differ.
pub fn sub_from(a: &mut RingTensor, b: &RingTensor) {
    zip_assign(a, b, |a, b| b.wrapping_sub(a));
}

/// -x.
pub fn neg(x: &RingTensor) -> RingTensor {
    map(x, u64::wrapping_neg)
}

/// x * factor.
pub fn scale(x: &RingTensor, factor: u64) -> RingTensor {
    map(x, |value| value.wrapping_mul(factor))
}

/// x * 2^shift.
pub fn shift_left(x: &RingTensor, shift: u8) -> RingTensor {
    map(x, |value| value.checked_shl(shift.into()).unwrap_or(0))
}

/// floor(x / 2^shift) for x signed in `ring`, wrapped to it: the exact ScaleDown of a cleartext value.
pub fn shift_right(x: &RingTensor, shift: u8, ring: RingBits) -> RingTensor {
    map(x, |value| ring.wrap((ring.to_signed(value) >> shift.min(63)) as u64))
}

/// `x` mod 2^k.
pub fn wrap(mut x: RingTensor, ring: RingBits) -> RingTensor {
    if ring != RingBits::FULL {
        x.par_mapv_inplace(|value| ring.wrap(value));
    }
    x
}

/// Which of two additive shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The one that is shifted as it is.
    First,
    /// The one that is negated, shifted, and negated back.
    Second,
}

/// Divides a shared value by 2^shift without interaction: each holder of a share of Z_2^k calls this on its own.
///
/// The sum of the results mod 2^k is floor(x / 2^shift) or one more, except with probability abs(x) / 2^k over the shares, when it is
/// wrong by 2^(k - shift).
///
/// # Source
/// SecureML (Mohassel, Zhang; S&P 2017), section 4.1, theorem 1.
pub fn scale_down_share(x: &RingTensor, shift: u8, ring: RingBits, share: Share) -> RingTensor {
    let divide = |value: u64| ring.wrap(value).checked_shr(shift.into()).unwrap_or(0);
    match share {
        Share::First => map(x, divide),
        Share::Second => map(x, |value| ring.wrap(divide(value.wrapping_neg()).wrapping_neg())),
    }
}

/// The sum under each window position times round(2^divisor_frac / count): an average with `divisor_frac` more fraction bits.
///
/// The count is the number of taps, or only of those inside the bounds unless `count_include_pad`. A position that lies in the
/// padding altogether gives 0.
///
/// # Shapes
/// x: N, C, spatial...; result: N, C, spatial output...
///
/// # Panics
/// When the window does not fit, or `divisor_frac` is above 62.
pub fn avg_pool(x: &RingTensor, window: &Window, count_include_pad: bool, divisor_frac: u8) -> RingTensor {
    assert!(divisor_frac <= 62, "a divisor with {divisor_frac} fraction bits");
    let taps = window.taps();
    window_fold(x, window, 0, u64::wrapping_add, |sum, inside| {
        let count = if count_include_pad { taps } else { inside.max(1) } as u64;
        let reciprocal = ((1u64 << divisor_frac) + count / 2) / count;
        sum.wrapping_mul(reciprocal)
    })
}

/// The sums over `axes`, which are ascending; `keepdims` keeps them with extent 1.
///
/// # Panics
/// When `x` has no such axes.
pub fn reduce_sum(x: &RingTensor, axes: &[usize], keepdims: bool) -> RingTensor {
    let sums = reduce(x, axes, |values| values.iter().copied().fold(0, u64::wrapping_add));
    if !keepdims {
        return sums;
    }
    let extent = |axis: usize| if axes.contains(&axis) { 1 } else { x.shape()[axis] };
    reshape_owned(sums, &(0..x.ndim()).map(extent).collect::<Vec<_>>())
}

/// `f` of each element, on all threads where that pays.
pub fn map<T: Copy + Sync, R: Send>(x: &ArrayD<T>, f: impl Fn(T) -> R + Sync) -> ArrayD<R> {
    let contiguous = x.as_standard_layout();
    let values = contiguous.as_slice().expect("invariant: standard layout");
    let mapped = if values.len() >= PARALLEL_MIN {
        values.par_iter().with_min_len(PARALLEL_MIN / 4).map(|&value| f(value)).collect()
    } else {
        values.iter().map(|&value| f(value)).collect()
    };
    from_vec(x.shape(), mapped)
}

/// `f` of each pair of elements, with numpy broadcasting, on all threads where that pays.
///
/// # Panics
/// When the shapes do not broadcast.
pub fn zip_with<T: Copy + Send + Sync, U: Copy + Send + Sync, R: Copy + Default + Send>(
    a: &ArrayD<T>,
    b: &ArrayD<U>,
    f: impl Fn(T, U) -> R + Sync,
) -> ArrayD<R> {
    let shape = broadcast_shape(a.shape(), b.shape())
        .unwrap_or_else(|| panic!("shapes {:?} and {:?} do not broadcast", a.shape(), b.shape()));
    let mut out = vec![R::default(); shape.iter().product()];
    if out.is_empty() {
        return from_vec(&shape, out);
    }
    let (left, right) = (a.as_standard_layout(), b.as_standard_layout());
    let left = left.as_slice().expect("invariant: standard layout");
    let right = right.as_slice().expect("invariant: standard layout");
    let (left_axes, right_axes) = (broadcast_axes(a.shape(), &shape), broadcast_axes(b.shape(), &shape));
    let axes = merge_pairs(left_axes, right_axes);
    zip_into(left, right, &axes, &mut out, &f);
    from_vec(&shape, out)
}

/// `f` of the elements over `axes`, for each position of the other axes; these axes are gone in the result.
///
/// # Panics
/// When there is no such axis, or one stands twice.
pub fn reduce<T: Copy + Send + Sync, R: Send>(
    x: &ArrayD<T>,
    axes: &[usize],
    f: impl Fn(&[T]) -> R + Sync,
) -> ArrayD<R> {
    let kept: Vec<usize> = (0..x.ndim()).filter(|axis| !axes.contains(axis)).collect();
    let perm = [&kept, axes].concat();
    let moved = if perm.is_sorted() { x.as_standard_layout() } else { CowArray::from(transpose(x, &perm)) };
    let values = moved.as_slice().expect("invariant: standard layout");
    let shape: Vec<usize> = kept.iter().map(|&axis| x.shape()[axis]).collect();
    let n_results = shape.iter().product::<usize>();
    let count = values.len() / n_results.max(1);
    let one = |i: usize| f(&values[i * count..][..count]);
    let results = match values.len() >= PARALLEL_MIN {
        true => (0..n_results).into_par_iter().map(one).collect(),
        false => (0..n_results).map(one).collect(),
    };
    from_vec(&shape, results)
}

fn zip_assign(a: &mut RingTensor, b: &RingTensor, f: impl Fn(u64, u64) -> u64 + Sync) {
    assert_eq!(a.shape(), b.shape(), "shapes differ");
    if a.len() >= PARALLEL_MIN {
        ndarray::Zip::from(a).and(b).par_for_each(|a, &b| *a = f(*a, b));
    } else {
        ndarray::Zip::from(a).and(b).for_each(|a, &b| *a = f(*a, b));
    }
}

/// One axis of the result, with the strides of both operands.
#[derive(Clone, Copy)]
struct AxisPair {
    len: usize,
    left: usize,
    right: usize,
}

/// Drops axes of size 1 and joins neighbours that one stride covers in both operands.
fn merge_pairs(left: Vec<Axis>, right: Vec<Axis>) -> Vec<AxisPair> {
    let mut merged: Vec<AxisPair> = Vec::with_capacity(left.len());
    for (l, r) in left.into_iter().zip(right).filter(|(l, _)| l.len != 1) {
        match merged.last_mut() {
            Some(last) if last.left == l.len * l.stride && last.right == r.len * r.stride => {
                *last = AxisPair { len: last.len * l.len, left: l.stride, right: r.stride };
            }
            _ => merged.push(AxisPair { len: l.len, left: l.stride, right: r.stride }),
        }
    }
    merged
}

fn zip_into<T, U, R>(left: &[T], right: &[U], axes: &[AxisPair], out: &mut [R], f: &(impl Fn(T, U) -> R + Sync))
where
    T: Copy + Send + Sync,
    U: Copy + Send + Sync,
    R: Copy + Send,
{
    let Some((first, rest)) = axes.split_first() else {
        out[0] = f(left[0], right[0]);
        return;
    };
    if !rest.is_empty() {
        let block = out.len() / first.len;
        let one = |(i, out): (usize, &mut [R])| {
            zip_into(&left[i * first.left..], &right[i * first.right..], rest, out, f);
        };
        if out.len() >= PARALLEL_MIN {
            out.par_chunks_mut(block).enumerate().for_each(one);
        } else {
            out.chunks_mut(block).enumerate().for_each(one);
        }
        return;
    }
    let piece = |(i, out): (usize, &mut [R])| {
        let start = i * PARALLEL_MIN;
        let (left, right) = (&left[start * first.left..], &right[start * first.right..]);
        match (first.left, first.right) {
            (1, 1) => out.iter_mut().zip(left.iter().zip(right)).for_each(|(out, (&l, &r))| *out = f(l, r)),
            (1, 0) => out.iter_mut().zip(left).for_each(|(out, &l)| *out = f(l, right[0])),
            (0, 1) => out.iter_mut().zip(right).for_each(|(out, &r)| *out = f(left[0], r)),
            (l, r) => out.iter_mut().enumerate().for_each(|(i, out)| *out = f(left[i * l], right[i * r])),
        }
    };
    if out.len() > PARALLEL_MIN {
        out.par_chunks_mut(PARALLEL_MIN).enumerate().for_each(piece);
    } else {
        piece((0, out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], values: &[u64]) -> RingTensor {
        from_vec(shape, values.to_vec())
    }

    #[test]
    fn operations_wrap_and_broadcast() {
        let a = tensor(&[2, 1], &[1, u64::MAX]);
        let b = tensor(&[3], &[2, 1 << 63, 3]);
        assert_eq!(add(&a, &b), tensor(&[2, 3], &[3, (1 << 63) + 1, 4, 1, (1 << 63) - 1, 2]));
        assert_eq!(
            sub(&a, &b),
            tensor(&[2, 3], &[u64::MAX, 1 + (1 << 63), u64::MAX - 1, u64::MAX - 2, (1 << 63) - 1, u64::MAX - 3])
        );
        assert_eq!(mul(&a, &b), tensor(&[2, 3], &[2, 1 << 63, 3, u64::MAX - 1, 1 << 63, u64::MAX - 2]));
        assert_eq!(neg(&b), tensor(&[3], &[u64::MAX - 1, 1 << 63, u64::MAX - 2]));
        assert_eq!(scale(&b, u64::MAX), neg(&b));
        let mut c = b.clone();
        add_assign(&mut c, &b);
        assert_eq!(c, tensor(&[3], &[4, 0, 6]));
        sub_assign(&mut c, &b);
        assert_eq!(c, b);
    }

    #[test]
    #[should_panic(expected = "do not broadcast")]
    fn shapes_that_do_not_broadcast_are_refused() {
        add(&tensor(&[2], &[0; 2]), &tensor(&[3], &[0; 3]));
    }

    #[test]
    fn broadcasting_agrees_with_the_written_out_operands() {
        // Shapes on both sides of the threshold for threads, with every kind of innermost stride.
        let pairs: [(&[usize], &[usize]); 8] = [
            (&[3, 4, 5], &[3, 4, 5]),
            (&[], &[4]),
            (&[1, 300, 400], &[300, 1]),
            (&[1, 64, 56, 56], &[64, 1, 1]),
            (&[70000, 1], &[1, 2]),
            (&[2, 1], &[1, 70000]),
            (&[140001], &[1]),
            (&[0, 3], &[1, 3]),
        ];
        for (left, right) in pairs {
            let iota = |shape: &[usize], factor: u64| {
                from_vec(shape, (0..shape.iter().product::<usize>() as u64).map(|i| i * factor).collect())
            };
            let (a, b) = (iota(left, 3), iota(right, 1 << 40));
            let shape = broadcast_shape(left, right).unwrap();
            let written = |x| crate::tensor::broadcast_to(x, &shape);
            let expected: Vec<u64> = written(&a).iter().zip(&written(&b)).map(|(a, b)| a.wrapping_sub(*b)).collect();
            assert_eq!(sub(&a, &b), from_vec(&shape, expected), "{left:?} {right:?}");
        }
    }

    #[test]
    fn shifts_respect_the_ring() {
        let ring = RingBits::new(10).unwrap();
        let x = tensor(&[3], &[7, 1023, 512]);
        assert_eq!(shift_right(&x, 1, ring), tensor(&[3], &[3, 1023, 768]));
        assert_eq!(shift_right(&x, 200, ring), tensor(&[3], &[0, 1023, 1023]));
        assert_eq!(wrap(shift_left(&x, 2), ring), tensor(&[3], &[28, 1020, 0]));
        assert_eq!(shift_left(&x, 64), tensor(&[3], &[0; 3]));
        assert_eq!(wrap(x.clone(), RingBits::FULL), x);
    }

    #[test]
    fn shares_scale_down_but_for_the_stated_share_of_failures() {
        let ring = RingBits::new(9).unwrap();
        let shift = 3;
        for x in -256..256i64 {
            let first = tensor(&[512], &(0..512).collect::<Vec<_>>());
            let second = map(&first, |share| ring.wrap((x as u64).wrapping_sub(share)));
            let sum = wrap(
                add(
                    &scale_down_share(&first, shift, ring, Share::First),
                    &scale_down_share(&second, shift, ring, Share::Second),
                ),
                ring,
            );
            let good = |&sum: &u64| [x >> shift, (x >> shift) + 1].contains(&ring.to_signed(sum));
            assert_eq!(sum.iter().filter(|sum| !good(sum)).count() as i64, x.abs(), "of {x}");
        }
    }

    #[test]
    fn sums_over_every_set_of_axes() {
        let x = from_vec(&[2, 3, 4], (0..24u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect());
        for axes in [&[][..], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
            let mut expected = x.clone();
            for &axis in axes {
                let sum = expected.fold_axis(ndarray::Axis(axis), 0u64, |a, b| a.wrapping_add(*b));
                expected = sum.insert_axis(ndarray::Axis(axis));
            }
            assert_eq!(reduce_sum(&x, axes, true), expected, "{axes:?}");
            let shape: Vec<usize> = (0..3).filter(|axis| !axes.contains(axis)).map(|axis| x.shape()[axis]).collect();
            assert_eq!(reduce_sum(&x, axes, false), crate::tensor::reshape(&expected, &shape), "{axes:?}");
        }
        assert_eq!(reduce_sum(&tensor(&[2, 0], &[]), &[1], false), tensor(&[2], &[0, 0]));
        assert_eq!(reduce_sum(&tensor(&[0, 2], &[]), &[0], false), tensor(&[2], &[0, 0]));
    }

    #[test]
    fn average_counts_what_it_should() {
        let x = tensor(&[1, 1, 2, 2], &[1, 2, 3, u64::MAX]);
        let mut window = Window::dense(&[2, 2]);
        window.pads_begin = vec![0, 1];
        let with_padding = avg_pool(&x, &window, true, 4);
        assert_eq!(with_padding, tensor(&[1, 1, 1, 2], &[4 * 4, 5 * 4]));
        let without = avg_pool(&x, &window, false, 4);
        assert_eq!(without, tensor(&[1, 1, 1, 2], &[4 * 8, 5 * 4]));
        // round(2^4 / 3) = 5, and an all-padding position is 0.
        let mut window = Window::dense(&[3]);
        window.strides = vec![3];
        window.pads_end = vec![3];
        assert_eq!(avg_pool(&tensor(&[1, 1, 3], &[1, 1, 2]), &window, false, 4), tensor(&[1, 1, 2], &[20, 0]));
    }
}
