//! The syntax tree, before a dialect gives it meaning.

use std::ops::Range;

use pest::Parser;
use pest::iterators::Pair;

use crate::{Attr, AttrKind, Diagnostic, TypeNode, TypeParam};

#[derive(pest_derive::Parser)]
#[grammar = "text/generic.pest"]
struct Grammar;

type Span = Range<usize>;

/// A part of the text with its place.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) node: T,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct FuncNode {
    pub(super) args: Vec<(Spanned<String>, TensorNode)>,
    pub(super) ops: Vec<OpNode>,
    pub(super) attrs: Vec<(Spanned<String>, FuncAttr)>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct OpNode {
    pub(super) results: Vec<Spanned<String>>,
    pub(super) name: Spanned<String>,
    pub(super) operands: Vec<Spanned<String>>,
    pub(super) attrs: Dict,
    pub(super) signature: Signature,
    pub(super) loc: String,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Signature {
    pub(super) operands: Vec<TensorNode>,
    pub(super) results: Vec<TensorNode>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct TensorNode {
    pub(super) shape: Vec<usize>,
    pub(super) elem: TypeNode,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Dict {
    pub(super) entries: Vec<(Spanned<String>, Spanned<AttrNode>)>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum FuncAttr {
    Signature(Signature),
    Dicts(Vec<Dict>),
    Leaf(Spanned<AttrNode>),
}

/// An attribute whose kind is open where the list is empty.
#[derive(Clone, Debug)]
pub(super) enum AttrNode {
    Known(Attr),
    EmptyList,
}

impl AttrNode {
    /// The attribute, with the kind of an empty list as the table has it.
    pub(super) fn resolve(self, kind: Option<AttrKind>) -> Attr {
        match (self, kind) {
            (Self::Known(attr), _) => attr,
            (Self::EmptyList, Some(AttrKind::Floats | AttrKind::Numbers)) => Attr::Floats(Vec::new()),
            (Self::EmptyList, Some(AttrKind::Strs)) => Attr::Strs(Vec::new()),
            (Self::EmptyList, _) => Attr::Ints(Vec::new()),
        }
    }
}

/// Reads a file with one function.
pub(super) fn parse_file(text: &str) -> Result<FuncNode, Diagnostic> {
    func(descend(parse(Rule::file, text)?))
}

/// Reads a single op.
pub(super) fn parse_op(text: &str) -> Result<OpNode, Diagnostic> {
    op(descend(parse(Rule::row, text)?))
}

fn parse(rule: Rule, text: &str) -> Result<Pair<'_, Rule>, Diagnostic> {
    let mut pairs = Grammar::parse(rule, text).map_err(|e| syntax_error(&e))?;
    Ok(pairs.next().expect(GRAMMAR))
}

const GRAMMAR: &str = "invariant: the grammar has this part here";

fn syntax_error(error: &pest::error::Error<Rule>) -> Diagnostic {
    use pest::error::{ErrorVariant, InputLocation};
    let span = match error.location {
        InputLocation::Pos(at) => at..at,
        InputLocation::Span((start, end)) => start..end,
    };
    let expected = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let mut names: Vec<_> = positives.iter().map(|rule| describe(*rule)).collect();
            names.dedup();
            names.join(", ")
        }
        ErrorVariant::CustomError { message } => message.clone(),
    };
    let label = if expected.is_empty() { "unexpected".to_string() } else { format!("expected {expected}") };
    Diagnostic::error("E0101", "the text is not of MLIR's generic form").at_span(span, label)
}

fn describe(rule: Rule) -> String {
    match rule {
        Rule::EOI => "the end".into(),
        Rule::func => "`\"func.func\"`".into(),
        Rule::value | Rule::value_list => "a value such as `%0`".into(),
        Rule::inner | Rule::string => "a string".into(),
        Rule::key => "an attribute's name".into(),
        Rule::dim => "a dimension".into(),
        rule => format!("{rule:?}").replace('_', " "),
    }
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    pair.as_span().start()..pair.as_span().end()
}

fn descend(pair: Pair<'_, Rule>) -> Pair<'_, Rule> {
    pair.into_inner().next().expect(GRAMMAR)
}

fn func(pair: Pair<'_, Rule>) -> Result<FuncNode, Diagnostic> {
    let mut node = FuncNode { args: Vec::new(), ops: Vec::new(), attrs: Vec::new(), span: span(&pair) };
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::block => {
                for part in part.into_inner() {
                    match part.as_rule() {
                        Rule::header => node.args = part.into_inner().map(argument).collect::<Result<_, _>>()?,
                        _ => node.ops.push(op(part)?),
                    }
                }
            }
            Rule::func_dict => node.attrs = part.into_inner().map(func_entry).collect::<Result<_, _>>()?,
            _ => {}
        }
    }
    Ok(node)
}

