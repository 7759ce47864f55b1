"""What the example models share: reproducible training and the dump of a frozen graph with its test data.

`dump(__file__, graph_def, ...)` writes, next to the training script and named after its folder:

    NAME.pb      binary frozen GraphDef, as TensorFlow serializes it
    NAME.pbtxt   the same graph as text
    NAME.sizes   one line per tensor, `name dim dim ...`, as measured by running the graph on one sample
    test.npz     the test samples (one array named after the Placeholder, samples on axis 0),
                 `labels` (int64) and `expected` (what TensorFlow computes from NAME.pb, sample by sample)
    sample.npy   the first test sample, with a batch dimension of 1

and prints the accuracy that NAME.pb has on the test samples.
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # plain kernels: the same sums in the same order everywhere

import numpy as np
import tensorflow as tf

SEED = 20


def reproducible():
    """Fixes every seed and the order of every sum."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)


def freeze(concrete_function):
    """The GraphDef of a concrete function, with its variables turned into constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(concrete_function).graph.as_graph_def()


def dump(script, graph_def, x_test, labels):
    """Writes the files that the module's documentation lists. The graph's output is its last node."""
    folder = pathlib.Path(script).resolve().parent
    name = folder.name
    tf.io.write_graph(graph_def, str(folder), f"{name}.pb", as_text=False)
    tf.io.write_graph(graph_def, str(folder), f"{name}.pbtxt", as_text=True)

    frozen = tf.compat.v1.GraphDef.FromString((folder / f"{name}.pb").read_bytes())
    x_test = x_test.astype(np.float32)
    input_name, sizes, expected = run(frozen, x_test)
    (folder / f"{name}.sizes").write_text("".join(" ".join(map(str, [n, *dims])) + "\n" for n, dims in sizes))
    np.savez_compressed(
        folder / "test.npz", **{input_name: x_test, "labels": labels.astype(np.int64), "expected": expected}
    )
    np.save(folder / "sample.npy", x_test[:1])

    hits = int((expected.argmax(axis=1) == labels).sum())
    print(f"{name}: TensorFlow's float accuracy on the test set: {hits} of {len(labels)} = {hits / len(labels):.2%}")


def run(graph_def, samples):
    """Runs a frozen graph on each sample alone; gives the input's name, the size of every tensor, and the outputs."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        operations = [op for op in graph.get_operations() if op.outputs]
        (placeholder,) = [op for op in operations if op.type == "Placeholder"]
        with tf.compat.v1.Session(graph=graph) as session:
            values = session.run([op.outputs[0] for op in operations], {placeholder.outputs[0]: samples[:1]})
            sizes = [(op.name, value.shape) for op, value in zip(operations, values)]
            compute = session.make_callable(operations[-1].outputs[0], [placeholder.outputs[0]])
            return placeholder.name, sizes, np.concatenate([compute(samples[i : i + 1]) for i in range(len(samples))])
