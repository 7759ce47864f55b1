"""The graphs that have an answer: each op and attribute of the front end, alone and in the company that it meets."""

from harness import Case, set_const, strip_defaults

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def write():
    """Writes all of them."""
    for group in (
        convolutions,
        volumes,
        transposed_convolutions,
        depthwise_convolutions,
        pools,
        arithmetic,
        functions,
        comparisons,
        shapes,
        moves,
        shape_arithmetic,
        resizes,
        reductions,
        normalizations,
        combinations,
        encodings,
    ):
        group()


def convolutions():
    for name, size, kernel, strides, padding, dilations in [
        ("valid", (5, 6), (3, 3), (1, 1), "VALID", (1, 1)),
        ("valid_s2_leftover", (6, 7), (3, 2), (2, 2), "VALID", (1, 1)),
        ("valid_s3", (8, 7), (2, 3), (3, 3), "VALID", (1, 1)),
        ("same", (5, 6), (3, 3), (1, 1), "SAME", (1, 1)),
        ("same_even_kernel", (5, 6), (2, 4), (1, 1), "SAME", (1, 1)),
        ("same_s2_even_size", (6, 8), (3, 3), (2, 2), "SAME", (1, 1)),
        ("same_s2_odd_size", (5, 7), (3, 3), (2, 2), "SAME", (1, 1)),
        ("same_s2_even_kernel", (7, 6), (4, 2), (2, 2), "SAME", (1, 1)),
        ("same_s3", (7, 8), (5, 4), (3, 3), "SAME", (1, 1)),
        ("same_unequal_strides", (6, 7), (3, 3), (2, 1), "SAME", (1, 1)),
        ("same_stride_exceeds_kernel", (7, 8), (1, 2), (2, 3), "SAME", (1, 1)),
        ("same_kernel_exceeds_size", (2, 3), (5, 5), (1, 1), "SAME", (1, 1)),
        ("explicit", (5, 6), (3, 3), (1, 1), [[0, 0], [1, 2], [0, 3], [0, 0]], (1, 1)),
        ("explicit_s2", (5, 6), (3, 2), (2, 2), [[0, 0], [2, 0], [1, 2], [0, 0]], (1, 1)),
        ("dilated_valid", (7, 8), (3, 2), (1, 1), "VALID", (2, 3)),
        ("dilated_same", (6, 7), (3, 3), (1, 1), "SAME", (2, 1)),
        ("dilated_same_even_kernel", (6, 7), (2, 4), (1, 1), "SAME", (3, 2)),
        ("dilated_same_s2", (7, 8), (3, 2), (2, 2), "SAME", (2, 2)),
        ("pointwise", (3, 2), (1, 1), (1, 1), "SAME", (1, 1)),
    ]:
        shown = "EXPLICIT" if isinstance(padding, list) else padding
        with Case(f"conv2d_{name}", f"Conv2D {shown} on {size}, kernel {kernel}, strides {strides}, dilations {dilations}") as g:
            x = g.input(1, *size, 2)
            g.output(tf.nn.conv2d(x, g.const(*kernel, 2, 3), strides=strides, padding=padding, dilations=dilations))
    with Case("conv2d_unknown_batch", "Conv2D whose batch dimension is unknown") as g:
        g.output(tf.nn.conv2d(g.input(None, 4, 5, 2), g.const(3, 3, 2, 2), strides=2, padding="SAME"))
    with Case("conv2d_nchw", "Conv2D in NCHW, SAME and asymmetric") as g:
        x = g.input(1, 2, 6, 5)
        g.output(tf.identity(tf.nn.conv2d(x, g.const(3, 2, 2, 3), strides=[1, 1, 2, 2], padding="SAME", data_format="NCHW")))
    with Case("conv2d_groups", "Conv2D of 4 input channels whose filter has 2: two groups") as g:
        g.output(tf.nn.conv2d(g.input(1, 4, 4, 4), g.const(3, 3, 2, 6), strides=1, padding="SAME"))
    with Case("conv2d_shared_filter", "two Conv2D with one filter") as g:
        w, x = g.const(3, 3, 1, 1), g.input(1, 5, 5, 1)
        once = tf.nn.conv2d(x, w, strides=1, padding="SAME")
        g.output(tf.nn.conv2d(once, w, strides=1, padding="VALID"))


def volumes():
    for name, size, kernel, strides, padding in [
        ("valid", (4, 5, 4), (2, 3, 2), (1, 1, 1), "VALID"),
        ("same_s2", (5, 4, 3), (3, 3, 2), (2, 2, 2), "SAME"),
        ("same_unequal_strides", (4, 5, 3), (3, 2, 3), (2, 1, 3), "SAME"),
        ("pointwise", (2, 3, 2), (1, 1, 1), (1, 1, 1), "VALID"),
    ]:
        with Case(f"conv3d_{name}", f"Conv3D {padding} on {size}, kernel {kernel}, strides {strides}") as g:
            w = g.const(*kernel, 2, 3)
            g.output(tf.nn.conv3d(g.input(1, *size, 2), w, [1, *strides, 1], padding))
    with Case("max_pool3d_same", "MaxPool3D SAME, all values negative") as g:
        g.output(tf.nn.max_pool3d(g.input(1, 3, 4, 5, 2, values=-1 - abs(g.numbers(1, 3, 4, 5, 2))), 2, 2, "SAME"))
    with Case("max_pool3d_valid", "MaxPool3D VALID with unequal windows") as g:
        g.output(tf.nn.max_pool3d(g.input(1, 4, 4, 5, 1), [1, 2, 1, 3, 1], [1, 1, 2, 2, 1], "VALID"))
    with Case("avg_pool3d_same", "AvgPool3D SAME: the border windows divide by what lies inside") as g:
        g.output(tf.nn.avg_pool3d(g.input(1, 3, 4, 5, 2), 2, 2, "SAME"))
    with Case("conv3d_bias_relu", "Conv3D, BiasAdd, Relu, MaxPool3D, Mean over the volume") as g:
        x = tf.nn.bias_add(tf.nn.conv3d(g.input(1, 4, 4, 4, 1), g.const(3, 3, 3, 1, 2), [1] * 5, "SAME"), g.const(2, name="b"))
        g.output(tf.reduce_mean(tf.nn.max_pool3d(tf.nn.relu(x), 2, 2, "VALID"), [1, 2, 3]))


def transposed_convolutions():
    for name, size, kernel, strides, padding, outputs in [
        ("valid", (3, 4), (3, 2), (1, 1), "VALID", (5, 5)),
        ("valid_s2", (3, 4), (3, 3), (2, 2), "VALID", (7, 9)),
        ("valid_s2_larger", (3, 4), (3, 3), (2, 2), "VALID", (8, 10)),
        ("valid_s3_kernel_2", (2, 3), (2, 2), (3, 3), "VALID", (6, 8)),
        ("same", (3, 4), (3, 3), (1, 1), "SAME", (3, 4)),
        ("same_s2_even", (3, 4), (3, 3), (2, 2), "SAME", (6, 8)),
        ("same_s2_odd", (3, 4), (3, 3), (2, 2), "SAME", (5, 7)),
        ("same_even_kernel", (3, 2), (4, 2), (2, 2), "SAME", (6, 4)),
        ("same_s3_kernel_1", (2, 3), (1, 1), (3, 3), "SAME", (6, 7)),
        ("explicit", (3, 4), (3, 3), (2, 2), [[0, 0], [1, 0], [0, 2], [0, 0]], (6, 7)),
    ]:
        shown = "EXPLICIT" if isinstance(padding, list) else padding
        with Case(f"conv2d_transpose_{name}", f"Conv2DBackpropInput {shown} from {size} to {outputs}, kernel {kernel}, strides {strides}") as g:
            x = g.input(1, *size, 2)
            g.output(tf.nn.conv2d_transpose(x, g.const(*kernel, 3, 2), [1, *outputs, 3], strides, padding))
    with Case("conv2d_transpose_nchw", "Conv2DBackpropInput in NCHW") as g:
        x = g.input(1, 2, 3, 4)
        x = tf.nn.conv2d_transpose(x, g.const(3, 3, 3, 2), [1, 3, 6, 8], 2, "SAME", data_format="NCHW")
        g.output(tf.identity(x))
    with Case("conv2d_transpose_dynamic", "Conv2DBackpropInput whose output's shape is computed from its input's, as Keras writes it") as g:
        x = g.input(None, 3, 4, 2)
        shape = tf.raw_ops.Shape(input=x)
        rows, columns = [(shape[axis] - 1) * 2 + 3 for axis in (1, 2)]
        shape = tf.stack([shape[0], rows, columns, tf.constant(3)])
        g.output(tf.nn.conv2d_transpose(x, g.const(3, 3, 3, 2), shape, 2, "VALID"))
    for name, padding, outputs in [("valid", "VALID", (5, 7, 5)), ("same", "SAME", (4, 6, 3))]:
        with Case(f"conv3d_transpose_{name}", f"Conv3DBackpropInputV2 {padding} to {outputs}") as g:
            x = g.input(1, 2, 3, 2, 2)
            g.output(tf.nn.conv3d_transpose(x, g.const(3, 3, 3, 3, 2), [1, *outputs, 3], [2, 2, 2], padding))


