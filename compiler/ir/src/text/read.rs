//! The reader: a syntax tree becomes a function of a dialect, through the checked builder.

use std::collections::BTreeMap;

use super::ast::{self, Dict, FuncAttr, FuncNode, OpNode, Spanned, TensorNode};
use crate::{
    Arg, ArgKind, Attr, AttrKind, Attrs, BuildError, Diagnostic, Dialect, ElemType, Func, FuncResult, Post, TensorType,
    ValueId, annotate::ANNOTATIONS,
};

/// Reads a function and verifies it.
///
/// # Errors
/// Everything that is wrong with the text, with places in it. There is no text that makes it panic.
pub fn parse<D: Dialect>(text: &str) -> Result<Func<D>, Vec<Diagnostic>> {
    let node = ast::parse_file(text).map_err(|e| vec![e])?;
    let mut reader = Reader { func: Func::<D>::new(""), values: BTreeMap::new(), faults: Vec::new() };
    reader.read(&node);
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    reader.func.verify()?;
    Ok(reader.func)
}

struct Reader<D: Dialect> {
    func: Func<D>,
    /// Values by name; `None` where the definition is faulty, so that its users are not reported as well.
    values: BTreeMap<String, Option<ValueId>>,
    faults: Vec<Diagnostic>,
}

impl<D: Dialect> Reader<D> {
    fn read(&mut self, node: &FuncNode) {
        let signature = FuncAttrs::new(node, &mut self.faults);
        self.func = Func::new(signature.name.clone());
        self.read_args(node, &signature);
        let Some((last, ops)) = node.ops.split_last().filter(|(last, _)| last.name.node == "func.return") else {
            self.fault("E0103", "the function does not end with `func.return`", &node.span, "here");
            return;
        };
        for op in ops {
            self.read_op(op);
        }
        self.read_return(last, node, &signature);
    }

    fn read_args(&mut self, node: &FuncNode, signature: &FuncAttrs<'_>) {
        if signature.args.len() != node.args.len() || signature.arg_types.len() != node.args.len() {
            let message = "`arg_attrs` and `function_type` must have one entry for each argument of the block";
            self.fault("E0103", message, &node.span, "in this function");
            return;
        }
        let declared = node.args.iter().zip(&signature.args).zip(signature.arg_types);
        for (((name, ty), attrs), same_ty) in declared {
            let value = self.read_arg(ty, attrs);
            if (&ty.shape, &ty.elem) != (&same_ty.shape, &same_ty.elem) {
                self.fault("E0105", "the argument's type differs from `function_type`", &ty.span, "here");
            }
            self.define(name, value);
        }
    }

    fn read_arg(&mut self, ty: &TensorNode, attrs: &Dict) -> Option<ValueId> {
        let ty = self.tensor(ty)?;
        let mut attrs = self.own_attrs(attrs);
        let (kind, name, owner) = (attrs.string("kind"), attrs.string("name"), attrs.string("owner"));
        let kind = kind.and_then(|kind| match kind.as_str() {
            "input" => Some(ArgKind::Input),
            "weight" => Some(ArgKind::Weight),
            _ => attrs.wrong("kind", "`input` or `weight`"),
        });
        let annotations = attrs.rest();
        self.faults.append(&mut attrs.faults);
        Some(self.func.add_arg(Arg { name: name?, ty, owner: owner?, kind: kind?, annotations }))
    }

    fn read_return(&mut self, op: &OpNode, node: &FuncNode, signature: &FuncAttrs<'_>) {
        if !op.results.is_empty() || !op.attrs.entries.is_empty() || !op.signature.results.is_empty() {
            self.fault("E0103", "`func.return` has operands only", &op.span, "here");
        }
        let Some(values) = self.operands(op) else { return };
        if signature.results.len() != values.len() || signature.result_types.len() != values.len() {
            let message = "`res_attrs` and `function_type` must have one entry for each operand of `func.return`";
            self.fault("E0103", message, &node.span, "in this function");
            return;
        }
        let mut results = Vec::new();
        for ((value, attrs), ty) in values.into_iter().zip(&signature.results).zip(signature.result_types) {
            if self.tensor(ty).is_some_and(|ty| ty != *self.func.ty(value)) {
                self.fault("E0105", "the result's type differs from `function_type`", &ty.span, "here");
            }
            let mut attrs = self.own_attrs(attrs);
            let (name, owners, post) = (attrs.string("name"), attrs.strings("owner"), attrs.string("post"));
            let post = post.and_then(|post| match post.as_str() {
                "none" => Some(Post::None),
                "softmax" => Some(Post::Softmax),
                _ => attrs.wrong("post", "`none` or `softmax`"),
            });
            if let Some((key, _)) = attrs.rest().first() {
                attrs.wrong::<()>(key, "absent: results have `name`, `owner` and `post`");
            }
            self.faults.append(&mut attrs.faults);
            if let (Some(name), Some(owners), Some(post)) = (name, owners, post) {
                results.push(FuncResult { value, name, owners, post });
            }
        }
        self.func.set_results(results);
    }

