//! The blocked product mod 2^64 of two operands: packed panels for the wide shapes, vector loops for the thin ones.
//!
//! # Source
//! Goto, van de Geijn: Anatomy of high-performance matrix multiplication (TOMS 2008): the loops and what stays in which cache.

use std::array::from_fn;
use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::{AXPY, Loops, MAX_TILE, prefetch};
use crate::operand::{Operand, Packed};

/// Elements of the depth that a packed panel covers: more would not fit in the first-level cache, fewer add to the result more often.
const DEPTH_BLOCK: usize = 512;
/// Columns that are packed together: a block of them stays in the second-level cache.
const COLUMN_BLOCK: usize = 192;
/// Rows that are packed together, once for all columns: a block of them stays in the third-level cache.
const ROW_BLOCK: usize = 768;
/// Up to this many vectors on one side, packing does not pay.
const THIN: usize = 6;
/// Vectors of the other side that a thread then takes at most: their sums stay in the second-level cache.
const THIN_BLOCK: usize = 4096;
/// Products (multiply-adds) that are worth a thread.
const PARALLEL_MIN: usize = 1 << 17;

/// Adds to place j of line i the scalar product of vector i of `left` and vector j of `right`.
pub(crate) fn product(loops: &Loops, left: &Operand, right: &Operand, mut lines: Vec<&mut [u64]>) {
    let (m, n, k) = (left.n_outer(), right.n_outer(), left.n_depth());
    debug_assert!(lines.len() == m && lines.iter().all(|line| line.len() == n) && k == right.n_depth());
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    if m.min(n) <= THIN {
        return thin(loops, left, right, &mut lines);
    }
    // Rounding up to whole tiles wastes more on one side than on the other.
    let padded =
        |rows: usize, columns: usize| rows.next_multiple_of(loops.rows) * columns.next_multiple_of(loops.columns);
    let transposed = padded(n, m) < padded(m, n);
    let (rows, columns) = if transposed { (right, left) } else { (left, right) };
    let (row_cut, column_cut) = cuts(loops, rows.n_outer(), columns.n_outer(), k);
    let (line_cut, place_cut) = if transposed { (column_cut, row_cut) } else { (row_cut, column_cut) };
    cut(lines, n, line_cut, place_cut).into_par_iter().for_each(|block| task(loops, rows, columns, block, transposed));
}

/// The sizes of the blocks that threads take, in rows and columns in the orientation of the tiles.
///
/// Each block packs its operands for itself, so the longer side is cut.
fn cuts(loops: &Loops, rows: usize, columns: usize, k: usize) -> (usize, usize) {
    let n_threads = rayon::current_num_threads().min((rows * columns * k).div_ceil(PARALLEL_MIN));
    let size = |n: usize, tile: usize| n.div_ceil(n_threads).next_multiple_of(tile);
    if rows >= columns { (size(rows, loops.rows), columns) } else { (rows, size(columns, loops.columns)) }
}

/// A block of the result: for each of its rows, its columns.
struct Block<'a> {
    rows: Range<usize>,
    columns: Range<usize>,
    lines: Vec<&'a mut [u64]>,
}

/// Cuts lines of `n` places into blocks.
fn cut(lines: Vec<&mut [u64]>, n: usize, row_cut: usize, column_cut: usize) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    for (i, line) in lines.into_iter().enumerate() {
        if i % row_cut == 0 {
            blocks.extend((0..n).step_by(column_cut).map(|start| Block {
                rows: i..i,
                columns: start..n.min(start + column_cut),
                lines: Vec::with_capacity(row_cut),
            }));
        }
        let current = blocks.len() - n.div_ceil(column_cut);
        for (block, piece) in blocks[current..].iter_mut().zip(line.chunks_mut(column_cut)) {
            block.rows.end = i + 1;
            block.lines.push(piece);
        }
    }
    blocks
}

impl Block<'_> {
    /// What a tile covers from this line and place in the line on.
    fn under(&mut self, [line, place]: [usize; 2], [n_lines, len]: [usize; 2]) -> impl Iterator<Item = &mut [u64]> {
        self.lines.iter_mut().skip(line).take(n_lines).map(move |line| {
            let end = line.len().min(place + len);
            &mut line[place..end]
        })
    }
}

thread_local! {
    /// Room for packed rows and columns: fresh memory for each product would cost as much as a tenth of its time.
    static PACKED: RefCell<[Packed; 2]> = RefCell::default();
}