def depthwise_convolutions():
    for name, kernel, multiplier, strides, padding, dilations in [
        ("same", (3, 3), 1, 1, "SAME", (1, 1)),
        ("multiplier", (3, 2), 2, 1, "VALID", (1, 1)),
        ("s2", (3, 3), 2, 2, "SAME", (1, 1)),
        ("dilated", (2, 3), 1, 1, "SAME", (2, 2)),
    ]:
        about = f"{padding}, kernel {kernel}, multiplier {multiplier}, strides {strides}, dilations {dilations}"
        with Case(f"depthwise_{name}", f"DepthwiseConv2dNative {about}") as g:
            w = g.const(*kernel, 3, multiplier)
            g.output(tf.nn.depthwise_conv2d(g.input(1, 5, 6, 3), w, [1, strides, strides, 1], padding, dilations=dilations))
    with Case("depthwise_nchw", "DepthwiseConv2dNative in NCHW") as g:
        x = tf.raw_ops.DepthwiseConv2dNative(input=g.input(1, 3, 5, 4), filter=g.const(3, 3, 3, 1), strides=[1] * 4, padding="SAME", data_format="NCHW")
        g.output(tf.identity(x))
    with Case("separable", "SeparableConv2D: DepthwiseConv2dNative, then Conv2D") as g:
        g.output(tf.nn.separable_conv2d(g.input(1, 4, 4, 2), g.const(3, 3, 2, 2), g.const(1, 1, 4, 3, name="p"), [1] * 4, "SAME"))
    with Case("space_to_batch", "Conv2D between SpaceToBatchND and BatchToSpaceND, as Keras writes dilations") as g:
        x = tf.raw_ops.SpaceToBatchND(input=g.input(1, 5, 6, 2), block_shape=[2, 2], paddings=[[2, 3], [2, 2]])
        x = tf.nn.conv2d(x, g.const(3, 3, 2, 3), strides=1, padding="VALID")
        g.output(tf.raw_ops.BatchToSpaceND(input=x, block_shape=[2, 2], crops=[[0, 1], [0, 0]]))


def pools():
    for name, size, kernel, strides, padding in [
        ("valid", (4, 6), (2, 2), (2, 2), "VALID"),
        ("valid_leftover", (5, 7), (2, 3), (2, 2), "VALID"),
        ("valid_overlap", (5, 6), (3, 3), (1, 2), "VALID"),
        ("same", (5, 6), (3, 3), (1, 1), "SAME"),
        ("same_s2_even_size", (6, 4), (3, 3), (2, 2), "SAME"),
        ("same_s2_odd_size", (5, 7), (2, 2), (2, 2), "SAME"),
        ("same_s3", (7, 8), (4, 3), (3, 3), "SAME"),
        ("same_stride_exceeds_kernel", (7, 8), (2, 1), (3, 2), "SAME"),
    ]:
        about = f"{padding} on {size}, kernel {kernel}, strides {strides}"
        with Case(f"max_pool_{name}", f"MaxPool {about}, all values negative") as g:
            x = g.input(1, *size, 2, values=-1 - abs(g.numbers(1, *size, 2)))
            g.output(tf.nn.max_pool2d(x, kernel, strides, padding))
        with Case(f"avg_pool_{name}", f"AvgPool {about}: the border windows divide by what lies inside") as g:
            x = g.input(1, *size, 2, values=3 + g.numbers(1, *size, 2))
            g.output(tf.nn.avg_pool2d(x, kernel, strides, padding))
    with Case("max_pool_mixed_signs", "MaxPool SAME of positive and negative values") as g:
        g.output(tf.nn.max_pool2d(g.input(1, 5, 5, 3), 3, 2, "SAME"))
    with Case("max_pool_after_pad", "MaxPool VALID of negative values after a Pad: the zeros of the Pad count") as g:
        x = g.input(1, 3, 4, 1, values=-1 - abs(g.numbers(1, 3, 4, 1)))
        g.output(tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]]), 2, 1, "VALID"))
    with Case("max_pool_explicit", "MaxPool EXPLICIT, all values negative") as g:
        x = g.input(1, 4, 5, 2, values=-1 - abs(g.numbers(1, 4, 5, 2)))
        g.output(tf.nn.max_pool2d(x, 3, 2, [[0, 0], [1, 2], [0, 1], [0, 0]]))
    with Case("max_pool_nchw", "MaxPool in NCHW") as g:
        g.output(tf.identity(tf.nn.max_pool2d(g.input(1, 2, 5, 4), 2, 2, "SAME", data_format="NCHW")))


def arithmetic():
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            name = f"matmul_{'t' if transpose_a else 'n'}{'t' if transpose_b else 'n'}"
            with Case(name, f"MatMul, transpose_a {transpose_a}, transpose_b {transpose_b}") as g:
                x = g.input(*((4, 2) if transpose_a else (2, 4)))
                w = g.const(*((3, 4) if transpose_b else (4, 3)))
                g.output(tf.matmul(x, w, transpose_a=transpose_a, transpose_b=transpose_b))
    with Case("matmul_const_left", "MatMul with the constant on the left") as g:
        g.output(tf.matmul(g.const(3, 4), g.input(4, 2)))
    with Case("matmul_two_inputs", "MatMul of two inputs") as g:
        g.output(tf.matmul(g.input(2, 3), g.input(3, 2, name="y")))
    with Case("matmul_gram", "MatMul of an input with its own transpose") as g:
        x = g.input(2, 3)
        g.output(tf.matmul(x, x, transpose_b=True))
    with Case("bias_add_2d", "BiasAdd on a matrix") as g:
        g.output(tf.nn.bias_add(g.input(2, 3), g.const(3)))
    with Case("bias_add_4d", "BiasAdd on NHWC with as many rows and columns as channels") as g:
        g.output(tf.nn.bias_add(g.input(1, 3, 3, 3), g.const(3)))
    with Case("bias_add_v1", "BiasAddV1") as g:
        g.output(tf.raw_ops.BiasAddV1(value=g.input(2, 3), bias=g.const(3)))
    with Case("bias_add_nchw", "BiasAdd in NCHW with as many rows and columns as channels") as g:
        g.output(tf.identity(tf.nn.bias_add(g.input(1, 3, 3, 3), g.const(3), data_format="NCHW")))

    ops = {"add": tf.raw_ops.Add, "add_v2": tf.raw_ops.AddV2, "sub": tf.raw_ops.Sub, "mul": tf.raw_ops.Mul}
    for name, op in ops.items():
        with Case(f"{name}_two_inputs", f"{op.__name__} of two inputs of one shape") as g:
            g.output(op(x=g.input(2, 3), y=g.input(2, 3, name="y")))
        with Case(f"{name}_channels", f"{op.__name__} of NHWC and one value per channel, all sizes equal") as g:
            g.output(op(x=g.input(1, 3, 3, 3), y=g.const(3)))
        with Case(f"{name}_const_left", f"{op.__name__} with a constant of higher rank on the left") as g:
            g.output(op(x=g.const(2, 3, 1), y=g.input(1, 4)))
    with Case("add_v2_scalar", "AddV2 of a constant of rank 0") as g:
        g.output(g.input(2, 3) + 0.75)
    with Case("sub_from_scalar", "Sub of an input from a constant of rank 0") as g:
        g.output(1.5 - g.input(2, 3))
    with Case("mul_negative_scalar", "Mul by a negative constant of rank 0") as g:
        g.output(-0.375 * g.input(2, 3))
    with Case("sub_outer", "Sub of a row and a column, both inputs") as g:
        g.output(tf.subtract(g.input(1, 3), g.input(2, 1, name="y")))
    with Case("mul_square", "Mul of an input by itself") as g:
        x = g.input(2, 3)
        g.output(x * x)
    with Case("mul_add_rank_4", "Mul by [H,1,1], AddV2 of [1,W,C], on NHWC") as g:
        g.output(tf.add(g.input(1, 2, 3, 2) * g.const(2, 1, 1), g.const(1, 3, 2)))
    with Case("add_same_value", "AddV2 of an input to itself") as g:
        x = g.input(1, 4)
        g.output(x + x)
    with Case("relu", "Relu, with zero and negative zero", ) as g:
        g.output(tf.nn.relu(g.input(1, 6, values=[[-2.5, -0.0, 0.0, 1e-3, -1e-3, 3.25]])))
    with Case("relu_negated", "Relu of Sub from zero") as g:
        g.output(tf.nn.relu(0.0 - g.input(2, 4)))


