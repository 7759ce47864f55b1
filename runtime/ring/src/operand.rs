//! One side of a product, wherever its elements lie.

use std::array::from_fn;
use std::borrow::Cow;
use std::ops::Range;

use crate::kernel::{Panel, prefetch};

/// Depths that are packed for all vectors before the next ones: so many memory streams are read side by side. Even, as the forms of
/// panels ask.
const STRIP: usize = 32;

/// A matrix of `outer.len()` vectors of `depth.len()` elements: element l of vector o is `data[outer[o] + depth[l]]`.
///
/// The rows of a matrix, its columns, and the patches under a sliding window all are of this form, so that the product packs each of
/// them straight from where it lies. Both tables increase strictly.
pub(crate) struct Operand<'a> {
    data: &'a [u64],
    outer: Cow<'a, [usize]>,
    depth: Cow<'a, [usize]>,
}

impl<'a> Operand<'a> {
    pub(crate) fn new(data: &'a [u64], outer: impl Into<Cow<'a, [usize]>>, depth: impl Into<Cow<'a, [usize]>>) -> Self {
        let (outer, depth) = (outer.into(), depth.into());
        debug_assert!(outer.is_sorted_by(|a, b| a < b) && depth.is_sorted_by(|a, b| a < b));
        if let (Some(outer), Some(depth)) = (outer.last(), depth.last()) {
            assert!(outer + depth < data.len(), "invariant: the operand lies inside its data");
        }
        Self { data, outer, depth }
    }

    /// The `n` rows of length `depth` of a matrix.
    pub(crate) fn rows(data: &'a [u64], n: usize, depth: usize) -> Self {
        Self::new(data, (0..n).map(|row| row * depth).collect::<Vec<_>>(), (0..depth).collect::<Vec<_>>())
    }

    /// The `n` columns of length `depth` of a matrix.
    pub(crate) fn columns(data: &'a [u64], n: usize, depth: usize) -> Self {
        Self::new(data, (0..n).collect::<Vec<_>>(), (0..depth).map(|row| row * n).collect::<Vec<_>>())
    }

    /// Number of vectors.
    pub(crate) fn n_outer(&self) -> usize {
        self.outer.len()
    }

    /// Length of the vectors.
    pub(crate) fn n_depth(&self) -> usize {
        self.depth.len()
    }

    /// Whether each vector lies in one piece.
    pub(crate) fn is_row_like(&self) -> bool {
        is_run(&self.depth)
    }

    /// Elements `depth` of vector `outer`, copied to `buffer` if they do not lie in one piece.
    pub(crate) fn vector<'b>(&'b self, outer: usize, buffer: &'b mut Vec<u64>) -> &'b [u64] {
        let base = self.outer[outer];
        if self.is_row_like() {
            return &self.data[base + self.depth[0]..][..self.depth.len()];
        }
        buffer.clear();
        buffer.extend(self.depth.iter().map(|shift| self.data[base + shift]));
        buffer
    }

    /// Whether the vectors start at places without large gaps, so that it pays to compute at all places from the first to the last.
    pub(crate) fn is_column_like(&self, outer: Range<usize>) -> bool {
        let outer = &self.outer[outer];
        outer.last().zip(outer.first()).is_some_and(|(last, first)| last - first < 2 * outer.len())
    }

    /// The places of the vectors `outer`, counted from that of the first of them.
    pub(crate) fn places(&self, outer: Range<usize>) -> impl Iterator<Item = usize> {
        let outer = &self.outer[outer];
        outer.iter().map(|base| base - outer[0])
    }

    /// Element `depth` of the vectors `outer`: at [`Operand::places`] if they are column-like, else gathered into `buffer`.
    pub(crate) fn across<'b>(&'b self, depth: usize, outer: Range<usize>, buffer: &'b mut Vec<u64>) -> &'b [u64] {
        let data = &self.data[self.depth[depth]..];
        let bases = &self.outer[outer.clone()];
        if self.is_column_like(outer) {
            return &data[bases[0]..=bases[bases.len() - 1]];
        }
        buffer.clear();
        buffer.extend(bases.iter().map(|&base| data[base]));
        buffer
    }