/// Adds the products of its rows and columns to the block, which is transposed against the tiles or not.
fn task(loops: &Loops, rows: &Operand, columns: &Operand, mut block: Block, transposed: bool) {
    let turned = |[line, place]: [usize; 2]| if transposed { [place, line] } else { [line, place] };
    let (row_range, column_range) = if transposed {
        (block.columns.clone(), block.rows.clone())
    } else {
        (block.rows.clone(), block.columns.clone())
    };
    let size = turned([loops.rows, loops.columns]);
    let mut tile = [0; MAX_TILE];
    let mut multiply = |at: [usize; 2], left: &[u64], right: &[u64]| {
        block.under(at, size).for_each(|line| prefetch(line));
        loops.tile(left, right, &mut tile);
        for (i, line) in block.under(at, size).enumerate() {
            if transposed {
                add(line, tile[i..].iter().step_by(loops.columns));
            } else {
                add(line, &tile[i * loops.columns..]);
            }
        }
    };
    PACKED.with_borrow_mut(|[packed_rows, packed_columns]| {
        for row_block in steps(row_range.clone(), ROW_BLOCK) {
            for depth in steps(0..rows.n_depth(), DEPTH_BLOCK) {
                rows.pack(row_block.clone(), depth.clone(), loops.rows, loops.row_panel, packed_rows);
                for column_block in steps(column_range.clone(), COLUMN_BLOCK) {
                    let (form, depth) = (loops.column_panel, depth.clone());
                    columns.pack(column_block.clone(), depth, loops.columns, form, packed_columns);
                    for (i, left) in packed_rows.panels().enumerate() {
                        let row = row_block.start - row_range.start + i * loops.rows;
                        for (j, right) in packed_columns.panels().enumerate() {
                            let column = column_block.start - column_range.start + j * loops.columns;
                            multiply(turned([row, column]), left, right);
                        }
                    }
                }
            }
        }
    });
}

fn add<'a>(to: &mut [u64], sums: impl IntoIterator<Item = &'a u64>) {
    to.iter_mut().zip(sums).for_each(|(to, sum)| *to = to.wrapping_add(*sum));
}

/// A product with few vectors on one side: a pass over the other side, which is read where it lies.
fn thin(loops: &Loops, left: &Operand, right: &Operand, lines: &mut [&mut [u64]]) {
    let (m, n, k) = (left.n_outer(), right.n_outer(), left.n_depth());
    let (few, many, few_is_left) = if m <= n { (left, right, true) } else { (right, left, false) };
    let few: Vec<Vec<u64>> = (0..few.n_outer()).map(|i| few.vector(i, &mut Vec::new()).to_vec()).collect();
    let n_many = many.n_outer();
    let n_pieces = (n_many * k * few.len()).div_ceil(PARALLEL_MIN).min(4 * rayon::current_num_threads());
    let n_pieces = n_pieces.max(n_many.div_ceil(THIN_BLOCK));
    let piece_len = n_many.div_ceil(n_pieces).next_multiple_of(64);
    let pieces: Vec<(Range<usize>, Vec<Vec<u64>>)> = steps(0..n_many, piece_len)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|range| {
            let sums = if many.is_row_like() {
                thin_dots(loops, &few, many, range.clone())
            } else {
                thin_axpys(loops, &few, many, range.clone())
            };
            (range, sums)
        })
        .collect();
    for (range, sums) in pieces {
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in range.clone().zip(sums) {
                let to = if few_is_left { &mut lines[i][j] } else { &mut lines[j][i] };
                *to = to.wrapping_add(*sum);
            }
        }
    }
}

/// For each of the few vectors, its scalar product with each of the many, vector by vector.
fn thin_dots(loops: &Loops, few: &[Vec<u64>], many: &Operand, range: Range<usize>) -> Vec<Vec<u64>> {
    let mut sums = vec![Vec::with_capacity(range.len()); few.len()];
    let mut buffer = Vec::new();
    for j in range {
        let vector = many.vector(j, &mut buffer);
        for (sums, few) in sums.iter_mut().zip(few) {
            sums.push(loops.dot(few, vector));
        }
    }
    sums
}

/// The same, depth by depth.
fn thin_axpys(loops: &Loops, few: &[Vec<u64>], many: &Operand, range: Range<usize>) -> Vec<Vec<u64>> {
    let mut buffers: [Vec<u64>; AXPY] = Default::default();
    let n_sums = many.across(0, range.clone(), &mut buffers[0]).len();
    let mut sums = vec![vec![0; n_sums]; few.len()];
    for depth in steps(0..many.n_depth(), AXPY) {
        // The last step may be short: then its last vector is added again, times 0.
        let mut depths = depth.clone().chain(std::iter::repeat(depth.end - 1));
        let vectors = buffers.each_mut().map(|buffer| {
            let l = depths.next().expect("invariant: repeats for ever");
            many.across(l, range.clone(), buffer)
        });
        for (sums, few) in sums.iter_mut().zip(few) {
            let factors = from_fn(|i| if i < depth.len() { few[depth.start + i] } else { 0 });
            loops.axpy(&factors, vectors, sums);
        }
    }
    if many.is_column_like(range.clone()) && n_sums > range.len() {
        let pick = |sums: Vec<u64>| many.places(range.clone()).map(|place| sums[place]).collect();
        return sums.into_iter().map(pick).collect();
    }
    sums
}

/// The range in steps of `size`, the last one perhaps shorter.
fn steps(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |start| start..end.min(start + size))
}