def functions():
    def unary(name, op, values, what=""):
        with Case(name, what or f"`{name}` of {min(values)} to {max(values)}") as g:
            g.output(op(g.input(1, len(values), values=[values])))

    both = [-4.0, -1.5, -0.6, -0.1, 0.0, 0.2, 0.5, 1.25, 3.0]
    positive = [0.05, 0.25, 0.5, 1.0, 1.7, 2.5, 6.0, 10.0]
    for name, op in {
        "sigmoid": tf.sigmoid, "tanh": tf.tanh, "elu": tf.nn.elu, "selu": tf.nn.selu, "softplus": tf.nn.softplus,
        "softsign": tf.nn.softsign, "erf": tf.math.erf, "exp": tf.exp, "expm1": tf.math.expm1, "square": tf.square,
        "abs": tf.abs, "neg": tf.negative, "sign": tf.sign, "floor": tf.floor, "ceil": tf.math.ceil, "rint": tf.math.rint,
        "sin": tf.sin, "cos": tf.cos, "atan": tf.atan, "sinh": tf.sinh, "cosh": tf.cosh, "asinh": tf.asinh,
    }.items():
        unary(name, op, both)
    for name, op in {"log": tf.math.log, "log1p": tf.math.log1p, "sqrt": tf.sqrt, "rsqrt": tf.math.rsqrt, "reciprocal": tf.math.reciprocal}.items():
        unary(name, op, positive)
    unary("round_half_to_even", tf.round, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, 2.6])
    unary("inv", lambda x: tf.raw_ops.Inv(x=x), positive[2:])
    unary("reciprocal_negative", tf.math.reciprocal, [-4.0, -0.5, 0.25, 2.0], "Reciprocal of either sign")
    unary("asin_acos", lambda x: tf.asin(x) - tf.acos(x), [-0.9, -0.4, 0.0, 0.3, 0.8])
    unary("tan_atanh", lambda x: tf.tan(x) + tf.atanh(x), [-0.7, -0.4, 0.0, 0.3, 0.8])
    unary("acosh", tf.acosh, [1.1, 1.5, 2.0, 5.0])
    unary("leaky_relu", tf.nn.leaky_relu, both, "LeakyRelu with the slope that it has by default")
    unary("leaky_relu_0_01", lambda x: tf.nn.leaky_relu(x, 0.01), both, "LeakyRelu with slope 0.01")
    unary("clip_by_value", lambda x: tf.raw_ops.ClipByValue(t=x, clip_value_min=-1.0, clip_value_max=0.75), both)
    unary("clip_by_min_max", lambda x: tf.maximum(tf.minimum(x, 0.75), -1.0), both, "Minimum, then Maximum, of constants")
    unary("gelu_erf", tf2.nn.gelu, both, "gelu, written out with Erf")
    unary("gelu_tanh", lambda x: tf2.nn.gelu(x, approximate=True), both, "gelu, written out with Pow and Tanh")
    unary("silu", lambda x: x * tf.sigmoid(x), both, "silu, written out with Sigmoid")
    unary("pow_2", lambda x: tf.pow(x, 2.0), both)
    unary("pow_3", lambda x: tf.pow(x, 3.0), both)
    unary("pow_minus_1", lambda x: tf.pow(x, -1.0), positive[2:])
    unary("pow_0_5", lambda x: tf.pow(x, 0.5), positive)
    unary("pow_1_5", lambda x: tf.pow(x, 1.5), positive)
    for name, op in {"maximum": tf.maximum, "minimum": tf.minimum, "squared_difference": tf.math.squared_difference}.items():
        with Case(f"{name}_two_inputs", f"{op.__name__} with broadcasting") as g:
            g.output(op(g.input(2, 3), g.input(1, 3, name="y")))
        with Case(f"{name}_constant", f"{op.__name__} with a constant on the left") as g:
            g.output(op(g.const(3), g.input(2, 3)))
    for name in ("RealDiv", "Div", "DivNoNan"):
        op = getattr(tf.raw_ops, name)
        with Case(f"{name.lower()}_secret", f"{name} of two inputs") as g:
            g.output(op(x=g.input(2, 3), y=g.input(1, 3, name="y", values=[[0.5, -2.0, 3.5]])))
        with Case(f"{name.lower()}_constant", f"{name} by a constant") as g:
            g.output(op(x=g.input(2, 3), y=tf.constant([0.5, -2.0, 3.5], name="w")))
    with Case("div_no_nan_zero", "DivNoNan by zeros of a public constant: 0 there") as g:
        g.output(tf.math.divide_no_nan(g.input(1, 3), tf.constant([[0.5, 0.0, -2.0]], name="w")))
    with Case("normalize", "x divided by the square root of its sum of squares, Maximum of a small number") as g:
        g.output(tf.math.l2_normalize(g.input(2, 4), axis=1))
    with Case("l2_loss", "L2Loss") as g:
        g.output(tf.nn.l2_loss(g.input(2, 3)))
    with Case("zeros_and_ones_like", "ZerosLike and OnesLike") as g:
        x = g.input(2, 3)
        g.output(x + tf.raw_ops.OnesLike(x=x) * 0.5 - tf.raw_ops.ZerosLike(x=x))
    with Case("check_numerics", "CheckNumerics, PreventGradient, Snapshot, IdentityN") as g:
        x = tf.raw_ops.PreventGradient(input=tf.debugging.check_numerics(g.input(1, 3), "what"))
        a, b = tf.raw_ops.IdentityN(input=[tf.raw_ops.Snapshot(input=x), g.input(1, 3, name="y")])
        g.output(a - b)
    with Case("placeholder_with_default", "PlaceholderWithDefault whose default is a constant") as g:
        g.output(g.input(1, 3) * tf.placeholder_with_default(tf.constant([1.0, 2.0, 3.0], name="w"), [3], name="factor"))
    with Case("batch_matmul", "BatchMatMulV2 of two inputs with broadcasting") as g:
        g.output(tf.raw_ops.BatchMatMulV2(x=g.input(2, 2, 3), y=g.input(1, 3, 2, name="y")))
    with Case("batch_matmul_adjoint", "BatchMatMulV2, both transposed") as g:
        g.output(tf.raw_ops.BatchMatMulV2(x=g.input(2, 3, 2), y=g.const(2, 4, 3), adj_x=True, adj_y=True))
    with Case("batch_matmul_v1", "BatchMatMul of rank 4") as g:
        g.output(tf.raw_ops.BatchMatMul(x=g.input(1, 2, 2, 3), y=g.const(1, 2, 3, 2)))
    with Case("batch_matmul_v3", "BatchMatMulV3") as g:
        g.output(tf.raw_ops.BatchMatMulV3(x=g.input(2, 2, 3), y=g.const(3, 2), Tout=tf.float32))
    with Case("tensordot", "tensordot of a batch of rows, as Keras' Dense writes it: Reshape, MatMul, Reshape") as g:
        g.output(tf.tensordot(g.input(1, 2, 3), g.const(3, 4), [[2], [0]]))
    for name, equation, shapes_ in [
        ("dense", "abc,cd->abd", ((1, 2, 3), (3, 4))),
        ("attention", "bqhd,bkhd->bhqk", ((1, 2, 2, 3), (1, 3, 2, 3))),
        ("transpose", "ab,cb->ca", ((2, 3), (4, 3))),
        ("outer", "a,b->ab", ((2,), (3,))),
        ("sum", "abc,bc->a", ((2, 3, 2), (3, 2))),
    ]:
        with Case(f"einsum_{name}", f"Einsum {equation}") as g:
            g.output(tf.raw_ops.Einsum(inputs=[g.input(*shapes_[0]), g.input(*shapes_[1], name="y")], equation=equation))
    with Case("attention", "MatMul, Softmax in the middle, MatMul") as g:
        scores = tf.matmul(g.input(2, 3), g.input(2, 3, name="k"), transpose_b=True)
        g.output(tf.matmul(tf.nn.softmax(scores), g.const(2, 3, name="v")))
    with Case("softmax_used_twice", "Softmax that two ops read") as g:
        p = tf.nn.softmax(g.input(1, 4))
        g.output(p * p)
    with Case("log_softmax", "LogSoftmax") as g:
        g.output(tf.nn.log_softmax(g.input(2, 4)))
    with Case("layer_norm", "Mean, SquaredDifference, Mean, Rsqrt: a layer norm") as g:
        x = g.input(2, 6)
        mean, variance = tf.nn.moments(x, [1], keepdims=True)
        g.output(tf.nn.batch_normalization(x, mean, variance, g.const(6, name="offset"), g.const(6, name="scale"), 1e-3))


