//! Diagnostics: what is wrong, where in the model or text, and what to do about it.

use std::fmt::{Display, Formatter, Result as FmtResult};
use std::ops::Range;

use codespan_reporting::diagnostic as codespan;
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{self, termcolor};

use crate::attr::StrText;

/// A message about a model or a text. Diagnostics are collected, not thrown one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The stable code, such as `E0203`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where; the first label is the primary one.
    pub labels: Vec<Label>,
    /// Further facts.
    pub notes: Vec<String>,
    /// What the user can do.
    pub help: Option<String>,
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Note,
    /// The result may not be what was meant.
    Warning,
    /// There is no result.
    Error,
}

/// A place, and what is the matter there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// What is the matter there.
    pub text: String,
}

/// A place in a model or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A node of the model, by name; a [`Listing`] finds its line.
    Node(String),
    /// Bytes of the listing's text.
    Span(Range<usize>),
}

impl Diagnostic {
    /// An error without places.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without places.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note without places.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    /// A diagnostic without places.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), labels: Vec::new(), notes: Vec::new(), help: None }
    }

    /// Adds a label at a model's node.
    pub fn at_node(mut self, node: impl Into<String>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: Place::Node(node.into()), text: text.into() });
        self
    }

    /// Adds a label at bytes of the text.
    pub fn at_span(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: Place::Span(span), text: text.into() });
        self
    }

    /// Adds a note.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets the help line.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The first node that a label names.
    pub fn node(&self) -> Option<&str> {
        self.labels.iter().find_map(|l| if let Place::Node(name) = &l.place { Some(name.as_str()) } else { None })
    }
}

impl Display for Severity {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One line, for logs: `error[E0204]: message, at node`. [`render`] shows the whole diagnostic.
impl Display for Diagnostic {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        match self.node() {
            Some(node) if !node.is_empty() => write!(f, ", at `{node}`"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// The text that labels point into: a file of IR, or an importer's listing with one line for each node of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    file: String,
    text: String,
    nodes: indexmap::IndexMap<String, Range<usize>>,
}

impl Listing {
    /// An empty listing of the model in `file`.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// A listing that is a text file; a node's line is found by its `loc("...")`.
    pub fn of_text(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), ..Self::default() }
    }

    /// Appends the line of a node. The first node of a name keeps it.
    pub fn push(&mut self, node: impl Into<String>, line: &str) {
        let start = self.text.len();
        self.text.extend(line.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
        let span = start..self.text.len();
        self.text.push('\n');
        self.nodes.entry(node.into()).or_insert(span);
    }

    /// The listing's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes that stand for a node.
    pub fn span(&self, node: &str) -> Option<Range<usize>> {
        let in_text = || {
            let pattern = format!("loc({})", StrText(node));
            self.text.find(&pattern).map(|start| start..start + pattern.len())
        };
        self.nodes.get(node).cloned().or_else(in_text)
    }

    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(span.end.clamp(start, self.text.len()));
        start..end
    }
}

/// Diagnostics as text over a listing, with terminal colours if asked for. A label whose node the listing does not hold becomes a note.
pub fn render<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, listing: &Listing, color: bool) -> String {
    let file = SimpleFile::new(listing.file.as_str(), listing.text.as_str());
    let config = term::Config::default();
    let mut out = if color { termcolor::Buffer::ansi() } else { termcolor::Buffer::no_color() };
    for diagnostic in diagnostics {
        term::emit_to_write_style(&mut out, &config, &file, &to_codespan(diagnostic, listing))
            .expect("invariant: labels are clamped to the listing, and writing to memory does not fail");
    }
    String::from_utf8_lossy(out.as_slice()).into_owned()
}

fn to_codespan(diagnostic: &Diagnostic, listing: &Listing) -> codespan::Diagnostic<()> {
    let severity = match diagnostic.severity {
        Severity::Error => codespan::Severity::Error,
        Severity::Warning => codespan::Severity::Warning,
        Severity::Note => codespan::Severity::Note,
    };
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    for Label { place, text } in &diagnostic.labels {
        let span = match place {
            Place::Span(span) => Some(span.clone()),
            Place::Node(node) => listing.span(node),
        };
        match (span, place) {
            (Some(span), _) => {
                let style =
                    if labels.is_empty() { codespan::LabelStyle::Primary } else { codespan::LabelStyle::Secondary };
                labels.push(codespan::Label::new(style, (), listing.clamp(&span)).with_message(text));
            }
            (None, Place::Node(node)) if !node.is_empty() => notes.push(format!("at `{node}`: {text}")),
            (None, _) => {}
        }
    }
    notes.extend(diagnostic.notes.iter().cloned());
    notes.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    codespan::Diagnostic::new(severity)
        .with_code(diagnostic.code)
        .with_message(&diagnostic.message)
        .with_labels(labels)
        .with_notes(notes)
}
