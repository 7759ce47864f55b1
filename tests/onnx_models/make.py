"""Writes the models and answers of this folder (onnx 1.17.0, onnxruntime 1.32.0, numpy 2.4.6): python make.py

attention.onnx  one block of a transformer: two products of secrets, a softmax inside, layer norms, gelu; two inputs, two results
refused.onnx    everything that is wrong with it is to be reported at once
external.onnx   weights in a file of their own
inception.onnx  a module of GoogLeNet between two convolutions: four branches of unequal length, one of which pools
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = [helper.make_opsetid("", 20)]
random = np.random.default_rng(7)


def weight(name, *shape):
    scale = 1 / np.sqrt(shape[0]) if len(shape) > 1 else 0.1
    return numpy_helper.from_array((random.standard_normal(shape) * scale).astype(np.float32), name)


def real(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(name, graph, **options):
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=9, producer_name="treville tests")
    onnx.save(model, f"{name}.onnx", **options)


def attention():
    tokens, width, hidden = 6, 8, 16
    node = helper.make_node
    nodes = [
        node("LayerNormalization", ["x", "norm1.scale", "norm1.bias"], ["n"], name="norm1"),
        node("MatMul", ["n", "query"], ["q"], name="q"),
        node("MatMul", ["n", "key"], ["k"], name="k"),
        node("MatMul", ["n", "value"], ["v"], name="v"),
        node("Transpose", ["k"], ["kt"], name="kt", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["scores"], name="scores"),
        node("Mul", ["scores", "root"], ["scaled"], name="scaled"),
        node("Add", ["scaled", "mask"], ["masked"], name="masked"),
        node("Softmax", ["masked"], ["shares"], name="shares", axis=-1),
        node("MatMul", ["shares", "v"], ["mixed"], name="mixed"),
        node("Add", ["mixed", "x"], ["attended"], name="attended"),
        node("LayerNormalization", ["attended", "norm2.scale", "norm2.bias"], ["m"], name="norm2"),
        node("MatMul", ["m", "up"], ["u"], name="up"),
        node("Gelu", ["u"], ["g"], name="gelu"),
        node("MatMul", ["g", "down"], ["d"], name="down"),
        node("Add", ["d", "attended"], ["y"], name="y"),
        node("ReduceMean", ["y", "axis"], ["pooled"], name="pooled", keepdims=0),
        node("MatMul", ["pooled", "classes"], ["logits"], name="logits"),
    ]
    weights = [
        numpy_helper.from_array(np.float32(1) + random.standard_normal(width).astype(np.float32) * 0.1, "norm1.scale"),
        weight("norm1.bias", width),
        weight("query", width, width),
        weight("key", width, width),
        weight("value", width, width),
        numpy_helper.from_array(np.float32(1) + random.standard_normal(width).astype(np.float32) * 0.1, "norm2.scale"),
        weight("norm2.bias", width),
        weight("up", width, hidden),
        weight("down", hidden, width),
        weight("classes", width, 3),
        numpy_helper.from_array(np.float32(1 / np.sqrt(width)), "root"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    inputs = [real("x", 1, tokens, width), real("mask", 1, tokens, tokens)]
    outputs = [real("logits", 1, 3), real("shares", 1, tokens, tokens)]
    save("attention", helper.make_graph(nodes, "attention", inputs, outputs, weights))
    x = random.standard_normal((1, tokens, width)).astype(np.float32)
    mask = np.where(np.tril(np.ones((1, tokens, tokens))) > 0, 0, -4).astype(np.float32)
    logits, shares = onnxruntime.InferenceSession("attention.onnx").run(["logits", "shares"], {"x": x, "mask": mask})
    np.savez_compressed("attention.npz", x=x, mask=mask, expected_logits=logits, expected_shares=shares)


def refused():
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "filter"], ["c"], name="conv1", auto_pad="SAME_UPPER"),
        node("Frobnicate", ["c"], ["f"], name="frob", domain="com.example"),
        node("LSTM", ["f", "w", "r"], ["h", "state"], name="lstm", hidden_size=2),
        node("NonZero", ["c"], ["where"], name="nonzero"),
        node("Conv", ["c", "filter"], ["d"], name="conv2", group=3),
        node("Relu", ["d"], ["y"], name="relu"),
    ]
    weights = [weight("filter", 4, 2, 3, 3), weight("w", 1, 8, 2), weight("r", 1, 8, 2)]
    outputs = [real("state", 1, 1, 2), real("y", 1, 4, 8, 8), helper.make_tensor_value_info("where", TensorProto.INT64, (4, "n"))]
    save("refused", helper.make_graph(nodes, "refused", [real("image", "n", 2, 8, "width")], outputs, weights))


def external():
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="gemm", transB=1)]
    weights = [weight("w", 3, 5), weight("b", 3)]
    save(
        "external",
        helper.make_graph(nodes, "external", [real("x", "batch", 5)], [real("y", "batch", 3)], weights),
        save_as_external_data=True,
        location="external.data",
        size_threshold=0,
    )
    x = random.standard_normal((4, 5)).astype(np.float32)
    (y,) = onnxruntime.InferenceSession("external.onnx").run(["y"], {"x": x})
    np.savez_compressed("external.npz", x=x, expected_y=y)
    tensor = numpy_helper.from_array(x[:1], "x")
    with open("external_x.pb", "wb") as file:
        file.write(tensor.SerializeToString())


def inception():
    node = helper.make_node
    weights = []

    def conv(x, channels, filters, kernel, name):
        weights.append(weight(f"{name}.weight", filters, channels, kernel, kernel))
        weights.append(weight(f"{name}.bias", filters))
        pads = [kernel // 2] * 4
        inputs = [x, f"{name}.weight", f"{name}.bias"]
        nodes.append(node("Conv", inputs, [f"{name}.sum"], name=name, pads=pads))
        nodes.append(node("Relu", [f"{name}.sum"], [f"{name}.out"], name=f"{name}.relu"))
        return f"{name}.out"

    nodes = []
    stem = conv("image", 3, 4, 3, "stem")
    branches = [conv(stem, 4, 2, 1, "a")]
    branches.append(conv(conv(stem, 4, 2, 1, "b1"), 2, 3, 3, "b2"))
    branches.append(conv(conv(stem, 4, 2, 1, "c1"), 2, 2, 5, "c2"))
    nodes.append(node("MaxPool", [stem], ["pooled"], name="d1", kernel_shape=[3, 3], pads=[1] * 4))
    branches.append(conv("pooled", 4, 2, 1, "d2"))
    nodes.append(node("Concat", branches, ["all"], name="concat", axis=1))
    end = conv("all", 9, 5, 3, "end")
    nodes.append(node("ReduceMean", [end, "axes"], ["y"], name="y", keepdims=0))
    weights.append(numpy_helper.from_array(np.array([2, 3], np.int64), "axes"))
    graph = helper.make_graph(nodes, "inception", [real("image", 1, 3, 8, 8)], [real("y", 1, 5)], weights)
    save("inception", graph)
    image = random.standard_normal((6, 3, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession("inception.onnx")
    y = np.concatenate([session.run(["y"], {"image": image[i : i + 1]})[0] for i in range(len(image))])
    np.savez_compressed("inception.npz", image=image, expected_y=y)


attention()
refused()
external()
inception()