def comparisons():
    numbers = [[-1.0, 0.5, 2.0], [0.5, 0.5, -3.0]]
    for name, op in {
        "equal": tf.equal, "not_equal": tf.not_equal, "greater": tf.greater, "greater_equal": tf.greater_equal,
        "less": tf.less, "less_equal": tf.less_equal,
    }.items():
        with Case(name, f"{op.__name__} of two inputs, Cast to float") as g:
            x, y = g.input(2, 3, values=numbers), g.input(1, 3, name="y", values=[[0.5, 0.5, 0.5]])
            g.output(tf.cast(op(x, y), tf.float32))
    with Case("greater_constant", "Greater than a constant, an output of truth values") as g:
        g.output(tf.greater(g.input(2, 3, values=numbers), 0.25))
    with Case("logical", "LogicalAnd, LogicalOr, LogicalNot") as g:
        x = g.input(2, 3, values=numbers)
        a, b = x > 0.0, x < 1.0
        g.output(tf.cast(tf.logical_or(tf.logical_not(a), tf.logical_and(a, b)), tf.float32))
    with Case("select_v2", "SelectV2 with broadcasting") as g:
        x = g.input(2, 3, values=numbers)
        g.output(tf2.where(x > 0.0, x, tf.constant([[-1.0], [-2.0]])))
    with Case("select_v1", "Select whose condition picks rows") as g:
        x = g.input(2, 3, values=numbers)
        g.output(tf.raw_ops.Select(condition=tf.reshape(x[:, :1], [2]) > 0.0, x=x, y=-x))
    with Case("select_v1_same_shape", "Select of one shape") as g:
        x = g.input(2, 3, values=numbers)
        g.output(tf.raw_ops.Select(condition=x > 0.0, x=x, y=x * 0.5))
    with Case("any_all", "All and Any over an axis") as g:
        x = g.input(2, 3, values=numbers) > 0.0
        g.output(tf.cast(tf.reduce_all(x, 1), tf.float32) + 2.0 * tf.cast(tf.reduce_any(x, 1), tf.float32))


def shapes():
    with Case("reshape_wildcard", "Reshape with -1") as g:
        g.output(tf.reshape(g.input(2, 3, 4), [4, -1]))
    with Case("reshape_unknown_batch", "Reshape of an unknown batch dimension with -1") as g:
        g.output(tf.reshape(g.input(None, 2, 3), [-1, 6]))
    with Case("reshape_nhwc_flatten", "Conv2D, Reshape, MatMul: the order is that of NHWC") as g:
        x = tf.nn.conv2d(g.input(1, 3, 4, 2), g.const(2, 2, 2, 3), strides=1, padding="VALID")
        g.output(tf.matmul(tf.reshape(x, [1, 18]), g.const(18, 2, name="dense")))
    with Case("reshape_to_image", "Reshape of a vector to NHWC, Conv2D") as g:
        x = tf.reshape(g.input(1, 24), [1, 3, 4, 2])
        g.output(tf.nn.conv2d(x, g.const(2, 2, 2, 2), strides=1, padding="SAME"))
    with Case("squeeze_axes", "Squeeze of axes 1 and 2") as g:
        g.output(tf.squeeze(g.input(1, 1, 1, 5), [1, 2]))
    with Case("squeeze_negative_axis", "Squeeze of axis -2") as g:
        g.output(tf.squeeze(g.input(1, 2, 1, 3), [-2]))
    with Case("squeeze_all", "Squeeze without axes") as g:
        g.output(tf.squeeze(g.input(1, 2, 1, 3)))
    with Case("squeeze_constant", "Reshape and Squeeze of a bias, as Keras 3 writes it") as g:
        bias = tf.squeeze(tf.reshape(g.const(3), [1, 1, 1, 3]), [0, 1, 2])
        g.output(tf.nn.bias_add(g.input(1, 2, 2, 3), bias))
    with Case("expand_dims", "ExpandDims") as g:
        g.output(tf.expand_dims(g.input(1, 4), 1) + g.const(1, 3, 1))

    for name, batch, out_type in [("", 1, tf.int32), ("_unknown_batch", None, tf.int32), ("_int64", 1, tf.int64)]:
        with Case(f"flatten_by_shape{name}", f"Shape ({out_type.name}), StridedSlice, Pack, Reshape; batch {batch or 'unknown'}") as g:
            x = g.input(batch, 2, 3, 2)
            shape = tf.raw_ops.Shape(input=x, out_type=out_type)
            rest = tf.constant(-1, out_type)
            g.output(tf.reshape(x, tf.stack([shape[0], rest])))
    with Case("flatten_by_concat", "Shape, StridedSlice, ConcatV2, Reshape") as g:
        x = g.input(None, 2, 3, 2)
        g.output(tf.reshape(x, tf.concat([tf.raw_ops.Shape(input=x)[:1], [3, 4]], 0)))
    with Case("reshape_like", "Reshape of one input to the Shape of another's Conv2D") as g:
        like = tf.nn.conv2d(g.input(1, 4, 5, 1, name="y"), g.const(2, 2, 1, 2), strides=2, padding="VALID")
        g.output(tf.reshape(g.input(8), tf.raw_ops.Shape(input=like)) + like)
    with Case("shape_arithmetic", "Reshape to the product of two dimensions") as g:
        x = g.input(1, 2, 3, 2)
        shape = tf.raw_ops.Shape(input=x)
        g.output(tf.reshape(x, tf.stack([shape[0], shape[1] * shape[2], -1])))
    with Case("cast_constant", "Cast of an integer constant to float") as g:
        g.output(g.input(1, 3) * tf.cast(tf.constant([-3, 2, 7]), tf.float32))
    with Case("cast_shape", "Cast of a dimension to float") as g:
        x = g.input(1, 5)
        g.output(x * tf.cast(tf.raw_ops.Shape(input=x)[1], tf.float32))
    with Case("cast_truncates", "Cast of a float constant to integers rounds towards zero: [1.9, -1.9] to [1, -1]") as g:
        g.output(tf.reshape(g.input(2, 3), tf.cast(tf.constant([1.9, -1.9]), tf.int32)))

    with Case("pad_2d", "Pad of a matrix, different before and after") as g:
        g.output(tf.pad(g.input(2, 3), [[1, 0], [2, 1]]))
    with Case("pad_then_conv", "Pad of NHWC, different on all sides, then Conv2D VALID") as g:
        x = tf.pad(g.input(1, 4, 5, 2), [[0, 0], [0, 1], [2, 1], [0, 0]])
        g.output(tf.nn.conv2d(x, g.const(3, 3, 2, 2), strides=2, padding="VALID"))
    with Case("pad_then_conv_same", "Pad of NHWC, then Conv2D SAME") as g:
        x = tf.pad(g.input(1, 4, 4, 1), [[0, 0], [1, 1], [1, 1], [0, 0]])
        g.output(tf.nn.conv2d(x, g.const(3, 3, 1, 2), strides=2, padding="SAME"))
    with Case("pad_channels", "Pad of the channels, as ResNet's shortcut has it") as g:
        g.output(tf.pad(g.input(1, 2, 2, 2), [[0, 0], [0, 0], [0, 0], [1, 2]]))
    with Case("pad_v2", "PadV2 with a value") as g:
        g.output(tf.pad(g.input(2, 3), [[0, 1], [1, 0]], constant_values=1.5))

    with Case("transpose_2d", "Transpose of a matrix") as g:
        g.output(tf.transpose(g.input(2, 3), [1, 0]))
    with Case("transpose_to_nchw", "Conv2D, Transpose to NCHW, Reshape") as g:
        x = tf.nn.conv2d(g.input(1, 3, 4, 2), g.const(2, 2, 2, 3), strides=1, padding="VALID")
        g.output(tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [1, 18]))
    with Case("transpose_from_nchw", "Transpose of NCHW to NHWC, Conv2D") as g:
        x = tf.transpose(g.input(1, 2, 3, 4), [0, 2, 3, 1])
        g.output(tf.nn.conv2d(x, g.const(2, 2, 2, 3), strides=1, padding="SAME"))
    with Case("transpose_cycle", "Transpose by a permutation that is not its own inverse") as g:
        g.output(tf.transpose(g.input(2, 3, 4), [1, 2, 0]))

    for axis, parts in [(0, (1, 2)), (1, (2, 1)), (2, (1, 3)), (3, (2, 1, 3)), (-1, (1, 2)), (-2, (3, 1))]:
        name = f"concat_axis_{axis}".replace("-", "minus_")
        with Case(name, f"ConcatV2 of {len(parts)} inputs on axis {axis}") as g:
            shape = [1, 2, 2, 2]
            inputs = []
            for i, extent in enumerate(parts):
                shape[axis] = extent
                inputs.append(g.input(*shape, name=f"x{i}"))
            g.output(tf.concat(inputs, axis))
    with Case("concat_constant", "ConcatV2 of an input, a constant and the input again") as g:
        x = g.input(1, 3)
        g.output(tf.concat([x, g.const(1, 2), x], 1))

    for name, shape, slicing, what in [
        ("range", (3, 5), np.s_[1:3, 2:4], "begin and end"),
        ("masks", (3, 5), np.s_[1:, :4], "begin mask and end mask"),
        ("negative", (3, 5), np.s_[-2:, -4:-1], "negative begin and end"),
        ("strides", (5, 7), np.s_[::2, 1:6:3], "strides 2 and 3"),
        ("beyond", (3, 5), np.s_[:100, -100:3], "begin and end beyond the bounds"),
        ("shrink", (3, 5), np.s_[1], "shrink axis mask"),
        ("shrink_negative", (3, 5), np.s_[:, -1], "shrink axis mask at -1"),
        ("ellipsis", (1, 3, 4, 2), np.s_[..., 1:], "ellipsis mask"),
        ("ellipsis_middle", (2, 3, 4, 2), np.s_[1:, ..., :1], "ellipsis mask in the middle"),
        ("new_axis", (3, 5), np.s_[:, None, 2:], "new axis mask"),
        ("all_masks", (2, 3, 4, 5), np.s_[1, None, ..., 1:3, ::2], "shrink, new axis, ellipsis, stride"),
        ("implicit_rest", (2, 3, 4), np.s_[:1], "fewer entries than dimensions"),
    ]:
        with Case(f"strided_slice_{name}", f"StridedSlice: {what}") as g:
            g.output(g.input(*shape)[slicing])
    with Case("strided_slice_nhwc", "StridedSlice of NHWC by 2, as ResNet's shortcut has it") as g:
        x = tf.nn.conv2d(g.input(1, 5, 6, 1), g.const(2, 2, 1, 2), strides=1, padding="SAME")
        g.output(x[:, ::2, ::2, :])
    with Case("strided_slice_reverse", "StridedSlice with negative strides") as g:
        g.output(g.input(3, 5)[::-1, 3:0:-2])
    with Case("pack_data", "Pack of two inputs") as g:
        g.output(tf.stack([g.input(2, 3), g.input(2, 3, name="y")], 1))


