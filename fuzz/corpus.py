"""Writes the seeds of the fuzzers: small models with most of what a file can have, in corpus/{onnx,pb,pbtxt}.

Needs onnx==1.17.0, numpy==2.4.6 for the ONNX models and tensorflow-cpu==2.21.0 for the others; each part is skipped without.
"""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parent / "tests/tensorflow_ops/cases"

# Graphs in ONNX's own text, and the shapes of their weights.
MODELS = {
    "convolutions": (
        17,
        """g (float[N, 3, 6, 6] x) => (float[N, 4, h, w] y) {
            a = Conv <pads = [1, 1, 1, 1], auto_pad = "NOTSET"> (x, w0, b0)
            b = BatchNormalization <epsilon = 0.001> (a, b0, b0, b0, s0)
            c = Relu (b)
            d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)
            e = ConvTranspose <strides = [2, 2], output_padding = [1, 1]> (d, w1)
            f = Conv <group = 4, dilations = [2, 2]> (e, w2)
            y = AveragePool <kernel_shape = [2, 2], count_include_pad = 1, ceil_mode = 1> (f)
        }""",
        {"w0": (4, 3, 3, 3), "b0": (4,), "s0": (4,), "w1": (4, 4, 3, 3), "w2": (4, 1, 2, 2)},
    ),
    "dense": (
        13,
        """g (float[1, 4] x) => (float[1, 3] y) {
            a = Flatten <axis = 1> (x)
            b = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (a, w0, b0)
            y = Softmax <axis = -1> (b)
        }""",
        {"w0": (3, 4), "b0": (3,)},
    ),
    "shapes": (
        18,
        """g (float[2, 3, 4] x) => (float[p, q] y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[2] rest = {0, -1}> {
            s = Shape (x)
            n = Gather <axis = 0> (s, zero)
            l = Concat <axis = 0> (n, rest)
            t = Transpose <perm = [0, 2, 1]> (x)
            u = Slice (t, zero, two, one)
            v, w = Split <axis = 1, num_outputs = 2> (u)
            c = Concat <axis = 1> (v, w)
            e = Unsqueeze (c, zero)
            f = Squeeze (e, zero)
            r = Reshape (f, rest)
            y = Pad <mode = "constant"> (r, pads)
        }""",
        {"pads": [0, 1, 0, 1]},
    ),
    "functions": (
        20,
        """g (float[2, 3] x, float[3] z) => (float[2, 3] y) <float lo = {-1.0}, float hi = {1.0}> {
            a = Sigmoid (x)
            b = Tanh (a)
            c = Div (b, z)
            d = Clip (c, lo, hi)
            e = LeakyRelu <alpha = 0.2> (d)
            f = Exp (e)
            g1 = Greater (f, x)
            h = Where (g1, f, x)
            y = Gelu <approximate = "tanh"> (h)
        }""",
        {},
    ),
    "reductions": (
        18,
        """g (float[2, 3, 4] x) => (float[2, 1, 4] y, int64[2, 3] i) <int64[1] axes = {1}> {
            y = ReduceMean <keepdims = 1> (x, axes)
            i = ArgMax <axis = 2, keepdims = 0, select_last_index = 1> (x)
        }""",
        {},
    ),
    "resize": (
        18,
        """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) <float[4] scales = {1.0, 1.0, 2.0, 2.0}> {
            a = Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"> (x, , scales)
            y = DepthToSpace <blocksize = 1, mode = "DCR"> (a)
        }""",
        {},
    ),
    "old": (
        7,
        """g (float[1, 4, 2, 2] x) => (float[1, 4] y) {
            a = Dropout <ratio = 0.5> (x)
            b = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 2.0]> (a)
            c = LRN <size = 3> (b)
            d = GlobalAveragePool (c)
            y = Squeeze <axes = [2, 3]> (d)
        }""",
        {},
    ),
    "einsum": (
        17,
        """g (float[2, 3, 4] x, float[2, 4, 5] z) => (float[2, 3, 5] y) {
            a = Einsum <equation = "bij,bjk->bik"> (x, z)
            b = LayerNormalization <axis = -1> (a, w0, w0)
            y = MatMul (b, w1)
        }""",
        {"w0": (5,), "w1": (5, 5)},
    ),
    "control_flow": (
        17,
        """g (float[2] x, bool c) => (float[2] y) {
            y = If (c) <then_branch = t () => (float[2] a) { a = Neg (x) }, else_branch = e () => (float[2] b) { b = Abs (x) }>
        }""",
        {},
    ),
}


def write_onnx():
    import onnx
    from onnx import numpy_helper, parser

    random = np.random.default_rng(20)
    folder = HERE / "corpus/onnx"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (opset, text, weights) in MODELS.items():
        model = parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]>\n{text}')
        for weight, shape in weights.items():
            integers = isinstance(shape, list)
            values = np.array(shape, np.int64) if integers else random.uniform(0.5, 1, shape).astype(np.float32)
            tensor = numpy_helper.from_array(values, weight)
            if not integers and values.size <= 4:  # the other way to write numbers
                tensor = onnx.helper.make_tensor(weight, 1, shape, values.ravel().tolist())
            model.graph.initializer.append(tensor)
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def write_tensorflow():
    from google.protobuf import text_format
    from tensorflow.core.framework import graph_pb2

    small = [p for p in sorted(CASES.glob("*.pb")) if p.stat().st_size < 1000]
    for kind in ("pb", "pbtxt"):
        (HERE / "corpus" / kind).mkdir(parents=True, exist_ok=True)
    for path in small[::6]:
        graph = graph_pb2.GraphDef.FromString(path.read_bytes())
        (HERE / f"corpus/pb/{path.name}").write_bytes(path.read_bytes())
        (HERE / f"corpus/pbtxt/{path.stem}.pbtxt").write_text(text_format.MessageToString(graph))


for part in (write_onnx, write_tensorflow):
    try:
        part()
    except ImportError as error:
        print(f"{part.__name__}: skipped, {error}")
