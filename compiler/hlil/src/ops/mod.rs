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
    div,
    neg,
    max,
    relu,
    clip,
    apply,
    floor,
    round,
    cast,
    greater,
    equal,
    select,
    max_pool,
    avg_pool,
    batch_norm,
    reduce_sum,
    reduce_mean,
    reduce_max,
    reshape,
    transpose,
    pad,
    slice,
    gather,
    concat,
    arg_max,
    softmax,
}
