//! The blocked product mod 2^64 of two operands: packed panels for the wide shapes, vector loops for the thin ones.
//!
//! # Source
//! Goto, van de Geijn: Anatomy of high-performance matrix multiplication (TOMS 2008): the loops and what stays in which cache.

use std::array::from_fn;
use std::ops::Range;

use rayon::prelude::*;

use crate::kernel::{AXPY, Loops, MAX_TILE};
use crate::operand::{Operand, Packed};

/// Elements of the depth that a packed panel covers: a left panel stays in the first-level cache.
const DEPTH_BLOCK: usize = 256;
/// Columns of a task: a packed block of them stays in the second-level cache.
const COLUMN_BLOCK: usize = 384;
/// Up to this many vectors on one side, packing does not pay.
const THIN: usize = 6;
/// Vectors of the other side that a thread then takes at most: their sums stay in the second-level cache.
const THIN_BLOCK: usize = 4096;
/// Products (multiply-adds) that are worth a thread.
const PARALLEL_MIN: usize = 1 << 17;

/// Adds to `out`, row-major, the scalar product of vector i of `left` and vector j of `right` at row i and column j.
pub(crate) fn product(loops: &Loops, left: &Operand, right: &Operand, out: &mut [u64]) {
    let (m, n, k) = (left.n_outer(), right.n_outer(), left.n_depth());
    debug_assert!(out.len() == m * n && k == right.n_depth());
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    if m.min(n) <= THIN {
        return thin(loops, left, right, out);
    }
    // Rounding up to whole tiles wastes more on one side than on the other.
    let padded =
        |rows: usize, columns: usize| rows.next_multiple_of(loops.rows) * columns.next_multiple_of(loops.columns);
    let transposed = padded(n, m) < padded(m, n);
    let (rows, columns) = if transposed { (right, left) } else { (left, right) };
    let (row_cut, column_cut) = cuts(loops, rows.n_outer(), columns.n_outer(), k);
    let blocks = if transposed { cut(out, n, column_cut, row_cut) } else { cut(out, n, row_cut, column_cut) };
    blocks.into_par_iter().for_each(|mut block| {
        let (row_range, column_range) = if transposed {
            (block.columns.clone(), block.rows.clone())
        } else {
            (block.rows.clone(), block.columns.clone())
        };
        task(loops, rows, columns, row_range, column_range, |row, column, tile| {
            if transposed {
                for (j, line) in block.lines.iter_mut().skip(column).take(loops.columns).enumerate() {
                    let sums = tile[j..].iter().step_by(loops.columns);
                    line[row..].iter_mut().zip(sums).for_each(|(to, sum)| *to = to.wrapping_add(*sum));
                }
            } else {
                for (line, sums) in block.lines.iter_mut().skip(row).zip(tile.chunks(loops.columns)) {
                    line[column..].iter_mut().zip(sums).for_each(|(to, sum)| *to = to.wrapping_add(*sum));
                }
            }
        });
    });
}

/// The sizes of the blocks that threads take, in rows and columns in the orientation of the tiles.
///
/// Each block packs its operands for itself, so the longer side is cut.
fn cuts(loops: &Loops, rows: usize, columns: usize, k: usize) -> (usize, usize) {
    let n_threads = rayon::current_num_threads().min((rows * columns * k).div_ceil(PARALLEL_MIN));
    let n_column_blocks = columns.div_ceil(COLUMN_BLOCK);
    let (row_parts, column_parts) = if rows >= columns {
        (n_threads.div_ceil(n_column_blocks), n_column_blocks)
    } else {
        (1, n_column_blocks.next_multiple_of(n_threads))
    };
    let size = |n: usize, parts: usize, tile: usize| n.div_ceil(parts).next_multiple_of(tile);
    (size(rows, row_parts, loops.rows), size(columns, column_parts, loops.columns))
}

/// A block of the result: for each of its rows, its columns.
struct Block<'a> {
    rows: Range<usize>,
    columns: Range<usize>,
    lines: Vec<&'a mut [u64]>,
}

/// Cuts a matrix with `n` columns into blocks.
fn cut(out: &mut [u64], n: usize, row_cut: usize, column_cut: usize) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    for (i, line) in out.chunks_mut(n).enumerate() {
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

/// Hands each tile of the block to `add`, with its place in the block; once for each part of the depth.
fn task(
    loops: &Loops,
    rows: &Operand,
    columns: &Operand,
    row_range: Range<usize>,
    column_range: Range<usize>,
    mut add: impl FnMut(usize, usize, &[u64]),
) {
    let (mut packed_row, mut packed_columns) = (Packed::default(), Packed::default());
    let mut tile = [0; MAX_TILE];
    for depth in steps(0..rows.n_depth(), DEPTH_BLOCK) {
        columns.pack(column_range.clone(), depth.clone(), loops.columns, loops.column_panel, &mut packed_columns);
        for row in steps(row_range.clone(), loops.rows) {
            rows.pack(row.clone(), depth.clone(), loops.rows, loops.row_panel, &mut packed_row);
            let left = packed_row.panels().next().expect("invariant: a step is not empty");
            for (j, right) in packed_columns.panels().enumerate() {
                loops.tile(left, right, &mut tile);
                add(row.start - row_range.start, j * loops.columns, &tile[..loops.rows * loops.columns]);
            }
        }
    }
}

/// A product with few vectors on one side: a pass over the other side, which is read where it lies.
fn thin(loops: &Loops, left: &Operand, right: &Operand, out: &mut [u64]) {
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
                let to = &mut out[if few_is_left { i * n + j } else { j * n + i }];
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
