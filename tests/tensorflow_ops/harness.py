"""Graphs under construction: `Case` writes one with TensorFlow's answer, `Refused` one that must be refused."""

import os
import pathlib
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.framework import attr_value_pb2, tensor_pb2
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.framework import op_def_registry

HERE = pathlib.Path(__file__).resolve().parent
LARGEST_OUTPUT = 64  # so that one fixed-point tolerance serves all cases


class Graph:
    """A graph under construction: `with Graph(name) as g`, inputs and constants by method."""

    def __init__(self, name):
        self.name = name
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.graph = tf.Graph()
        self.feed = {}

    def __enter__(self):
        self.default = self.graph.as_default()
        self.default.__enter__()
        return self

    def __exit__(self, error, *_):
        self.default.__exit__(None, None, None)
        if error is None:
            self.write()

    def input(self, *shape, name="x", values=None, dtype=tf.float32):
        """A Placeholder (None: unknown dimension, 1 in the test data)."""
        self.feed[name] = self.numbers(*[d or 1 for d in shape]) if values is None else np.array(values, np.float32)
        return tf.placeholder(dtype, shape, name=name)

    def numbers(self, *shape):
        """Normally distributed floats."""
        return self.random.standard_normal(shape).astype(np.float32)

    def const(self, *shape, name="w"):
        """A Const of random floats, each about 0.5."""
        return tf.constant(0.5 * self.numbers(*shape), name=name)

    def nodes(self):
        """The GraphDef so far."""
        return self.graph.as_graph_def()

    def save(self, folder, definition):
        (HERE / folder / f"{self.name}.pb").write_bytes(definition.SerializeToString(deterministic=True))


class Case(Graph):
    """A graph with TensorFlow's answer. `optional` marks what the importer may refuse but must not get wrong."""

    lines = []

    def __init__(self, name, what, optional=False):
        super().__init__(name)
        self.what, self.optional, self.edit, self.measure = what, optional, lambda definition: definition, False

    def output(self, tensor):
        self.out = tensor.op.name

    def write(self):
        definition = self.edit(self.nodes())
        with tf.Graph().as_default() as graph, tf.Session(graph=graph, config=session_config()) as session:
            tf.import_graph_def(definition, name="")
            feed = {f"{name}:0": values for name, values in self.feed.items()}
            expected = session.run(f"{self.out}:0", feed)
            expected = expected.astype(np.float32 if expected.dtype == np.float32 else np.int64)
            if self.measure:
                operations = [op for op in graph.get_operations() if op.outputs]
                values = session.run([op.outputs[0] for op in operations], feed)
                lines = [" ".join(map(str, [op.name, *v.shape])) + "\n" for op, v in zip(operations, values)]
                (HERE / "cases" / f"{self.name}.sizes").write_text("".join(lines))
        assert np.isfinite(expected).all() and np.abs(expected).max() <= LARGEST_OUTPUT, (self.name, expected)
        self.save("cases", definition)
        np.savez_compressed(HERE / "cases" / f"{self.name}.npz", **self.feed, expected=expected)
        kind = "answer-or-refusal" if self.optional else "answer"
        self.lines.append(f"{self.name} | {kind} | {self.out} | {self.what}\n")


class Refused(Graph):
    """A graph that must be refused, with the names of the nodes that are to blame."""

    lines = []

    def __init__(self, name, why, blamed=()):
        super().__init__(name)
        self.why, self.blamed, self.edit = why, list(blamed), lambda definition: definition

    def write(self):
        definition = self.edit(self.nodes())
        for node in self.blamed:
            assert any(node == n.name for n in definition.node), (self.name, node)
        self.save("refused", definition)
        self.lines.append(f"{self.name} | {', '.join(self.blamed)} | {self.why}\n")


def session_config():
    """Plain execution, except that NCHW graphs are turned so that a CPU can run them."""
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    rewrites = config.graph_options.rewrite_options
    rewrites.min_graph_nodes = -1
    rewrites.cpu_layout_conversion = rewriter_config_pb2.RewriterConfig.NCHW_TO_NHWC
    return config


def strip_defaults(definition):
    """Leaves out each attribute that has its op's default value, as saved models do."""
    for node in definition.node:
        for attribute in op_def_registry.get(node.op).attr:
            if attribute.HasField("default_value") and node.attr[attribute.name] == attribute.default_value:
                del node.attr[attribute.name]
    return definition


def set_const(definition, name, shape, values, fill):
    """Rewrites a Const's value by hand."""
    tensor = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum)
    for extent in shape:
        tensor.tensor_shape.dim.add(size=extent)
    fill(tensor, values)
    for node in definition.node:
        if node.name == name:
            node.attr["value"].CopyFrom(attr_value_pb2.AttrValue(tensor=tensor))
    return definition


def set_list(definition, name, attribute, values):
    """Replaces a list of integers."""
    for node in definition.node:
        if node.name == name:
            node.attr[attribute].list.i[:] = values
    return definition


def set_input(definition, name, inputs):
    """Replaces the inputs of a node."""
    for node in definition.node:
        if node.name == name:
            node.input[:] = inputs
    return definition
