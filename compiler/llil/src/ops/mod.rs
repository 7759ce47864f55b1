//! The op table: one file an op, one line each in the list.

treville_ir::ops! { crate::Llil;
    constant,
    add,
    sub,
    neg,
    mul,
    matmul,
    conv,
    relu,
    max_pool,
    avg_pool,
    arg_max,
    scale_down,
    scale_up,
    reshape,
    transpose,
    pad,
    slice,
    concat,
}
