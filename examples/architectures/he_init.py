"""The architectures that the onnx package ships, with weights that one can compute with.

The package has the graphs of nine image classifiers (onnx/backend/test/data/light/*.onnx). Their constants are all 0.02, so
that the values in between overflow any ring. This script gives convolutions and dense layers He-initialised weights from a
fixed seed and batch norms unit variance, and writes one model file for each graph.

    he_init.py                    all nine, to target/architectures/
    he_init.py resnet50 vgg19     these
"""

import argparse
import importlib.util
import pathlib

import numpy as np
import onnx
from onnx import numpy_helper

SEED = 20
ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAPHS = pathlib.Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data/light"


def constants(graph):
    """Name and shape of each float constant: initializers, and the nodes that fill a shape."""
    initializers = {t.name: t for t in graph.initializer}
    shapes = {name: tuple(t.dims) for name, t in initializers.items() if t.data_type == onnx.TensorProto.FLOAT}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(numpy_helper.to_array(initializers[node.input[0]]).tolist())
    return shapes


def roles(graph):
    """What each constant is for, by its reader: a function from shape and random source to values."""
    normal = lambda gain: lambda shape, random: random.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))
    he, lecun = normal(2), normal(1)
    ones, zeros = lambda shape, _: np.ones(shape), lambda shape, _: np.zeros(shape)
    by_op = {
        "Conv": (None, he, zeros),
        "Gemm": (None, he, zeros),
        "BatchNormalization": (None, ones, zeros, zeros, ones),
        "Mul": (None, ones),
        "Add": (None, zeros),
    }
    alias = {node.input[0]: node.output[0] for node in graph.node if node.op_type in ("Unsqueeze", "Reshape")}
    readers = {name: (node, place) for node in graph.node for place, name in enumerate(node.input)}

    def is_rectified(node):
        """Whether a ReLU follows, with nothing but normalisation in between: He's factor of two is for those."""
        follower, _ = readers.get(node.output[0], (None, None))
        normalises = follower is not None and follower.op_type in ("BatchNormalization", "Mul", "Add")
        return is_rectified(follower) if normalises else follower is not None and follower.op_type == "Relu"

    def role(name):
        node, place = readers[alias.get(name, name)]
        values = by_op[node.op_type][place]
        return lecun if values is he and not is_rectified(node) else values

    return role


def initialise(model):
    """Turns every float constant into an initializer with new values."""
    graph, random = model.graph, np.random.default_rng(SEED)
    shapes, role = constants(graph), roles(graph)
    values = {n: role(n)(s, random).astype(np.float32) for n, s in shapes.items() if is_read(graph, n)}
    filled = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "ConstantOfShape"}
    kept = [t for t in graph.initializer if t.name not in shapes and t.name not in filled.values()]
    nodes = [n for n in graph.node if n.op_type != "ConstantOfShape"]
    new = [numpy_helper.from_array(v, n) for n, v in values.items()]
    names = {t.name for t in graph.initializer}
    inputs = [i for i in graph.input if i.name not in names]
    for field, items in [(graph.initializer, kept + new), (graph.node, nodes), (graph.input, inputs)]:
        del field[:]
        field.extend(items)
    del graph.value_info[:]
    model.ir_version = max(model.ir_version, 4)  # since which initializers need not be inputs as well


def is_read(graph, name):
    return any(name in node.input for node in graph.node)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of the graphs, without light_ and .onnx")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target/architectures")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for path in sorted(GRAPHS.glob("light_*.onnx")):
        name = path.stem.removeprefix("light_")
        if args.names and name not in args.names:
            continue
        model = onnx.load(path)
        initialise(model)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, args.output / f"{name}.onnx")
        parameters = sum(int(np.prod(t.dims)) for t in model.graph.initializer)
        print(f"{name}: {len(model.graph.node)} nodes, {parameters:,} parameters")


if __name__ == "__main__":
    main()
