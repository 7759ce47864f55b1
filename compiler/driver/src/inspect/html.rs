//! The report as a page of HTML that needs nothing beside it: no script, no font, no picture.

use super::{Report, Section};

const STYLE: &str = "
  :root { color-scheme: light dark; --line: #8884; --weak: #888; --bar: #4a7fb5; --bad: #b5483a }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.5rem; margin-bottom: 0 }
  h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums }
  th { text-align: left; font-weight: normal; color: var(--weak) }
  th, td { padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline }
  td.number, th.number { text-align: right }
  td.name { overflow-wrap: anywhere }
  .bar { display: inline-block; height: .6rem; background: var(--bar); border-radius: 2px }
  .bad { color: var(--bad) }
  pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 4px; font-size: 13px; line-height: 1.4 }
  .weak { color: var(--weak) }
";

/// The page.
pub(super) fn page(report: &Report) -> String {
    let title = escape(&report.file);
    let mut body = format!("<h1>{title}</h1>\n<p class=\"weak\">as <code>treville inspect</code> sees it</p>\n");
    if let Err(failure) = &report.program {
        body += &format!("<h2 class=\"bad\">What stands in the way</h2>\n<pre>{}</pre>\n", escape(&failure.text));
    }
    if let Some(coverage) = &report.coverage {
        body += &section(coverage, None);
    }
    if let Ok(program) = &report.program {
        body += &section(&program.operations, Some(2));
        if !program.notes.is_empty() {
            let notes: String = program.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
            body += &format!("<h2>notes</h2>\n<ul>\n{notes}</ul>\n");
        }
        body += &section(&program.nodes, Some(3));
        body += &section(&program.signature, None);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A heading and its table, with bars for the numbers of one column.
fn section(section: &Section, bars: Option<usize>) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let numeric = |column: usize| {
        let mut cells = section.rows.iter().map(|row| row[column].as_str());
        cells.any(is_number) && section.rows.iter().all(|row| row[column].is_empty() || is_number(&row[column]))
    };
    let numeric: Vec<bool> = (0..section.header.len()).map(numeric).collect();
    let class = |column: usize| if numeric[column] { "number" } else { "name" };
    let value = |row: &[String]| bars.and_then(|column| row[column].parse::<f64>().ok()).unwrap_or(0.0);
    let greatest = section.rows.iter().map(|row| value(row)).fold(0.0, f64::max);
    let mut rows = String::new();
    for row in &section.rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let bad = if cell == "NOT SUPPORTED" { " bad" } else { "" };
            format!("<td class=\"{}{bad}\">{}</td>", class(column), escape(cell))
        });
        let width = if greatest > 0.0 { 12.0 * value(row) / greatest } else { 0.0 };
        let bar = bars.map(|_| format!("<td><span class=\"bar\" style=\"width:{width:.2}rem\"></span></td>"));
        rows += &format!("<tr>{}{}</tr>\n", cells.collect::<String>(), bar.unwrap_or_default());
    }
    let header: String = section
        .header
        .iter()
        .enumerate()
        .map(|(column, name)| format!("<th class=\"{}\">{}</th>", class(column), escape(name)))
        .collect();
    let header = header + if bars.is_some() { "<th></th>" } else { "" };
    format!("<h2>{}</h2>\n<table>\n<tr>{header}</tr>\n{rows}</table>\n", escape(&section.heading))
}

/// Text as it stands in a page: names in a model may hold anything.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn names_in_a_model_are_text_and_nothing_else() {
        let row = vec!["<script>alert(1)</script>".to_string(), "\"'&".to_string()];
        let coverage = Section { heading: "<b>".into(), header: vec!["a", "b"], rows: vec![row] };
        let report =
            Report { file: "<i>".into(), coverage: Some(coverage), program: Err(Failure::other("<u> & more")) };
        let page = report.html();
        for tag in ["<script>", "<b>", "<i>", "<u>"] {
            assert!(!page.contains(tag), "{page}");
        }
        assert!(page.contains("&quot;&#39;&amp;") && page.contains("&lt;u&gt; &amp; more"), "{page}");
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let row = |name: &str, n: &str| vec![name.to_string(), n.to_string()];
        let rows = vec![row("a", "50"), row("b", "100"), row("c", "")];
        let page = section(&Section { heading: "h".into(), header: vec!["op", "n"], rows }, Some(1));
        let widths: Vec<&str> = page.split("width:").skip(1).filter_map(|p| p.split("rem").next()).collect();
        assert_eq!(widths, ["6.00", "12.00", "0.00"]);
        assert!(page.contains("<td class=\"number\">50</td>") && page.contains("<td class=\"name\">a</td>"), "{page}");
    }
}
