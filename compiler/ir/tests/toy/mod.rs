//! A tiny dialect that has one of everything: both type forms, all attribute kinds, a variadic op, an op with two results.
#![allow(dead_code, unreachable_pub)]

use std::fmt::{Display, Formatter, Result as FmtResult};

use treville_ir::{
    AttrDef, AttrKind, Dialect, ElemType, OpDef, OpView, OperandDef, TensorType, TypeNode, TypeParam, Violation,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toy;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    F32,
    Mod { n: i64, secret: bool },
}

impl Dialect for Toy {
    const NAME: &'static str = "toy";
    type Elem = Elem;
    type Eval = ();
    fn ops() -> &'static [&'static OpDef<Self>] {
        OPS
    }
}

impl ElemType for Elem {
    fn parse(node: &TypeNode) -> Result<Self, String> {
        match node {
            TypeNode::Builtin(name) if name == "f32" => Ok(Self::F32),
            TypeNode::Dialect { dialect, name, params } if dialect == "toy" && name == "mod" => match &params[..] {
                [TypeParam::Int(n), TypeParam::Str(s)] if s == "secret" || s == "public" => {
                    Ok(Self::Mod { n: *n, secret: s == "secret" })
                }
                _ => Err("`!toy.mod` takes a modulus and a secrecy".into()),
            },
            _ => Err("expected `f32` or `!toy.mod`".into()),
        }
    }

    fn irdl() -> String {
        "irdl.type @mod {\n  %n = irdl.any\n  %secrecy = irdl.any\n  irdl.parameters(n: %n, secrecy: %secrecy)\n}"
            .into()
    }
}

impl Display for Elem {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::F32 => f.write_str("f32"),
            Self::Mod { n, secret } => write!(f, "!toy.mod<{n}, \"{}\">", if *secret { "secret" } else { "public" }),
        }
    }
}

static OPS: &[&OpDef<Toy>] = &[&ADD, &JOIN, &HALVES, &EVERYTHING];

type View<'a> = OpView<'a, Toy>;
type Types = Result<Vec<TensorType<Elem>>, Violation>;

pub static ADD: OpDef<Toy> = OpDef {
    mnemonic: "add",
    summary: "The sum.",
    source: "school",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[("C1", "both operands have the same type")],
    infer: |view: &View<'_>| -> Types {
        Violation::unless(view.operand(0) == view.operand(1), "C1", || {
            format!("{} against {}", view.operand(0), view.operand(1))
        })?;
        Ok(vec![view.operand(0).clone()])
    },
    eval: (),
    examples: &[r#"%0 = "toy.add"(%a, %b) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>"#],
    counterexamples: &[("C1", r#"%0 = "toy.add"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>"#)],
};

static JOIN: OpDef<Toy> = OpDef {
    mnemonic: "join",
    summary: "All elements in a row.",
    source: "school",
    operands: &[OperandDef::many("xs")],
    attrs: &[],
    constraints: &[("C1", "there is an operand")],
    infer: |view: &View<'_>| -> Types {
        Violation::unless(!view.operands.is_empty(), "C1", || "there is none".into())?;
        let n = view.operands.iter().map(|t| t.elements()).sum();
        Ok(vec![TensorType::new([n], view.operand(0).elem.clone())])
    },
    eval: (),
    examples: &[
        r#"%0 = "toy.join"(%a, %a, %a) : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<12xf32>"#,
    ],
    counterexamples: &[("C1", r#"%0 = "toy.join"() : () -> tensor<12xf32>"#)],
};

static HALVES: OpDef<Toy> = OpDef {
    mnemonic: "halves",
    summary: "Both halves of a vector.",
    source: "school",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is a vector of even length")],
    infer: |view: &View<'_>| -> Types {
        let &[n] = view.shape(0) else { return Err(Violation::new("C1", "it is no vector")) };
        Violation::unless(n % 2 == 0, "C1", || format!("its length is {n}"))?;
        let half = TensorType::new([n / 2], view.operand(0).elem.clone());
        Ok(vec![half.clone(), half])
    },
    eval: (),
    examples: &[
        r#"%0, %1 = "toy.halves"(%x) : (tensor<4x!toy.mod<67, "secret">>) -> (tensor<2x!toy.mod<67, "secret">>, tensor<2x!toy.mod<67, "secret">>)"#,
    ],
    counterexamples: &[("C1", r#"%0, %1 = "toy.halves"(%x) : (tensor<3xf32>) -> (tensor<1xf32>, tensor<1xf32>)"#)],
};

static EVERYTHING: OpDef<Toy> = OpDef {
    mnemonic: "everything",
    summary: "All attribute kinds.",
    source: "school",
    operands: &[],
    attrs: &[
        AttrDef::new("int", AttrKind::Int, "an integer"),
        AttrDef::new("float", AttrKind::Float, "a float"),
        AttrDef::new("bool", AttrKind::Bool, "a boolean"),
        AttrDef::new("str", AttrKind::Str, "a string"),
        AttrDef::new("ints", AttrKind::Ints, "sizes of the result"),
        AttrDef::new("floats", AttrKind::Floats, "floats"),
        AttrDef::new("strs", AttrKind::Strs, "strings"),
        AttrDef::new("numbers", AttrKind::Numbers, "numbers"),
    ],
    constraints: &[("C1", "`ints` are sizes")],
    infer: |view: &View<'_>| -> Types { Ok(vec![TensorType::new(view.sizes("ints", 0, "C1")?, Elem::F32)]) },
    eval: (),
    examples: &[
        r#"%0 = "toy.everything"() {int = -9223372036854775808 : i64, float = 0.1 : f64, bool = true, str = "a\"b\\c\0A\09ü", ints = [2, 3], floats = [1.5, 0x7FF0000000000000 : f64, -1.0e-300], strs = ["", "x"], numbers = [1, 2]} : () -> tensor<2x3xf32> loc("scope/node \"1\"")"#,
        r#"%0 = "toy.everything"() {int = 1 : i64, float = 0x7FF8000000000000 : f64, bool = false, str = "", ints = [], floats = [], strs = [], numbers = []} : () -> tensor<f32>"#,
    ],
    counterexamples: &[(
        "C1",
        r#"%0 = "toy.everything"() {int = 1 : i64, float = 1.0 : f64, bool = false, str = "", ints = [-1], floats = [], strs = [], numbers = []} : () -> tensor<f32>"#,
    )],
};