fn argument(pair: Pair<'_, Rule>) -> Result<(Spanned<String>, TensorNode), Diagnostic> {
    let mut parts = pair.into_inner();
    let name = word(parts.next().expect(GRAMMAR));
    Ok((name, tensor(parts.next().expect(GRAMMAR))?))
}

fn op(pair: Pair<'_, Rule>) -> Result<OpNode, Diagnostic> {
    let op_span = span(&pair);
    let (mut results, mut name, mut operands) = (Vec::new(), None, Vec::new());
    let (mut attrs, mut sig, mut loc) = (Dict { entries: Vec::new(), span: op_span.clone() }, None, String::new());
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::value_list if name.is_none() => results = part.into_inner().map(word).collect(),
            Rule::value_list => operands = part.into_inner().map(word).collect(),
            Rule::string => name = Some(string(part)?),
            Rule::dict => attrs = dict(part)?,
            Rule::signature => sig = Some(signature(part)?),
            _ => loc = string(descend(part))?.node,
        }
    }
    let (name, signature) = (name.expect(GRAMMAR), sig.expect(GRAMMAR));
    Ok(OpNode { results, name, operands, attrs, signature, loc, span: op_span })
}

fn signature(pair: Pair<'_, Rule>) -> Result<Signature, Diagnostic> {
    let span = span(&pair);
    let mut sides = pair.into_inner().map(|side| match side.as_rule() {
        Rule::tensors => side.into_inner().map(tensor).collect(),
        _ => tensor(side).map(|t| vec![t]),
    });
    let (operands, results) = (sides.next().expect(GRAMMAR)?, sides.next().expect(GRAMMAR)?);
    Ok(Signature { operands, results, span })
}

fn tensor(pair: Pair<'_, Rule>) -> Result<TensorNode, Diagnostic> {
    let tensor_span = span(&pair);
    let mut shape = Vec::new();
    let mut elem = None;
    for part in pair.into_inner() {
        let text = part.as_str();
        match part.as_rule() {
            Rule::dim => shape.push(literal(&text[..text.len() - 1], "dimension", span(&part))?),
            Rule::builtin_type => elem = Some(TypeNode::Builtin(text.to_string())),
            _ => elem = Some(dialect_type(part)?),
        }
    }
    Ok(TensorNode { shape, elem: elem.expect(GRAMMAR), span: tensor_span })
}

fn dialect_type(pair: Pair<'_, Rule>) -> Result<TypeNode, Diagnostic> {
    let mut parts = pair.into_inner();
    let mut name = || parts.next().expect(GRAMMAR).as_str().to_string();
    let (dialect, name) = (name(), name());
    let params = parts.next().into_iter().flat_map(Pair::into_inner).map(|param| {
        let param = descend(param);
        Ok(match param.as_rule() {
            Rule::int => TypeParam::Int(literal(param.as_str(), "integer", span(&param))?),
            Rule::string => TypeParam::Str(string(param)?.node),
            _ => TypeParam::Type(param.as_str().to_string()),
        })
    });
    let params = params.collect::<Result<_, Diagnostic>>()?;
    Ok(TypeNode::Dialect { dialect, name, params })
}

fn dict(pair: Pair<'_, Rule>) -> Result<Dict, Diagnostic> {
    let span = span(&pair);
    let entries = pair.into_inner().map(|entry| {
        let mut parts = entry.into_inner();
        Ok((word(parts.next().expect(GRAMMAR)), leaf(parts.next().expect(GRAMMAR))?))
    });
    Ok(Dict { entries: entries.collect::<Result<_, Diagnostic>>()?, span })
}

fn func_entry(pair: Pair<'_, Rule>) -> Result<(Spanned<String>, FuncAttr), Diagnostic> {
    let mut parts = pair.into_inner();
    let key = word(parts.next().expect(GRAMMAR));
    let attr = parts.next().expect(GRAMMAR);
    let attr = match attr.as_rule() {
        Rule::signature => FuncAttr::Signature(signature(attr)?),
        Rule::dicts => FuncAttr::Dicts(attr.into_inner().map(dict).collect::<Result<_, _>>()?),
        _ => FuncAttr::Leaf(leaf(attr)?),
    };
    Ok((key, attr))
}

