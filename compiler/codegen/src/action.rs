//! An LLIL op with its attributes decoded: what the emitter writes and the interpreter runs.

use treville_ir::{Attr, Func, OpId};
use treville_llil::{Llil, RoundingMode};
use treville_ring::{ConvSpec, ConvTransposeSpec, Window};

/// What an op does. Its operands, and the shape of its result, stand in the function.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A public tensor, by signed ring elements.
    Constant(Vec<i64>),
    /// Matrix product.
    MatMul,
    /// Convolution.
    Conv(ConvSpec),
    /// Transposed convolution.
    ConvTranspose(ConvTransposeSpec),
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Elementwise product.
    Mul,
    /// Negation.
    Neg,
    /// max(x, 0).
    Relu,
    /// Whether x is at least zero.
    DRelu,
    /// Largest element of each window.
    MaxPool(Window),
    /// Scaled mean of each window.
    AvgPool {
        /// The windows.
        window: Window,
        /// Whether places outside the tensor count.
        count_include_pad: bool,
        /// Fraction bits of the reciprocal of the count.
        divisor_frac: u8,
    },
    /// Index of the first largest element.
    ArgMax {
        /// The axis.
        axis: usize,
        /// Whether the axis stays, with extent 1.
        keepdims: bool,
    },
    /// Sum over axes.
    ReduceSum {
        /// The axes.
        axes: Vec<usize>,
        /// Whether the axes stay, with extent 1.
        keepdims: bool,
    },
    /// Division by 2^shift.
    ScaleDown {
        /// Fraction bits that are dropped.
        shift: u8,
        /// How the result is rounded.
        rounding: RoundingMode,
    },
    /// Multiplication by 2^shift.
    ScaleUp {
        /// Fraction bits that are added.
        shift: u8,
    },
    /// Same elements, other shape.
    Reshape,
    /// Axes permuted.
    Transpose {
        /// Result axis i is operand axis perm[i].
        perm: Vec<usize>,
    },
    /// Zeros around.
    Pad {
        /// Before, by axis.
        begin: Vec<usize>,
        /// After, by axis.
        end: Vec<usize>,
    },
    /// A strided part.
    Slice {
        /// First index, by axis.
        starts: Vec<usize>,
        /// End, by axis.
        ends: Vec<usize>,
        /// Step, by axis.
        steps: Vec<usize>,
    },
    /// Elements by their places.
    Gather {
        /// The axis.
        axis: usize,
        /// Places along it.
        indices: Vec<usize>,
    },
    /// Tensors one after another.
    Concat {
        /// The axis.
        axis: usize,
    },
}

impl Action {
    /// Decodes an op. The function is verified, so that every attribute is there and of its kind.
    ///
    /// # Panics
    /// On an op that this crate does not know; a test holds the list against the dialect's table.
    pub fn decode(func: &Func<Llil>, id: OpId) -> Action {
        let op = func.op(id);
        let attr = |name: &str| {
            op.attrs
                .get(name)
                .unwrap_or_else(|| panic!("invariant: verified op {} has attribute {name}", op.def.mnemonic))
        };
        let int = |name: &str| match attr(name) {
            Attr::Int(v) => *v,
            other => panic!("invariant: {name} is an integer, not {other:?}"),
        };
        let flag = |name: &str| matches!(attr(name), Attr::Bool(true));
        let ints = |name: &str| match attr(name) {
            Attr::Ints(v) => v.clone(),
            other => panic!("invariant: {name} is a list of integers, not {other:?}"),
        };
        let sizes = |name: &str| ints(name).into_iter().map(|v| v as usize).collect::<Vec<_>>();
        let window = |kernel: Vec<usize>| {
            let pads = sizes("pads");
            let (begin, end) = pads.split_at(pads.len() / 2);
            Window {
                kernel,
                strides: sizes("strides"),
                pads_begin: begin.to_vec(),
                pads_end: end.to_vec(),
                dilations: sizes("dilations"),
            }
        };
        let filter_window = || window(func.ty(op.operands[1]).shape[2..].to_vec());
        match op.def.mnemonic {
            "constant" => Action::Constant(ints("value")),
            "matmul" => Action::MatMul,
            "conv" => Action::Conv(ConvSpec { window: filter_window(), groups: int("groups") as usize }),
            "conv_transpose" => Action::ConvTranspose(ConvTransposeSpec {
                window: filter_window(),
                groups: int("groups") as usize,
                output_padding: sizes("output_padding"),
            }),
            "add" => Action::Add,
            "sub" => Action::Sub,
            "mul" => Action::Mul,
            "neg" => Action::Neg,
            "relu" => Action::Relu,
            "drelu" => Action::DRelu,
            "max_pool" => Action::MaxPool(window(sizes("kernel"))),
            "avg_pool" => Action::AvgPool {
                window: window(sizes("kernel")),
                count_include_pad: flag("count_include_pad"),
                divisor_frac: int("divisor_frac") as u8,
            },
            "arg_max" => Action::ArgMax { axis: int("axis") as usize, keepdims: flag("keepdims") },
            "reduce_sum" => Action::ReduceSum { axes: sizes("axes"), keepdims: flag("keepdims") },
            "scale_down" => {
                let mode = attr("rounding").as_str().and_then(RoundingMode::from_name);
                let rounding = mode.expect("invariant: a verified scale_down names a rounding");
                Action::ScaleDown { shift: int("shift") as u8, rounding }
            }
            "scale_up" => Action::ScaleUp { shift: int("shift") as u8 },
            "reshape" => Action::Reshape,
            "transpose" => Action::Transpose { perm: sizes("perm") },
            "pad" => Action::Pad { begin: sizes("begin"), end: sizes("end") },
            "slice" => Action::Slice { starts: sizes("starts"), ends: sizes("ends"), steps: sizes("steps") },
            "gather" => Action::Gather { axis: int("axis") as usize, indices: sizes("indices") },
            "concat" => Action::Concat { axis: int("axis") as usize },
            other => panic!("invariant: codegen knows llil.{other}"),
        }
    }
}
