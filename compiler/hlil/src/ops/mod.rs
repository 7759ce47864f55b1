//! The op table, one file an op.

use crate::Hlil;

treville_ir::ops! {
    Hlil;
    constant,
    conv,
    matmul,
    add,
    sub,
    mul,
    neg,
    rsqrt,
    relu,
    max_pool,
    avg_pool,
    batch_norm,
    reduce_mean,
    reshape,
    transpose,
    pad,
    slice,
    concat,
    arg_max,
    softmax,
}
