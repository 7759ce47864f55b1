"""The twins in TensorFlow, as one would write them there (NHWC): classifier.pb, unet.pb, and samples with answers in *.npz."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

import numpy as np
import tensorflow as tf

import common
import weights


def hwio(kernel):
    """OIHW, or IOHW of a transposed convolution, as TensorFlow has it."""
    return tf.constant(np.transpose(kernel, (2, 3, 1, 0)))


def conv(x, kernel):
    return tf.nn.conv2d(x, hwio(kernel), strides=1, padding="SAME")


def normalise(x, values):
    scale, offset, mean, variance = values
    return tf.compat.v1.nn.fused_batch_norm(x, scale, offset, mean, variance, epsilon=weights.EPSILON, is_training=False)[0]


@tf.function(input_signature=[tf.TensorSpec([1, 16, 16, 3], tf.float32, name="image")])
def classifier(image):
    w = weights.classifier
    x = tf.nn.relu(normalise(conv(image, w["conv"]), w["norm"]))
    x = skip = tf.nn.max_pool2d(x, 2, 2, "VALID")
    kernel = tf.constant(np.transpose(w["depthwise"], (2, 3, 0, 1)))
    x = tf.nn.depthwise_conv2d(x, kernel, strides=[1, 1, 1, 1], padding="SAME")
    x = tf.nn.relu(normalise(x, w["depthwise_norm"]))
    x = tf.nn.relu(normalise(conv(x, w["pointwise"]), w["pointwise_norm"]) + skip)
    x = tf.nn.avg_pool2d(x, 8, 8, "VALID")
    x = tf.matmul(tf.reshape(x, [1, 8]), tf.constant(w["dense"].T)) + w["dense_bias"]
    return tf.nn.softmax(x, name="probabilities")


@tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1], tf.float32, name="image")])
def unet(image):
    w = weights.unet
    biased = lambda x, name: tf.nn.bias_add(conv(x, w[name]), w[name + "_bias"])
    skip = tf.nn.relu(biased(image, "down"))
    x = tf.nn.relu(biased(tf.nn.max_pool2d(skip, 2, 2, "VALID"), "bottom"))
    x = tf.nn.conv2d_transpose(x, hwio(w["up"]), output_shape=[1, 8, 8, 4], strides=2, padding="VALID")
    x = tf.concat([skip, tf.nn.bias_add(x, w["up_bias"])], axis=3)
    x = tf.nn.relu(biased(x, "merge"))
    return tf.identity(biased(x, "scores"), name="scores")


def main():
    common.reproducible()
    for function, values in [(classifier, weights.classifier), (unet, weights.unet)]:
        concrete = function.get_concrete_function()
        name = function.python_function.__name__
        tf.io.write_graph(common.freeze(concrete), str(HERE), f"{name}.pb", as_text=False)
        samples = np.transpose(values["samples"], (0, 2, 3, 1))
        expected = np.concatenate([function(tf.constant(s[None])).numpy() for s in samples])
        np.savez_compressed(HERE / f"{name}.npz", image=samples, expected=expected)


if __name__ == "__main__":
    main()