    fn read_op(&mut self, op: &OpNode) {
        let results = self.build_op(op).unwrap_or_default();
        if !results.is_empty() && results.len() != op.results.len() {
            let text = format!("it has {}", results.len());
            self.fault("E0104", "the op's results have the wrong number of names", &op.span, &text);
        }
        for (i, name) in op.results.iter().enumerate() {
            self.define(name, results.get(i).copied());
        }
    }

    fn build_op(&mut self, op: &OpNode) -> Option<Vec<ValueId>> {
        let operands = self.operands(op)?;
        let mnemonic = op.name.node.strip_prefix(D::NAME).and_then(|rest| rest.strip_prefix('.'));
        let def = mnemonic.and_then(D::op).ok_or_else(|| BuildError::UnknownOp {
            op: op.name.node.clone(),
            known: D::ops().iter().map(|op| op.mnemonic).collect(),
        });
        let def = match def {
            Ok(def) => def,
            Err(e) => {
                self.faults.push(Diagnostic::from(e).at_span(op.name.span.clone(), "here"));
                return None;
            }
        };
        let kinds: BTreeMap<_, _> = def.attrs.iter().map(|a| (a.name, a.kind)).collect();
        let (attrs, annotations) = self.split_attrs(&op.attrs, &kinds)?;
        let results = match self.func.try_push(def, &operands, attrs, &op.loc) {
            Ok(results) => results,
            Err(e) => {
                self.faults.push(Diagnostic::from(e).at_span(op.name.span.clone(), "here"));
                return None;
            }
        };
        let id = self.func.last_op().expect("invariant: an op was just pushed");
        annotations.into_iter().for_each(|(key, attr)| self.func.annotate(id, &key, attr));
        let declared: Vec<_> = op.signature.results.iter().map(|t| self.tensor(t)).collect::<Option<_>>()?;
        let inferred: Vec<_> = results.iter().map(|v| self.func.ty(*v).clone()).collect();
        if declared != inferred {
            let text: Vec<_> = inferred.iter().map(TensorType::to_string).collect();
            let text = format!("the op's result is {}", text.join(", "));
            self.fault("E0105", "the declared result type is not the inferred one", &op.signature.span, &text);
        }
        Some(results)
    }

    /// Looks the operands up and compares their types with the declared ones.
    fn operands(&mut self, op: &OpNode) -> Option<Vec<ValueId>> {
        let found: Option<Vec<_>> = op.operands.iter().map(|name| self.lookup(name)).collect();
        if op.signature.operands.len() != op.operands.len() {
            let text = format!("{} types for {} operands", op.signature.operands.len(), op.operands.len());
            self.fault("E0105", "the signature does not fit the operands", &op.signature.span, &text);
            return None;
        }
        let values = found?;
        for (value, declared) in values.iter().zip(&op.signature.operands) {
            let ty = self.tensor(declared)?;
            if ty != *self.func.ty(*value) {
                let text = format!("the value is {}", self.func.ty(*value));
                self.fault("E0105", "the declared operand type is not the value's", &declared.span, &text);
            }
        }
        Some(values)
    }

    fn lookup(&mut self, name: &Spanned<String>) -> Option<ValueId> {
        match self.values.get(&name.node) {
            Some(value) => *value,
            None => {
                self.fault("E0104", &format!("`{}` is not defined before its use", name.node), &name.span, "here");
                None
            }
        }
    }

    fn define(&mut self, name: &Spanned<String>, value: Option<ValueId>) {
        if self.values.insert(name.node.clone(), value).is_some() {
            self.fault("E0104", &format!("`{}` is defined twice", name.node), &name.span, "again here");
        }
    }

    fn tensor(&mut self, node: &TensorNode) -> Option<TensorType<D::Elem>> {
        tensor::<D>(node).map_err(|e| self.faults.push(e)).ok()
    }

    fn fault(&mut self, code: &'static str, message: &str, span: &std::ops::Range<usize>, text: &str) {
        self.faults.push(Diagnostic::error(code, message).at_span(span.clone(), text));
    }

    fn split_attrs(&mut self, dict: &Dict, kinds: &BTreeMap<&str, AttrKind>) -> Option<(Attrs, Attrs)> {
        split_attrs::<D>(dict, kinds).map_err(|e| self.faults.push(e)).ok()
    }

    fn own_attrs(&mut self, dict: &Dict) -> OwnAttrs {
        let kinds = BTreeMap::from([("owner", AttrKind::Strs)]);
        let (foreign, own) = self.split_attrs(dict, &kinds).unwrap_or_default();
        let mut attrs = OwnAttrs { own, span: dict.span.clone(), faults: Vec::new() };
        if let Some((key, _)) = foreign.first() {
            attrs.wrong::<()>(key, &format!("prefixed with `{}.`", D::NAME));
        }
        attrs
    }
}