def moves():
    with Case("slice", "Slice with a size of -1") as g:
        g.output(tf.slice(g.input(3, 5), [1, 2], [-1, 2]))
    for axis, n in [(0, 2), (1, 3), (-1, 2)]:
        with Case(f"split_{axis}".replace("-", "minus_"), f"Split into {n} on axis {axis}, all parts used") as g:
            parts = tf.split(g.input(4, 6), n, axis)
            total = parts[0]
            for k, part in enumerate(parts[1:]):
                total = total * 0.5 + part * (k + 2.0)
            g.output(total)
    with Case("split_v", "SplitV with a size of -1; the middle part") as g:
        g.output(tf.identity(tf.split(g.input(2, 7), [2, -1, 1], 1)[1]))
    with Case("unpack", "Unpack on axis 1") as g:
        a, b, c = tf.unstack(g.input(2, 3, 2), axis=1)
        g.output(a * 2.0 - b + c * 0.5)
    with Case("tile", "Tile on two axes") as g:
        g.output(tf.tile(g.input(2, 1, 3), [1, 2, 3]))
    with Case("broadcast_to", "BroadcastTo") as g:
        g.output(tf.broadcast_to(g.input(2, 1), [3, 2, 4]))
    for mode in ("REFLECT", "SYMMETRIC"):
        with Case(f"mirror_pad_{mode.lower()}", f"MirrorPad {mode}") as g:
            g.output(tf.pad(g.input(3, 4), [[1, 2], [2, 1]], mode))
    with Case("gather_v2", "GatherV2 with constant indices on axis 1, some of them twice") as g:
        g.output(tf.gather(g.input(2, 4), [3, 0, 3], axis=1))
    with Case("gather_matrix", "GatherV2 with a matrix of indices") as g:
        g.output(tf.gather(g.input(3, 2), [[0, 2], [1, 1]]))
    with Case("gather_scalar", "GatherV2 with one index") as g:
        g.output(tf.gather(g.input(3, 2), 1))
    with Case("gather_v1", "Gather") as g:
        g.output(tf.raw_ops.Gather(params=g.input(3, 2), indices=[2, 0]))
    with Case("gather_batch_dims", "GatherV2 with a batch dimension", optional=True) as g:
        g.output(tf.gather(g.input(2, 3), [[0, 2], [1, 1]], axis=1, batch_dims=1))
    with Case("reverse", "ReverseV2 of two axes") as g:
        g.output(tf.reverse(g.input(2, 3, 2), [0, -1]))
    with Case("concat_v1", "Concat, whose axis comes first") as g:
        x = g.input(1, 3)
        g.output(tf.raw_ops.Concat(concat_dim=1, values=[x, g.const(1, 2), x]))
    with Case("space_to_depth", "SpaceToDepth of NHWC") as g:
        g.output(tf.nn.space_to_depth(g.input(1, 4, 6, 2), 2))
    with Case("depth_to_space", "DepthToSpace of NHWC") as g:
        g.output(tf.nn.depth_to_space(g.input(1, 2, 3, 8), 2))
    with Case("one_hot", "OneHot of a constant, times an input") as g:
        g.output(tf.matmul(tf.one_hot([2, 0, 5], 3, on_value=2.0, off_value=-0.5), g.input(3, 2)))
    with Case("one_hot_secret", "OneHot of an ArgMax") as g:
        g.output(tf.one_hot(tf.argmax(g.input(2, 4, values=[[1, 3, 2, 0], [4, 1, 0, 2]]), 1), 4))
    with Case("top_k_values", "TopKV2, its values") as g:
        g.output(tf.identity(tf.math.top_k(g.input(2, 5), 3)[0]))
    with Case("top_k_indices", "TopKV2, its indices") as g:
        g.output(tf.identity(tf.math.top_k(g.input(2, 5), 2)[1]))
    for exclusive in (False, True):
        for reverse in (False, True):
            name = "cumsum" + ("_exclusive" if exclusive else "") + ("_reverse" if reverse else "")
            with Case(name, f"Cumsum, exclusive {exclusive}, reverse {reverse}") as g:
                g.output(tf.cumsum(g.input(2, 4), 1, exclusive, reverse))