fn leaf(pair: Pair<'_, Rule>) -> Result<Spanned<AttrNode>, Diagnostic> {
    let leaf_span = span(&pair);
    let pair = descend(pair);
    let attr = match pair.as_rule() {
        Rule::scalar => AttrNode::Known(scalar(pair)?),
        _ => list(pair.into_inner().map(scalar).collect::<Result<_, _>>()?, &leaf_span)?,
    };
    Ok(Spanned { node: attr, span: leaf_span })
}

fn list(items: Vec<Attr>, span: &Span) -> Result<AttrNode, Diagnostic> {
    let Some(first) = items.first() else { return Ok(AttrNode::EmptyList) };
    let attr = match first {
        Attr::Int(_) => items.iter().map(Attr::as_int).collect::<Option<_>>().map(Attr::Ints),
        Attr::Float(_) => items.iter().map(Attr::as_float).collect::<Option<_>>().map(Attr::Floats),
        Attr::Str(_) => items.iter().map(|i| i.as_str().map(str::to_string)).collect::<Option<_>>().map(Attr::Strs),
        _ => None,
    };
    attr.map(AttrNode::Known).ok_or_else(|| {
        let message = "a list must hold only integers, only floats, or only strings";
        Diagnostic::error("E0102", message).at_span(span.clone(), "mixed")
    })
}

fn scalar(pair: Pair<'_, Rule>) -> Result<Attr, Diagnostic> {
    let pair = descend(pair);
    Ok(match pair.as_rule() {
        Rule::bool => Attr::Bool(pair.as_str() == "true"),
        Rule::string => Attr::Str(string(pair)?.node),
        _ => number(pair)?,
    })
}

fn number(pair: Pair<'_, Rule>) -> Result<Attr, Diagnostic> {
    let span = span(&pair);
    let mut parts = pair.into_inner();
    let (digits, ty) = (parts.next().expect(GRAMMAR), parts.next().map(|t| t.as_str()));
    let text = digits.as_str();
    match (digits.as_rule(), ty) {
        (Rule::int, None | Some("i64")) => Ok(Attr::Int(literal(text, "integer", span)?)),
        (Rule::float, None | Some("f64")) => {
            let value: f64 = literal(text, "float", span.clone())?;
            if value.is_finite() {
                return Ok(Attr::Float(value));
            }
            Err(Diagnostic::error("E0102", "the float does not fit 64 bits").at_span(span, "too large"))
        }
        (Rule::hex, Some("f64")) => {
            let bits = u64::from_str_radix(&text[2..], 16);
            let bits = bits.map_err(|_| bad_literal("hexadecimal number", span))?;
            Ok(Attr::Float(f64::from_bits(bits)))
        }
        _ => Err(Diagnostic::error("E0102", "the number's type does not fit it")
            .at_span(span, "integers are `i64`, floats with a point and hexadecimal bits `f64`")),
    }
}

fn literal<T: std::str::FromStr>(text: &str, what: &str, span: Span) -> Result<T, Diagnostic> {
    text.parse().map_err(|_| bad_literal(what, span))
}

fn bad_literal(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error("E0102", format!("the {what} does not fit 64 bits")).at_span(span, "too large")
}

fn word(pair: Pair<'_, Rule>) -> Spanned<String> {
    Spanned { node: pair.as_str().to_string(), span: span(&pair) }
}

fn string(pair: Pair<'_, Rule>) -> Result<Spanned<String>, Diagnostic> {
    let span = span(&pair);
    let raw = descend(pair).as_str();
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (escaped, length) = match tail {
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [c @ (b'"' | b'\\'), ..] => (*c, 1),
            [high, low, ..] => (16 * hex_digit(*high) + hex_digit(*low), 2),
            _ => unreachable!("{GRAMMAR}"),
        };
        bytes.push(escaped);
        rest = &tail[length..];
    }
    match String::from_utf8(bytes) {
        Ok(node) => Ok(Spanned { node, span }),
        Err(_) => {
            Err(Diagnostic::error("E0102", "the string is not UTF-8").at_span(span, "its escapes make other bytes"))
        }
    }
}

fn hex_digit(c: u8) -> u8 {
    char::from(c).to_digit(16).expect(GRAMMAR) as u8
}
