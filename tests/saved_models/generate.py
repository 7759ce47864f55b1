"""Writes the SavedModel directories of this folder, with TensorFlow's own answers.

    NAME/            the directory, as its writer left it
    NAME.npz         the signature's inputs by name, and `expected_KEY` for each of its outputs

Run it with the packages of examples/requirements.txt. Weights and inputs are seeded, so that a new model changes no other.
"""

import os
import pathlib
import shutil
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).resolve().parent
v1 = tf.compat.v1


def main():
    for path in HERE.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    keras_export()
    module()
    module_two_signatures()
    session("session", use_resource=True)
    session("session_ref_variables", use_resource=False)
    session_partitioned()


def keras_export():
    """Keras 3, `model.export`: convolution, batch norm, pooling and two dense layers, one of them used twice."""
    layers, random = tf.keras.layers, numbers("keras_export")
    shared = layers.Dense(4, activation="relu", name="shared")
    image = layers.Input([6, 6, 1], name="image")
    x = layers.Conv2D(2, 3, padding="same", name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.MaxPooling2D(name="pool")(layers.ReLU(name="relu")(x))
    x = layers.Dense(4, name="first")(layers.Flatten(name="flatten")(x))
    x = layers.Dense(3, activation="softmax", name="last")(layers.Dropout(0.5)(shared(shared(x))))
    model = tf.keras.Model(image, x, name="net")
    model.set_weights([0.1 + np.abs(random.standard_normal(w.shape)) * 0.2 for w in model.get_weights()])
    model.export(HERE / "keras_export", verbose=False, options=small())
    answer("keras_export", image=random.standard_normal([1, 6, 6, 1]))


class Module(tf.Module):
    """Functions that call functions; variables in lists; a captured constant."""

    def __init__(self, random):
        super().__init__(name="net")
        self.layers = [
            (tf.Variable(random.standard_normal([n, m]), dtype=tf.float32), tf.Variable(random.standard_normal([m]), dtype=tf.float32))
            for n, m in [(5, 4), (4, 4), (4, 3)]
        ]
        self.half = tf.Variable(random.standard_normal([4]).astype(np.float16))
        self.offset = tf.constant(random.standard_normal([3]), tf.float32)

    @tf.function
    def dense(self, x, w, b):
        return tf.nn.relu(tf.matmul(x, w) + b)

    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float32, name="x")])
    def scores(self, x):
        for w, b in self.layers[:-1]:
            x = self.dense(x, w, b)
        x = x * tf.cast(self.half, tf.float32)
        w, b = self.layers[-1]
        return {"scores": tf.matmul(x, w) + b + self.offset, "hidden": x}

    @tf.function(input_signature=[tf.TensorSpec([1, 5], tf.float32, name="x")])
    def first(self, x):
        return {"first": self.dense(x, *self.layers[0])}


def module():
    """TensorFlow 2, `tf.saved_model.save` of a module."""
    random = numbers("module")
    module = Module(random)
    tf.saved_model.save(module, str(HERE / "module"), signatures=module.scores, options=small())
    answer("module", x=random.standard_normal([1, 5]))


def module_two_signatures():
    """A module with two signatures, none of which is the default one."""
    random = numbers("module_two_signatures")
    module = Module(random)
    signatures = {"all": module.scores, "first": module.first}
    tf.saved_model.save(module, str(HERE / "module_two_signatures"), signatures=signatures, options=small())
    answer("module_two_signatures", signature="first", x=random.standard_normal([1, 5]))


def session(name, use_resource):
    """TensorFlow 1, `SavedModelBuilder` with a session's variables."""
    random = numbers(name)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="features")
        w = v1.get_variable("w", initializer=random.standard_normal([4, 3]).astype(np.float32), use_resource=use_resource)
        b = v1.get_variable("b", initializer=random.standard_normal([3]).astype(np.float32), use_resource=use_resource)
        y = tf.nn.relu(tf.matmul(x, w) + b, name="scores")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(HERE / name), {"x": x}, {"y": y})
    answer(name, x=random.standard_normal([1, 4]))


def session_partitioned():
    """TensorFlow 1, a variable in two parts, which a restore reads as slices of one tensor."""
    random = numbers("session_partitioned")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [1, 4], name="features")
        with v1.variable_scope("dense", partitioner=v1.fixed_size_partitioner(2)):
            w = v1.get_variable("w", [4, 3], initializer=v1.random_normal_initializer(seed=1), use_resource=True)
        y = tf.matmul(x, tf.convert_to_tensor(w), name="scores")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(HERE / "session_partitioned"), {"x": x}, {"y": y})
    answer("session_partitioned", x=random.standard_normal([1, 4]))


def numbers(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def small():
    return tf.saved_model.SaveOptions(experimental_debug_stripper=True)


def answer(name, signature="serving_default", **inputs):
    """Loads the model again and writes what it answers."""
    loaded = tf.saved_model.load(str(HERE / name))
    inputs = {key: value.astype(np.float32) for key, value in inputs.items()}
    outputs = loaded.signatures[signature](**{key: tf.constant(value) for key, value in inputs.items()})
    outputs = {f"expected_{key}": value.numpy() for key, value in outputs.items()}
    np.savez_compressed(HERE / f"{name}.npz", **inputs, **outputs)
    (HERE / name / "fingerprint.pb").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
