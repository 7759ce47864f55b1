"""The graphs that must be refused."""

from harness import Refused, set_const, set_input, set_list, strip_defaults

import tensorflow as tf2
import tensorflow.compat.v1 as tf


def write():
    """Writes all of them."""

    def dense(g, x, rows, columns, name):
        return tf.matmul(x, g.const(rows, columns, name=f"{name}/w"), name=f"{name}/MatMul")

    with Refused("many_at_once", "all unsupported nodes are reported at once", ["a/Lgamma", "b/Digamma", "c/Bincount", "d/Igamma"]) as g:
        x = tf.raw_ops.Digamma(x=tf.raw_ops.Lgamma(x=g.input(1, 4), name="a/Lgamma"), name="b/Digamma")
        counts = tf.raw_ops.Bincount(arr=tf.cast(x, tf.int32), size=4, weights=tf.constant([], tf.float32), name="c/Bincount")
        tf.raw_ops.Igamma(a=counts, x=dense(g, x, 4, 4, "out"), name="d/Igamma")
    with Refused("gather_by_input", "indices that depend on an input", ["lookup"]) as g:
        tf.gather(g.const(4, 2), tf.argmax(g.input(1, 4), 1), name="lookup")
    with Refused("pow_of_two_inputs", "a power whose exponent is secret", ["power"]) as g:
        tf.pow(g.input(1, 3), g.input(1, 3, name="y"), name="power")
    with Refused("division_by_zero", "a division by a constant that is 0", ["ratio"]) as g:
        tf.raw_ops.RealDiv(x=g.input(1, 3), y=tf.constant(0.0), name="ratio")
    with Refused("cast_that_wraps", "Cast of secret data to 8 bits", ["cast"]) as g:
        tf.cast(g.input(1, 3), tf.uint8, name="cast")
    with Refused("empty_slice", "a slice without elements", ["nothing"]) as g:
        tf.strided_slice(g.input(2, 3), [0, 1], [2, 1], name="nothing")
    with Refused("conv_transpose_size", "a result that no convolution turns into the input (TensorFlow would not write it)", ["upsample"]) as g:
        tf.nn.conv2d_transpose(g.input(1, 2, 2, 2), g.const(2, 2, 1, 2), [1, 4, 4, 1], 2, name="upsample")
        g.edit = lambda d: set_list(d, "upsample", "strides", [1, 1, 1, 1])
    with Refused("resize_by_input", "a size that depends on an input", ["resize"]) as g:
        size = tf.cast(g.input(2, name="y"), tf.int32)
        tf.raw_ops.ResizeBilinear(images=g.input(1, 2, 2, 1), size=size, name="resize")
    with Refused("unknown_dims", "height and width are unknown", ["image"]) as g:
        tf.nn.relu(tf.placeholder(tf.float32, [1, None, None, 3], name="image"))
    with Refused("unknown_second_dim", "the number of features is unknown", ["features"]) as g:
        tf.nn.relu(tf.placeholder(tf.float32, [None, None], name="features"))
    with Refused("unknown_rank", "the input has no shape", ["x"]) as g:
        tf.nn.relu(tf.placeholder(tf.float32, name="x"))
    with Refused("variable_v2", "a variable without value: the graph is not frozen", ["w"]) as g:
        tf.matmul(g.input(1, 3), tf.get_variable("w", [3, 2], initializer=tf.zeros_initializer(), use_resource=False))
        g.edit = lambda d: tf.graph_util.extract_sub_graph(d, ["MatMul"])
    with Refused("resource_variable", "a resource variable without value: the graph is not frozen", ["w"]) as g:
        tf.matmul(g.input(1, 3), tf.get_variable("w", [3, 2], initializer=tf.zeros_initializer(), use_resource=True))
        g.edit = lambda d: tf.graph_util.extract_sub_graph(d, ["MatMul"])
    with Refused("conv_stride_over_channels", "a stride over the channels", ["conv"]) as g:
        tf.nn.conv2d(g.input(1, 4, 4, 2), g.const(2, 2, 2, 2), strides=1, padding="SAME", name="conv")
        g.edit = lambda d: set_list(d, "conv", "strides", [1, 1, 1, 2])
    with Refused("max_pool_over_channels", "a window over the channels", ["pool"]) as g:
        tf.raw_ops.MaxPool(input=g.input(1, 2, 2, 4), ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID", name="pool")
    with Refused("batch_norm_training", "FusedBatchNormV3 that computes the batch's statistics", ["norm"]) as g:
        empty = tf.constant([], tf.float32)
        tf.raw_ops.FusedBatchNormV3(x=g.input(1, 2, 2, 2), scale=g.const(2), offset=g.const(2, name="o"), mean=empty, variance=empty, name="norm")
    with Refused("batch_norm_training_by_default", "FusedBatchNormV3 without is_training, whose default is true", ["norm"]) as g:
        empty = tf.constant([], tf.float32)
        tf.raw_ops.FusedBatchNormV3(x=g.input(1, 2, 2, 2), scale=g.const(2), offset=g.const(2, name="o"), mean=empty, variance=empty, name="norm")
        g.edit = strip_defaults
    with Refused("batch_norm_second_output", "an output of FusedBatchNormV3 other than the first is used", ["norm"]) as g:
        norm = tf.raw_ops.FusedBatchNormV3(x=g.input(1, 2, 2, 2), scale=g.const(2), offset=g.const(2, name="o"), mean=g.const(2, name="m"), variance=tf.constant([0.5, 1.5], name="v"), is_training=False, name="norm")
        tf.add(norm[0], norm[1], name="sum")
    with Refused("reshape_by_input", "a shape that depends on an input", ["reshape"]) as g:
        tf.reshape(g.input(2, 3), tf.placeholder(tf.int32, [2], name="shape"), name="reshape")
    with Refused("pad_by_input", "paddings that depend on an input", ["pad"]) as g:
        tf.pad(g.input(2, 3), tf.placeholder(tf.int32, [2, 2], name="paddings"), name="pad")
    with Refused("string_input", "an input of strings", ["x"]) as g:
        tf.identity(tf.placeholder(tf.string, [1], name="x"), name="out")
    with Refused("complex_input", "an input of complex numbers", ["x"]) as g:
        tf.identity(tf.placeholder(tf.complex64, [1], name="x"), name="out")
    with Refused("shapes_do_not_match", "inner dimensions 3 and 4 (TensorFlow would not write it)", ["product"]) as g:
        tf.matmul(g.input(1, 3), g.const(3, 2), name="product")
        g.edit = lambda d: set_const(d, "w", (4, 2), g.numbers(8), lambda t, v: t.float_val.extend(v))
    with Refused("while_v1", "a loop of control-flow ops") as g:
        tf.disable_control_flow_v2()
        loop(g)
        tf.enable_control_flow_v2()
        kinds = ("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch")
        g.blamed = [n.name for n in g.nodes().node if n.op in kinds]
    with Refused("while_v2", "a loop as a function in the library", ["loop"]) as g:
        tf.enable_control_flow_v2()
        loop(g)
    with Refused("function_not_there", "a call of a function that is not in the library") as g:
        tf2.function(lambda x: tf.nn.relu(x) * 2.0)(g.input(1, 3))
        g.blamed = [n.name for n in g.nodes().node if "PartitionedCall" in n.op]
        assert g.blamed

        def without_library(definition):
            definition.library.Clear()
            return definition

        g.edit = without_library
    with Refused("missing_input", "an input that no node makes (TensorFlow would not write it)", ["relu"]) as g:
        tf.nn.relu(g.input(1, 3), name="relu")
        g.edit = lambda d: set_input(d, "relu", ["nowhere"])
    with Refused("cycle", "two nodes that wait for each other (TensorFlow would not write it)", ["a", "b"]) as g:
        tf.nn.relu(tf.nn.relu(g.input(1, 3), name="a"), name="b")
        g.edit = lambda d: set_input(d, "a", ["b"])
    with Refused("duplicate_name", "two nodes of one name (TensorFlow would not write it)", ["relu"]) as g:
        tf.nn.relu(tf.nn.relu(g.input(1, 3), name="relu"), name="relu2")

        def rename(definition):
            (node,) = [n for n in definition.node if n.name == "relu2"]
            node.name = "relu"
            return definition

        g.edit = rename
    with Refused("short_content", "tensor_content of 7 bytes for 2 floats (TensorFlow would not write it)", ["w"]) as g:
        tf.add(g.input(1, 2), g.const(2))
        g.edit = lambda d: set_const(d, "w", (2,), None, lambda t, _: setattr(t, "tensor_content", b"1234567"))
    with Refused("huge_const", "a Const of 2^62 elements with one value (TensorFlow would not write it)", ["w"]) as g:
        tf.add(g.input(1, 2), g.const(2))
        g.edit = lambda d: set_const(d, "w", (2**31, 2**31), None, lambda t, _: t.float_val.append(1))
    with Refused("missing_attribute", "a Conv2D without strides (TensorFlow would not write it)", ["conv"]) as g:
        tf.nn.conv2d(g.input(1, 4, 4, 2), g.const(2, 2, 2, 2), strides=1, padding="SAME", name="conv")

        def drop(definition):
            for node in definition.node:
                node.attr.pop("strides", None)
            return definition

        g.edit = drop


def loop(g):
    """x * w, three times."""
    w, start = g.const(2, 2), tf.constant(0)
    body = lambda i, x: (i + 1, tf.matmul(x, w))
    tf.while_loop(lambda i, x: i < 3, body, [start, g.input(1, 2)], name="loop")
