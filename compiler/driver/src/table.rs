//! Plain tables for people.

/// Columns that are as wide as their widest cell; those that hold numbers are flush right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width =
        |c: usize| rows.iter().map(|r| r[c].chars().count()).chain([header[c].chars().count()]).max().unwrap_or(0);
    let numeric = |c: usize| {
        rows.iter()
            .all(|r| r[c].is_empty() || r[c].starts_with(|ch: char| ch.is_ascii_digit() || ch == '-' || ch == '<'))
    };
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells
            .iter()
            .enumerate()
            .map(
                |(c, cell)| {
                    if numeric(c) { format!("{cell:>w$}", w = width(c)) } else { format!("{cell:<w$}", w = width(c)) }
                },
            )
            .collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    let mut text = line(header.to_vec());
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// A number of bytes in the unit that gives one to three digits before the point.
pub(crate) fn bytes(n: u64) -> String {
    let n = n as f64;
    match n {
        _ if n < 1e3 => format!("{n:.0} B"),
        _ if n < 1e6 => format!("{:.1} kB", n / 1e3),
        _ if n < 1e9 => format!("{:.1} MB", n / 1e6),
        _ => format!("{:.2} GB", n / 1e9),
    }
}

/// A duration in the unit that gives one to three digits before the point.
pub(crate) fn seconds(s: f64) -> String {
    match s {
        _ if s < 1e-3 => format!("{:.0} us", s * 1e6),
        _ if s < 1.0 => format!("{:.1} ms", s * 1e3),
        _ => format!("{s:.2} s"),
    }
}

/// A probability as a power of two.
pub(crate) fn probability(log2: f64) -> String {
    if log2 == f64::NEG_INFINITY { "0".into() } else { format!("2^{log2:.1}") }
}
