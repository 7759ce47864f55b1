//! The forms of packed panels.

use std::array::from_fn;

/// How the elements of a panel lie: for each depth, or for two depths together, one line of values after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panel {
    /// The elements of a depth.
    Plain,
    /// The elements of a depth; the same with their 32-bit halves exchanged.
    WithSwappedHalves,
    /// The low halves of the elements of a depth, two in a value: the first of them in its low half.
    Halves,
    /// The elements of one depth; those of the next; for each element pair, the 16-bit numbers (bits from 52 on, low 12 bits) of the
    /// first and of the second.
    SplitLeft,
    /// As `SplitLeft`, with (low 12 bits, bits from 52 on).
    SplitRight,
}

impl Panel {
    /// Values of a panel of `width` vectors over `depth` elements.
    pub(crate) fn len(self, width: usize, depth: usize) -> usize {
        match self {
            Panel::Plain => depth * width,
            Panel::WithSwappedHalves => 2 * depth * width,
            Panel::Halves => depth * width / 2,
            Panel::SplitLeft | Panel::SplitRight => 3 * depth.div_ceil(2) * width,
        }
    }

    /// Writes the panel of these elements, `W` of them for each depth, to the start of `panel`.
    pub(crate) fn write<const W: usize>(self, elements: &[u64], panel: &mut [u64]) {
        let elements = elements.as_chunks::<W>().0;
        let lines = panel.as_chunks_mut::<W>().0;
        match self {
            Panel::Plain => lines[..elements.len()].copy_from_slice(elements),
            Panel::WithSwappedHalves => {
                for (lines, line) in lines.as_chunks_mut().0.iter_mut().zip(elements) {
                    *lines = [*line, line.map(|element| element.rotate_left(32))];
                }
            }
            Panel::Halves => {
                for (value, pair) in panel.iter_mut().zip(elements.as_flattened().as_chunks().0) {
                    let [first, second] = *pair;
                    *value = first & 0xffff_ffff | second << 32;
                }
            }
            Panel::SplitLeft => write_split(elements, lines, |element| element >> 52 | (element & 0xfff) << 16),
            Panel::SplitRight => write_split(elements, lines, |element| element & 0xfff | element >> 52 << 16),
        }
    }
}

#[inline(always)]
fn write_split<const W: usize>(elements: &[[u64; W]], lines: &mut [[u64; W]], crossed: impl Fn(u64) -> u64) {
    for (lines, pair) in lines.as_chunks_mut().0.iter_mut().zip(elements.chunks(2)) {
        let (first, second) = (pair[0], pair.get(1).copied().unwrap_or([0; W]));
        *lines = [first, second, from_fn(|j| crossed(first[j]) | crossed(second[j]) << 32)];
    }
}
