"""Logistic regression on the Wisconsin breast-cancer data, in TensorFlow's graph mode: two class probabilities."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import common

import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

STEPS, LEARNING_RATE, WEIGHT_DECAY = 400, 0.05, 1e-3


def model(batch):
    """Builds the graph in the default graph; gives input, logits and output."""
    x = tf.placeholder(tf.float32, [batch, 30], name="x")
    weights = tf.get_variable("weights", [30, 2], initializer=tf.zeros_initializer(), use_resource=False)
    bias = tf.get_variable("bias", [2], initializer=tf.zeros_initializer(), use_resource=False)
    logits = tf.add(tf.matmul(x, weights, name="MatMul"), bias, name="logits")
    return x, logits, tf.nn.softmax(logits, name="probabilities")


def train(x_train, y_train):
    """Full-batch Adam; gives the variables' values by name."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, logits, _ = model(None)
        labels = tf.placeholder(tf.int64, [None])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        loss += WEIGHT_DECAY * tf.nn.l2_loss(tf.trainable_variables()[0])
        step = tf.train.AdamOptimizer(LEARNING_RATE).minimize(loss)
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            session.run(step, {x: x_train, labels: y_train})
        return {v.op.name: session.run(v) for v in tf.trainable_variables()}


def frozen(values):
    """The inference graph for one sample, with the trained values as constants."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        model(1)
        for variable in tf.trainable_variables():
            variable.load(values[variable.op.name], session)
        return tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["probabilities"])


def main():
    common.reproducible()
    data = load_breast_cancer()
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.4, stratify=data.target, random_state=common.SEED
    )
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train, x_test = [((x - mean) / deviation).astype(np.float32) for x in (x_train, x_test)]
    common.dump(__file__, frozen(train(x_train, y_train)), x_test, y_test)


if __name__ == "__main__":
    main()