    /// Packs the vectors `outer` over `depth` into panels of `width` vectors; the last panel is filled with zeros.
    pub(crate) fn pack(&self, outer: Range<usize>, depth: Range<usize>, width: usize, form: Panel, to: &mut Packed) {
        match width {
            2 => self.pack_wide::<2>(outer, depth, form, to),
            4 => self.pack_wide::<4>(outer, depth, form, to),
            8 => self.pack_wide::<8>(outer, depth, form, to),
            12 => self.pack_wide::<12>(outer, depth, form, to),
            16 => self.pack_wide::<16>(outer, depth, form, to),
            32 => self.pack_wide::<32>(outer, depth, form, to),
            _ => unreachable!("no kernel has tiles of {width}"),
        }
    }

    fn pack_wide<const W: usize>(&self, outer: Range<usize>, depth: Range<usize>, form: Panel, to: &mut Packed) {
        let shifts = &self.depth[depth];
        to.panel_len = form.len(W, shifts.len());
        to.panels.resize(outer.len().div_ceil(W) * to.panel_len, 0);
        for (strip, shifts) in shifts.chunks(STRIP).enumerate() {
            let strip = form.len(W, strip * STRIP)..;
            for (bases, panel) in self.outer[outer.clone()].chunks(W).zip(to.panels.chunks_mut(to.panel_len)) {
                let panel = &mut panel[strip.clone()];
                if form == Panel::Plain {
                    self.pack_elements::<W>(bases, shifts, &mut panel[..W * shifts.len()]);
                } else {
                    to.elements.resize(W * shifts.len(), 0);
                    self.pack_elements::<W>(bases, shifts, &mut to.elements);
                    form.write::<W>(&to.elements, panel);
                }
            }
        }
    }

    /// Element l of vector j to `elements[l * W + j]`.
    fn pack_elements<const W: usize>(&self, bases: &[usize], shifts: &[usize], elements: &mut [u64]) {
        let lines = elements.as_chunks_mut::<W>().0.iter_mut();
        let Ok(bases) = <&[usize; W]>::try_from(bases) else {
            for (line, &shift) in lines.zip(shifts) {
                *line = from_fn(|j| bases.get(j).map_or(0, |base| self.data[base + shift]));
            }
            return;
        };
        if is_run(bases) {
            let data = &self.data[bases[0]..];
            for (line, &shift) in lines.zip(shifts) {
                *line = *data[shift..].first_chunk().expect("invariant: the operand lies inside its data");
            }
        } else if is_run(shifts) {
            // A cache line of each vector at a time.
            let (blocks, rest) = elements.as_chunks_mut::<W>().0.as_chunks_mut::<8>();
            for (j, base) in bases.iter().enumerate() {
                let ahead = base + shifts[0] + STRIP;
                prefetch(self.data.get(ahead..ahead + STRIP).unwrap_or_default());
                let (pieces, piece) = self.data[base + shifts[0]..][..shifts.len()].as_chunks::<8>();
                for (lines, piece) in blocks.iter_mut().zip(pieces) {
                    lines.iter_mut().zip(piece).for_each(|(line, element)| line[j] = *element);
                }
                rest.iter_mut().zip(piece).for_each(|(line, element)| line[j] = *element);
            }
        } else {
            for (line, &shift) in lines.zip(shifts) {
                let data = &self.data[shift..];
                *line = from_fn(|j| data[bases[j]]);
            }
        }
    }
}

/// Packed panels, one after the other, in memory that is used again.
#[derive(Default)]
pub(crate) struct Packed {
    panels: Vec<u64>,
    panel_len: usize,
    elements: Vec<u64>,
}

impl Packed {
    /// The panels.
    pub(crate) fn panels(&self) -> impl Iterator<Item = &[u64]> {
        self.panels.chunks(self.panel_len)
    }
}

/// The flat places, in a tensor of shape `dims`, of all combinations of coordinates; one list an axis.
pub(crate) fn places(coordinates: &[Vec<usize>], dims: &[usize]) -> Vec<usize> {
    let mut places = vec![0];
    for (list, dim) in coordinates.iter().zip(dims) {
        places = places.iter().flat_map(|base| list.iter().map(move |i| base * dim + i)).collect();
    }
    places
}

/// Whether a strictly increasing table counts up by ones.
fn is_run(table: &[usize]) -> bool {
    match table {
        [first, .., last] => last - first == table.len() - 1,
        _ => true,
    }
}
