//! From text to nested messages whose leaves are still raw tokens.

use super::{MAX_DEPTH, TextError, TextErrorKind};
use pest::Parser;

/// The fields of a message, in the file's order.
pub(super) type Message<'a> = Vec<Field<'a>>;

/// One occurrence of a field. A list is as many occurrences as it has elements.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) value: Value<'a>,
    /// Byte offset of the name.
    pub(super) at: usize,
}

/// What a field holds.
pub(super) enum Value<'a> {
    Message(Message<'a>),
    /// A number, a boolean or an enumeration name.
    Atom(&'a str),
    /// One or more quoted strings.
    Strings(&'a str),
}

/// Parses a text into the fields of its top-level message.
pub(super) fn parse(text: &str) -> Result<Message<'_>, TextError> {
    let tokens = Grammar::parse(Rule::file, text).map_err(|error| syntax_error(text, &error))?;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut fields = Message::new();
    let mut name = Name { text: "", at: 0 };
    // The name that the next message or list belongs to.
    let mut pending: Option<Name<'_>> = None;
    for token in tokens {
        let (rule, at, text) = (token.as_rule(), token.as_span().start(), token.as_str());
        let list_name = open.last().filter(|o| o.by == '[').map(|o| o.name);
        let error = |kind| Err(TextError { at, kind });
        match rule {
            Rule::name if list_name.is_some() => return error(TextErrorKind::Syntax),
            Rule::name => {
                name = Name { text, at };
                pending = Some(name);
            }
            Rule::atom | Rule::strings => {
                pending = None;
                let value = if rule == Rule::atom { Value::Atom(text) } else { Value::Strings(text) };
                fields.push(Field { name: name.text, value, at: name.at });
            }
            Rule::list_mark => pending = None,
            Rule::open | Rule::list_open => {
                let Some(name) = pending.take().or(list_name) else { return error(TextErrorKind::Syntax) };
                if open.len() >= MAX_DEPTH {
                    return error(TextErrorKind::TooDeep);
                }
                let by = text.chars().next().unwrap_or('{');
                let outer = (rule == Rule::open).then(|| std::mem::take(&mut fields));
                open.push(Open { name, by, at, outer });
            }
            Rule::close | Rule::list_close => {
                let found = text.chars().next().unwrap_or('}');
                match open.pop() {
                    Some(Open { name, by, outer, .. })
                        if matches!((by, found), ('{', '}') | ('<', '>') | ('[', ']')) =>
                    {
                        if let Some(outer) = outer {
                            let inner = std::mem::replace(&mut fields, outer);
                            fields.push(Field { name: name.text, value: Value::Message(inner), at: name.at });
                        }
                    }
                    _ => return error(TextErrorKind::Unbalanced { found }),
                }
            }
            // The end of the file; other rules are silent or parts of atomic ones, and make no tokens.
            _ => {}
        }
    }
    match open.pop() {
        Some(Open { at, .. }) => Err(TextError { at, kind: TextErrorKind::Truncated }),
        None => Ok(fields),
    }
}

/// A field's name and where it stands.
#[derive(Clone, Copy)]
struct Name<'a> {
    text: &'a str,
    at: usize,
}

/// A message or a list that is not closed yet.
struct Open<'a> {
    name: Name<'a>,
    by: char,
    at: usize,
    /// The fields so far of the message around it; a list has none of its own.
    outer: Option<Message<'a>>,
}

#[derive(pest_derive::Parser)]
#[grammar = "text/grammar.pest"]
struct Grammar;

fn syntax_error(text: &str, error: &pest::error::Error<Rule>) -> TextError {
    use pest::error::InputLocation::{Pos, Span};
    let at = match error.location {
        Pos(at) | Span((at, _)) => at.min(text.len()),
    };
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let kind = match rest {
        [] => TextErrorKind::Truncated,
        [b'"' | b'\'', ..] if rest.contains(&b'\n') => TextErrorKind::OpenString,
        [b'"' | b'\'', ..] => TextErrorKind::Truncated,
        _ => TextErrorKind::Syntax,
    };
    TextError { at, kind }
}