/// Reads a tensor type of the dialect.
pub(super) fn tensor<D: Dialect>(node: &TensorNode) -> Result<TensorType<D::Elem>, Diagnostic> {
    let fault =
        |text: String| Diagnostic::error("E0106", "the type is not acceptable").at_span(node.span.clone(), text);
    let ty = TensorType::new(node.shape.clone(), D::Elem::parse(&node.elem).map_err(fault)?);
    ty.check().map_err(|e| fault(e.to_string()))?;
    Ok(ty)
}

/// An op's own attributes, and those with the dialect's prefix, without it.
pub(super) fn split_attrs<D: Dialect>(
    dict: &Dict,
    kinds: &BTreeMap<&str, AttrKind>,
) -> Result<(Attrs, Attrs), Diagnostic> {
    let (mut own, mut prefixed) = (Attrs::new(), Attrs::new());
    for (key, attr) in &dict.entries {
        let node = attr.node.clone();
        let stripped = key.node.strip_prefix(D::NAME).and_then(|rest| rest.strip_prefix('.'));
        let old = match stripped {
            Some(name) => {
                let annotation = ANNOTATIONS.iter().find(|a| a.key == name).map(|a| a.kind);
                prefixed.insert(name.to_string(), node.resolve(annotation.or(kinds.get(name).copied())))
            }
            None => own.insert(key.node.clone(), node.resolve(kinds.get(key.node.as_str()).copied())),
        };
        if old.is_some() {
            let message = format!("attribute `{}` stands twice", key.node);
            return Err(Diagnostic::error("E0104", message).at_span(key.span.clone(), "again here"));
        }
    }
    Ok((own, prefixed))
}

/// The attributes of one argument or result.
struct OwnAttrs {
    own: Attrs,
    span: std::ops::Range<usize>,
    faults: Vec<Diagnostic>,
}

impl OwnAttrs {
    fn string(&mut self, key: &str) -> Option<String> {
        match self.own.shift_remove(key) {
            Some(Attr::Str(text)) => Some(text),
            _ => self.wrong(key, "a string"),
        }
    }

    fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        match self.own.shift_remove(key) {
            Some(Attr::Strs(list)) => Some(list),
            _ => self.wrong(key, "a list of strings"),
        }
    }

    fn rest(&mut self) -> Attrs {
        std::mem::take(&mut self.own)
    }

    fn wrong<T>(&mut self, key: &str, expected: &str) -> Option<T> {
        let message = format!("attribute `{key}` must be {expected}");
        self.faults.push(Diagnostic::error("E0103", message).at_span(self.span.clone(), "here"));
        None
    }
}

/// The attributes of `func.func`.
struct FuncAttrs<'a> {
    name: String,
    args: Vec<Dict>,
    results: Vec<Dict>,
    arg_types: &'a [TensorNode],
    result_types: &'a [TensorNode],
}

impl<'a> FuncAttrs<'a> {
    fn new(node: &'a FuncNode, faults: &mut Vec<Diagnostic>) -> Self {
        let mut attrs =
            Self { name: String::new(), args: Vec::new(), results: Vec::new(), arg_types: &[], result_types: &[] };
        let mut seen = Vec::new();
        for (key, attr) in &node.attrs {
            if !attrs.set(&key.node, attr) || seen.contains(&key.node.as_str()) {
                let message =
                    format!("attribute `{}` of the function is unknown, twice, or of the wrong kind", key.node);
                faults.push(Diagnostic::error("E0103", message).at_span(key.span.clone(), "here"));
            }
            seen.push(&key.node);
        }
        for key in ["arg_attrs", "function_type", "res_attrs", "sym_name"] {
            if !seen.contains(&key) {
                let message = format!("the function lacks its attribute `{key}`");
                faults.push(Diagnostic::error("E0103", message).at_span(node.span.clone(), "in this function"));
            }
        }
        attrs
    }

    /// Takes one attribute over; whether it is known and of the right kind.
    fn set(&mut self, key: &str, attr: &'a FuncAttr) -> bool {
        match (key, attr) {
            ("arg_attrs", FuncAttr::Dicts(dicts)) => self.args = dicts.clone(),
            ("res_attrs", FuncAttr::Dicts(dicts)) => self.results = dicts.clone(),
            ("arg_attrs" | "res_attrs", FuncAttr::Leaf(leaf)) => return matches!(leaf.node, ast::AttrNode::EmptyList),
            ("function_type", FuncAttr::Signature(signature)) => {
                (self.arg_types, self.result_types) = (&signature.operands, &signature.results);
            }
            ("sym_name", FuncAttr::Leaf(leaf)) => match &leaf.node {
                ast::AttrNode::Known(Attr::Str(name)) => self.name = name.clone(),
                _ => return false,
            },
            _ => return false,
        }
        true
    }
}