def shape_arithmetic():
    def shape_of(g):
        x = g.input(1, 4, 6, 2)
        return x, tf.raw_ops.Shape(input=x)

    with Case("reshape_by_prod", "Reshape by Prod over a GatherV2 of a Shape, ConcatV2") as g:
        x, shape = shape_of(g)
        features = tf.reduce_prod(tf.gather(shape, [1, 2, 3]), [0], keepdims=True)
        g.output(tf.reshape(x, tf.concat([shape[:1], features], 0)))
    with Case("reshape_by_division", "Reshape by FloorDiv, FloorMod, Maximum and Minimum of dimensions") as g:
        x, shape = shape_of(g)
        rows = shape[2] // shape[3] + shape[2] % shape[1] - tf.minimum(shape[1], 2)
        g.output(tf.reshape(x, tf.stack([tf.maximum(shape[0], rows), -1])))
    with Case("reshape_by_negative_division", "Reshape by FloorDiv and FloorMod of negative numbers") as g:
        x, shape = shape_of(g)
        g.output(tf.reshape(x, tf.stack([(1 - shape[1]) // 2 + 5, (-shape[2] + 1) % shape[1] + 1, 4])))
    with Case("reshape_by_reductions", "Reshape by Sum, Max and Min of a Shape") as g:
        x, shape = shape_of(g)
        top, bottom = tf.reduce_max(shape), tf.reduce_min(shape)
        g.output(tf.reshape(x, tf.stack([top, tf.reduce_sum(shape) - top + bottom])))
    with Case("reshape_by_float", "Reshape by Cast, RealDiv, Ceil and Cast back, as image resizing writes it") as g:
        x, shape = shape_of(g)
        half = tf.cast(tf.math.ceil(tf.cast(shape[1], tf.float32) / 2.5), tf.int32)
        g.output(tf.reshape(x, tf.stack([half, -1])))
    with Case("range_of_shape", "Range up to a dimension, Cast, added") as g:
        x, shape = shape_of(g)
        g.output(x + tf.reshape(tf.cast(tf.range(0, shape[2] * 2, 2), tf.float32), [1, 1, -1, 1]))
    with Case("rank_and_size", "Rank and Size") as g:
        x, _ = shape_of(g)
        g.output(tf.reshape(x, tf.stack([tf.raw_ops.Rank(input=x), tf.raw_ops.Size(input=x) // 4])))
    with Case("shape_n", "ShapeN of two inputs") as g:
        x, y = g.input(2, 3), g.input(3, 2, name="y")
        a, b = tf.raw_ops.ShapeN(input=[x, y])
        g.output(tf.reshape(x, b) + tf.reshape(tf.reshape(y, a), b))
    with Case("fill_of_shape", "Fill and BroadcastTo by a Shape") as g:
        x, shape = shape_of(g)
        g.output(x * tf.fill(shape, 0.5) + tf.broadcast_to(tf.constant(1.5), shape))
    with Case("select_on_shape", "Select by a comparison of dimensions") as g:
        x, shape = shape_of(g)
        wide = tf.logical_and(shape[2] > shape[1], tf.not_equal(shape[0], 3))
        g.output(tf.reshape(x, tf2.where(wide, tf.constant([6, 8]), tf.constant([8, 6]))))
    with Case("zeros_of_shape", "ZerosLike and Fill joined to an input: the initial state of a recurrence") as g:
        x = g.input(1, 3)
        zeros = tf.fill(tf.stack([tf.raw_ops.Shape(input=x)[0], 2]), 0.0)
        g.output(tf.concat([x, zeros], 1))


def resizes():
    for op, name in [(tf.raw_ops.ResizeNearestNeighbor, "resize_nearest"), (tf.raw_ops.ResizeBilinear, "resize_bilinear")]:
        for label, attributes in [
            ("legacy", {}),
            ("align_corners", {"align_corners": True}),
            ("half_pixel", {"half_pixel_centers": True}),
        ]:
            for size, target in [((2, 3), (4, 6)), ((4, 5), (3, 2)), ((3, 3), (5, 7))]:
                case = f"{name}_{label}_{size[0]}x{size[1]}_to_{target[0]}x{target[1]}"
                with Case(case, f"{op.__name__} {label} from {size} to {target}") as g:
                    g.output(op(images=g.input(1, *size, 2), size=list(target), **attributes))
    with Case("upsampling_keras", "ResizeNearestNeighbor to twice the Shape, as Keras' UpSampling2D writes it") as g:
        x = g.input(None, 2, 3, 2)
        size = tf.raw_ops.Shape(input=x)[1:3] * tf.constant([2, 2])
        g.output(tf.raw_ops.ResizeNearestNeighbor(images=x, size=size, half_pixel_centers=True))


def reductions():
    for name, axes, keepdims in [
        ("1_2", [1, 2], False),
        ("1_2_keep", [1, 2], True),
        ("negative", [-3, -2], False),
        ("negative_keep", [-2, -3], True),
        ("1", [1], False),
        ("2_keep", [2], True),
    ]:
        with Case(f"mean_{name}", f"Mean of NHWC over {axes}, keep_dims {keepdims}") as g:
            g.output(tf.reduce_mean(g.input(1, 3, 5, 2), axes, keepdims=keepdims))
    with Case("mean_scalar_axis", "Mean over an axis that is a scalar") as g:
        g.output(tf.raw_ops.Mean(input=g.input(1, 3, 5, 2), axis=1))
    with Case("mean_then_dense", "Conv2D, Mean over the image, MatMul") as g:
        x = tf.nn.conv2d(g.input(1, 5, 4, 1), g.const(2, 2, 1, 3), strides=1, padding="SAME")
        g.output(tf.matmul(tf.reduce_mean(x, [1, 2]), g.const(3, 2, name="dense")))
    with Case("mean_channels", "Mean over the channels") as g:
        g.output(tf.reduce_mean(g.input(1, 3, 2, 4), [3]))
    with Case("mean_matrix", "Mean of a matrix over all") as g:
        g.output(tf.reduce_mean(g.input(3, 5)))
    with Case("mean_batch", "Mean over batch and channels") as g:
        g.output(tf.reduce_mean(g.input(2, 3, 2, 4), [0, 3]))
    for name, op in {"sum": tf.reduce_sum, "max": tf.reduce_max, "min": tf.reduce_min}.items():
        for axes, keepdims in [([1], False), ([0, 2], True), ([-1], False), ([1, 2], False)]:
            case = f"reduce_{name}_{'_'.join(map(str, axes))}{'_keep' if keepdims else ''}".replace("-", "minus_")
            with Case(case, f"{op.__name__} over {axes}, keep_dims {keepdims}") as g:
                g.output(op(g.input(2, 3, 4), axes, keepdims=keepdims))
    with Case("reduce_sum_none", "Sum over no axis") as g:
        g.output(tf.reduce_sum(g.input(2, 3), []))
    with Case("arg_min", "ArgMin") as g:
        g.output(tf.argmin(g.input(2, 4, values=[[3, 1, 2, 1], [0, -1, -2, 5]]), 1))

    for name, shape, axis, out_type in [
        ("last", (3, 5), 1, tf.int64),
        ("negative_axis", (3, 5), -1, tf.int64),
        ("first", (3, 5), 0, tf.int64),
        ("int32", (2, 4), 1, tf.int32),
        ("nhwc_channels", (1, 2, 3, 4), 3, tf.int64),
        ("nhwc_rows", (1, 3, 2, 2), 1, tf.int64),
        ("eleven", (1, 11), 1, tf.int64),
    ]:
        with Case(f"arg_max_{name}", f"ArgMax of {shape} on axis {axis}, output {out_type.name}") as g:
            count = int(np.prod(shape))
            distinct = (g.random.permutation(count).reshape(shape) - count / 2) / 2
            g.output(tf.argmax(g.input(*shape, values=distinct), axis, output_type=out_type))
    with Case("arg_max_negative", "ArgMax of negative values") as g:
        g.output(tf.argmax(g.input(2, 3, values=[[-3, -1, -2], [-9, -8, -7]]), 1))
    with Case("arg_max_tie", "ArgMax of equal values: the first") as g:
        g.output(tf.argmax(g.input(2, 4, values=[[0, 2, 2, 1], [-1, -1, -1, -1]]), 1))
    with Case("dense_arg_max", "MatMul, BiasAdd, ArgMax") as g:
        g.output(tf.argmax(tf.nn.bias_add(tf.matmul(g.input(1, 6), g.const(6, 4)), g.const(4, name="b")), 1))

    with Case("softmax_final", "a final Softmax") as g:
        g.output(tf.nn.softmax(tf.matmul(g.input(1, 4), g.const(4, 3))))
    with Case("softmax_final_identity", "a final Softmax, then Identity") as g:
        g.output(tf.identity(tf.nn.softmax(g.input(2, 5)), name="probabilities"))
    with Case("softmax_final_nhwc", "a final Softmax over the channels of NHWC") as g:
        g.output(tf.nn.softmax(tf.nn.conv2d(g.input(1, 2, 3, 2), g.const(1, 1, 2, 3), strides=1, padding="SAME")))
    with Case("softmax_large_logits", "a final Softmax whose exponentials overflow unless the maximum is taken off") as g:
        g.output(tf.nn.softmax(g.input(1, 3, values=[[100, 99, -100]])))
    with Case("softmax_then_reshape", "Softmax, then Reshape, as MobileNet ends") as g:
        g.output(tf.reshape(tf.nn.softmax(g.input(1, 5)), [1, 1, 5]))
    with Case("softmax_then_arg_max", "Softmax, then ArgMax") as g:
        g.output(tf.argmax(tf.nn.softmax(g.input(1, 5)), 1))


def normalizations():
    def norm(g, x, epsilon, op=tf.raw_ops.FusedBatchNormV3, **attributes):
        channels = x.shape[1 if attributes.get("data_format") == "NCHW" else 3]
        variance = tf.constant(0.05 + g.random.random(channels).astype(np.float32), name="variance")
        scale, offset, mean = [g.const(channels, name=name) for name in ("scale", "offset", "mean")]
        return op(x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=epsilon, is_training=False, **attributes)[0]

    with Case("batch_norm_v2", "FusedBatchNormV2") as g:
        g.output(norm(g, g.input(1, 2, 2, 3), 1e-3, tf.raw_ops.FusedBatchNormV2))
    with Case("conv3d_batch_norm", "Conv3D, FusedBatchNormV3 in NDHWC") as g:
        x = tf.nn.conv3d(g.input(1, 3, 3, 3, 1), g.const(2, 2, 2, 1, 2), [1] * 5, "VALID")
        variance = tf.constant([0.5, 1.5], name="variance")
        scale, offset, mean = [g.const(2, name=name) for name in ("scale", "offset", "mean")]
        g.output(tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=1e-3, is_training=False, data_format="NDHWC")[0])
    for radius, bias, alpha, beta in [(5, 1.0, 1.0, 0.5), (1, 2.0, 0.1, 0.75)]:
        with Case(f"lrn_{radius}", f"LRN, radius {radius}, bias {bias}, alpha {alpha}, beta {beta}") as g:
            g.output(tf.nn.lrn(g.input(1, 2, 2, 4), radius, bias, alpha, beta))
    for epsilon in (1e-5, 1e-3, 0.5):
        with Case(f"batch_norm_{epsilon:g}".replace("-", "m").replace(".", "_"), f"FusedBatchNormV3, epsilon {epsilon:g}") as g:
            g.output(norm(g, g.input(1, 3, 2, 3), epsilon))
    with Case("batch_norm_v1", "FusedBatchNorm, the first version") as g:
        g.output(norm(g, g.input(1, 2, 2, 3), 1e-3, tf.raw_ops.FusedBatchNorm))
    with Case("batch_norm_nchw", "FusedBatchNormV3 in NCHW, all sizes equal") as g:
        g.output(tf.identity(norm(g, g.input(1, 3, 3, 3), 1e-3, data_format="NCHW")))
    with Case("conv_batch_norm_relu", "Conv2D, FusedBatchNormV3, Relu") as g:
        x = tf.nn.conv2d(g.input(1, 4, 5, 2), g.const(3, 3, 2, 4), strides=2, padding="SAME")
        g.output(tf.nn.relu(norm(g, x, 1e-3)))
    with Case("conv_bias_batch_norm", "Conv2D, BiasAdd, FusedBatchNormV3") as g:
        x = tf.nn.conv2d(g.input(1, 4, 4, 2), g.const(3, 3, 2, 3), strides=1, padding="VALID")
        g.output(norm(g, tf.nn.bias_add(x, g.const(3, name="b")), 1e-3))
    with Case("batch_norm_then_conv_same", "FusedBatchNormV3, Conv2D SAME: the offset must not reach the padding") as g:
        g.output(tf.nn.conv2d(norm(g, g.input(1, 3, 3, 2), 1e-3), g.const(3, 3, 2, 2), strides=1, padding="SAME"))
    with Case("conv_used_beside_batch_norm", "Conv2D whose result is used with and without FusedBatchNormV3") as g:
        x = tf.nn.conv2d(g.input(1, 3, 3, 2), g.const(3, 3, 2, 2), strides=1, padding="SAME")
        g.output(tf.add(norm(g, x, 1e-3), x))
    frozen = keras_cnn()  # before the Case, whose graph is no place for Keras
    with Case("keras_conv_batch_norm", "Conv2D, BatchNormalization, ReLU, pool, Flatten, Dense as Keras 3 writes them: Rsqrt of constants") as g:
        g.feed["image"] = g.numbers(1, 6, 6, 1)
        g.graph, g.out = frozen, "Identity"


def keras_cnn():
    """The frozen graph of a Keras model with random weights, positive because the variance must be."""
    layers, random = tf2.keras.layers, np.random.default_rng(1)
    model = tf2.keras.Sequential(
        [
            tf2.keras.Input([6, 6, 1]),
            layers.Conv2D(2, 3, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="keras",
    )
    model.set_weights([0.1 + random.random(w.shape).astype(np.float32) for w in model.get_weights()])
    function = tf2.function(model).get_concrete_function(tf2.TensorSpec([1, 6, 6, 1], name="image"))
    return convert_variables_to_constants_v2(function).graph


def combinations():
    def conv(g, x, channels, name, kernel=3):
        w = g.const(kernel, kernel, int(x.shape[3]), channels, name=f"{name}/w")
        return tf.nn.bias_add(tf.nn.conv2d(x, w, strides=1, padding="SAME"), g.const(channels, name=f"{name}/b"))

    with Case("conv_bias_relu_max_pool", "Conv2D, BiasAdd, Relu, MaxPool") as g:
        g.output(tf.nn.max_pool2d(tf.nn.relu(conv(g, g.input(1, 6, 6, 1), 3, "c")), 2, 2, "VALID"))
    with Case("conv_relu_max_pool_same", "Conv2D, Relu, MaxPool SAME with border windows") as g:
        g.output(tf.nn.max_pool2d(tf.nn.relu(conv(g, g.input(1, 5, 5, 1), 2, "c")), 3, 2, "SAME"))
    with Case("conv_add_relu_avg_pool", "Conv2D, AddV2 of the bias, Relu, AvgPool SAME") as g:
        x = tf.nn.conv2d(g.input(1, 5, 6, 1), g.const(3, 3, 1, 2), strides=1, padding="SAME") + g.const(2, name="b")
        g.output(tf.nn.avg_pool2d(tf.nn.relu(x), 3, 2, "SAME"))
    with Case("max_pool_relu", "MaxPool, then Relu") as g:
        g.output(tf.nn.relu(tf.nn.max_pool2d(g.input(1, 4, 4, 2), 2, 2, "VALID")))
    with Case("relu_used_twice", "Relu whose result goes to MaxPool and to Mean: no exchange may change the other use") as g:
        x = tf.nn.relu(conv(g, g.input(1, 4, 4, 1), 2, "c"))
        pooled = tf.reduce_mean(tf.nn.max_pool2d(x, 2, 2, "VALID"), [1, 2])
        g.output(tf.subtract(pooled, tf.reduce_mean(x, [1, 2])))
    with Case("relu_and_its_input_used", "the input of a Relu before MaxPool is used too") as g:
        x = conv(g, g.input(1, 4, 4, 1), 2, "c")
        pooled = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
        g.output(tf.add(pooled, tf.nn.avg_pool2d(x, 2, 2, "VALID")))
    with Case("residual", "Relu of a Conv2D plus its input") as g:
        x = g.input(1, 4, 4, 2)
        g.output(tf.nn.relu(conv(g, tf.nn.relu(conv(g, x, 2, "c1")), 2, "c2") + x))
    with Case("residual_projected", "Relu of a Conv2D with stride 2 plus a projection of its input") as g:
        x = g.input(1, 5, 5, 2)
        main = tf.nn.conv2d(x, g.const(3, 3, 2, 3, name="main"), strides=2, padding="SAME")
        short = tf.nn.conv2d(x, g.const(1, 1, 2, 3, name="short"), strides=2, padding="SAME")
        g.output(tf.nn.relu(main + short))
    with Case("fire", "two Conv2D of different sizes, joined by ConcatV2, MaxPool") as g:
        x = tf.nn.relu(conv(g, g.input(1, 4, 4, 1), 2, "squeeze", kernel=1))
        parts = [tf.nn.relu(conv(g, x, 2, f"expand{k}", kernel=k)) for k in (1, 3)]
        g.output(tf.nn.max_pool2d(tf.concat(parts, 3), 2, 2, "VALID"))
    with Case("mlp", "two dense layers with Relu and a final Softmax; unknown batch") as g:
        x = tf.nn.relu(tf.matmul(g.input(None, 5), g.const(5, 4, name="w1")) + g.const(4, name="b1"))
        g.output(tf.nn.softmax(tf.matmul(x, g.const(4, 3, name="w2")) + g.const(3, name="b2")))
    with Case("relu6", "Relu6 on both sides of its bounds") as g:
        g.output(tf.nn.relu6(g.input(1, 4, values=[[-1, 0.5, 5.5, 7]])))
    with Case("add_n", "AddN of three inputs") as g:
        g.output(tf.add_n([g.input(2, 2, name=name) for name in "xyz"]))
    with Case("two_inputs_one_unused_dimension", "a dense layer on the ConcatV2 of an image's features and a vector") as g:
        image = tf.reshape(tf.nn.relu(conv(g, g.input(1, 2, 2, 1, name="image"), 2, "c")), [1, 8])
        g.output(tf.matmul(tf.concat([image, g.input(1, 3, name="extra")], 1), g.const(11, 2)))


def encodings():
    with Case("identity_chain", "Identity, StopGradient, Identity") as g:
        g.output(tf.identity(tf.stop_gradient(tf.identity(g.input(1, 3))) * 2.0, name="out"))
    with Case("function_calls", "calls of functions that call another, which gives two outputs") as g:

        @tf2.function
        def both(x, y):
            return tf.nn.relu(x) * 2.0, tf.nn.bias_add(x, y)

        @tf2.function
        def outer(x, y):
            a, b = both(x, y)
            c, _ = both(b, y)
            return a - c

        x = outer(g.input(1, 3), g.const(3, name="b"))
        assert any("PartitionedCall" in n.op for n in g.nodes().node)
        g.output(tf.identity(x, name="out"))
    with Case("no_op_control", "NoOp and control inputs") as g:
        x = g.input(1, 3)
        with tf.control_dependencies([tf.no_op(name="barrier"), g.const(2, name="unused").op]):
            g.output(tf.nn.relu(x))
    with Case("unused_const", "a Const and a NoOp that nothing uses: neither is an output") as g:
        g.const(2, name="unused")
        tf.no_op(name="idle")
        g.output(tf.nn.relu(g.input(1, 3)))
    with Case("output_zero_written_out", "inputs written as `name:0`") as g:
        g.output(tf.matmul(tf.nn.relu(g.input(1, 3)), g.const(3, 2)))

        def write_out(definition):
            for node in definition.node:
                node.input[:] = [f"{name}:0" for name in node.input]
            return definition

        g.edit = write_out
    with Case("nodes_out_of_order", "nodes that precede their inputs in the file") as g:
        x = tf.nn.relu(tf.matmul(g.input(1, 3), g.const(3, 4, name="w1")))
        g.output(tf.matmul(x, g.const(4, 2, name="w2")))

        def reverse(definition):
            nodes = list(definition.node)[::-1]
            del definition.node[:]
            definition.node.extend(nodes)
            return definition

        g.edit = reverse
    with Case("output_shapes", "the attribute _output_shapes on every node") as g:
        g.output(tf.nn.max_pool2d(g.input(None, 4, 4, 1), 2, 2, "VALID"))
        g.edit = lambda definition: g.graph.as_graph_def(add_shapes=True)
    with Case("int64_indices", "axes, permutations, paddings and shapes of int64") as g:
        long = lambda values: tf.constant(values, tf.int64)
        x = tf.pad(g.input(1, 2, 3, 2), long([[0, 0], [1, 0], [0, 1], [0, 0]]))
        x = tf.transpose(x, long([0, 2, 1, 3]))
        x = tf.concat([tf.reduce_mean(x, long([2])), tf.reduce_mean(x, long([2]))], long(-1))
        g.output(tf.reshape(x[:, long(1) : long(3)], long([2, -1])))
    with Case("defaults_stripped_cnn", "Conv2D, FusedBatchNormV3, Mean, MatMul without the attributes that have their default, epsilon 0.0001 too") as g:
        x = tf.nn.conv2d(g.input(1, 5, 5, 1), g.const(3, 3, 1, 2), strides=1, padding="VALID")
        scale, offset, mean = [g.const(2, name=name) for name in ("scale", "offset", "mean")]
        variance = tf.constant([0.0004, 0.02], name="variance")
        x = tf.raw_ops.FusedBatchNormV3(x=x, scale=0.03 * scale, offset=offset, mean=mean, variance=variance, is_training=False)[0]
        g.output(tf.matmul(tf.reduce_mean(tf.nn.max_pool2d(x, 2, 1, "VALID"), [1, 2]), g.const(2, 3, name="dense")))
        g.edit = strip_defaults
    with Case("defaults_stripped_slice", "StridedSlice, Squeeze, ArgMax without the attributes that have their default") as g:
        x = tf.strided_slice(g.input(3, 1, 5), [1, 0, 0], [3, 1, 5], [1, 1, 2])
        g.output(tf.argmax(tf.squeeze(x), 1))
        g.edit = strip_defaults
    with Case("unknown_dims_with_sizes", "unknown height and width that the size file gives") as g:
        x = tf.placeholder(tf.float32, [None, None, None, 2], name="x")
        g.feed["x"] = g.numbers(1, 5, 4, 2)
        g.output(tf.nn.conv2d(x, g.const(3, 3, 2, 2), strides=2, padding="SAME"))
        g.measure = True
    with Case("unknown_rank_with_sizes", "a Placeholder without shape that the size file gives") as g:
        x = tf.placeholder(tf.float32, name="x")
        g.feed["x"] = g.numbers(1, 3)
        g.output(tf.raw_ops.MatMul(a=x, b=g.const(3, 2)))
        g.measure = True

    for name, what, fill in [
        ("splat", "one float_val for all elements", lambda t, v: t.float_val.append(v[0])),
        ("float_val", "float_val for each element", lambda t, v: t.float_val.extend(v)),
        ("float_val_tail", "float_val for the first elements: the last one repeats", lambda t, v: t.float_val.extend(v[:2])),
        ("no_values", "no value at all: zeros", lambda t, v: None),
        ("content", "tensor_content", lambda t, v: setattr(t, "tensor_content", v.astype("<f4").tobytes())),
    ]:
        with Case(f"const_{name}", f"a Const of 4 elements with {what}") as g:
            g.output(tf.add(g.input(2, 2), g.const(2, 2)))
            g.edit = lambda definition, g=g, fill=fill: set_const(definition, "w", (2, 2), g.numbers(4), fill)
    with Case("const_int_val_splat", "Pad by a Const with one int_val for all elements") as g:
        g.output(tf.pad(g.input(1, 2), tf.constant(1, shape=[2, 2])))
