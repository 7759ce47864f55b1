//! The sweep of the paper: every global scale is tried, and the most accurate one is taken.

use super::scale::{SCALES, ScaleError, ScaleSearch};
use super::trial::{ScaleRow, Trials};

/// Tries each global scale and picks the one with the most right decisions, of equal ones the smallest. Without labels, a decision is right
/// where float decides so.
///
/// # Errors
/// Ops without a fixed-point form, and ranges that fit no scale.
///
/// # Source
/// CrypTFlow (Kumar, Rathee, Chandran, Gupta, Rastogi, Sharma; S&P 2020), section 3: Athos tries scales on a validation set.
pub fn sweep(trials: &Trials<'_>) -> Result<ScaleSearch, ScaleError> {
    let (mut rows, mut misfits) = (Vec::new(), Vec::new());
    for scale in SCALES {
        rows.push(match trials.lower(scale, None)? {
            Ok(module) => trials.run(&module, scale),
            Err(diagnostics) => {
                misfits = if misfits.is_empty() { diagnostics } else { misfits };
                trials.misfit(scale)
            }
        });
    }
    match most_accurate(&rows) {
        Some(scale) => Ok(ScaleSearch { scale, scales: None, rows }),
        None => Err(ScaleError::NoFit { diagnostics: misfits }),
    }
}

fn most_accurate(rows: &[ScaleRow]) -> Option<u8> {
    let accuracy = |row: &ScaleRow| row.correct.unwrap_or(row.agreeing);
    let best = rows.iter().filter(|row| row.fits).rev().max_by_key(|row| accuracy(row));
    best.map(|row| row.scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scale: u8, fits: bool, agreeing: usize, correct: Option<usize>) -> ScaleRow {
        ScaleRow { scale, fits, agreeing, correct, max_abs_err: 0.0 }
    }

    #[test]
    fn the_smallest_of_the_most_accurate() {
        let rows = [row(4, true, 7, None), row(5, true, 9, None), row(6, true, 9, None), row(7, false, 0, None)];
        assert_eq!(most_accurate(&rows), Some(5));
        let rows = [row(4, true, 10, Some(6)), row(5, true, 9, Some(8)), row(6, true, 10, Some(7))];
        assert_eq!(most_accurate(&rows), Some(5), "labels count where there are any");
        assert_eq!(most_accurate(&[row(4, false, 0, None)]), None);
    }
}
