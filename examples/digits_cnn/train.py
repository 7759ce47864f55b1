"""A small CNN on scikit-learn's digits, in TensorFlow 2: conv, batch norm, pool, conv, pool, dense."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import common

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, BATCH, LEARNING_RATE, MOMENTUM = 30, 32, 3e-3, 0.9


class DigitsCnn(tf.Module):
    """8x8x1 images (NHWC) to ten class probabilities."""

    def __init__(self):
        initial = tf.keras.initializers.HeNormal(seed=common.SEED)

        def weights(shape, name):
            return tf.Variable(np.array(initial(shape)), name=name)

        self.conv1 = weights([3, 3, 1, 16], "conv1/kernel")
        self.scale = tf.Variable(tf.ones([16]), name="norm/scale")
        self.offset = tf.Variable(tf.zeros([16]), name="norm/offset")
        self.mean = tf.Variable(tf.zeros([16]), trainable=False, name="norm/mean")
        self.variance = tf.Variable(tf.ones([16]), trainable=False, name="norm/variance")
        self.conv2 = weights([3, 3, 16, 32], "conv2/kernel")
        self.bias2 = tf.Variable(tf.zeros([32]), name="conv2/bias")
        self.dense = weights([128, 10], "dense/kernel")
        self.bias3 = tf.Variable(tf.zeros([10]), name="dense/bias")

    def normalize(self, x, training):
        """Batch norm with the batch's statistics, which it gathers, or with the gathered ones."""
        if not training:
            return tf.compat.v1.nn.fused_batch_norm(
                x, self.scale, self.offset, self.mean, self.variance, epsilon=1e-3, is_training=False
            )[0]
        x, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, self.scale, self.offset, epsilon=1e-3)
        self.mean.assign(MOMENTUM * self.mean + (1 - MOMENTUM) * mean)
        self.variance.assign(MOMENTUM * self.variance + (1 - MOMENTUM) * variance)
        return x

    def logits(self, x, training):
        """The class scores before the Softmax."""
        with tf.name_scope("block1"):
            x = tf.nn.conv2d(x, self.conv1, strides=1, padding="SAME")
            x = tf.nn.max_pool2d(tf.nn.relu(self.normalize(x, training)), 2, 2, "VALID")
        with tf.name_scope("block2"):
            x = tf.nn.bias_add(tf.nn.conv2d(x, self.conv2, strides=1, padding="SAME"), self.bias2)
            x = tf.nn.max_pool2d(tf.nn.relu(x), 2, 2, "VALID")
        with tf.name_scope("classes"):
            return tf.nn.bias_add(tf.matmul(tf.reshape(x, [-1, 128]), self.dense), self.bias3)

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1], tf.float32, name="image")])
    def predict(self, image):
        """The probabilities of one image."""
        return tf.nn.softmax(self.logits(image, training=False), name="probabilities")


def train(model, x, y):
    """Adam on shuffled batches, with a learning rate that falls to zero."""
    rate = tf.Variable(LEARNING_RATE)
    optimizer = tf.compat.v1.train.AdamOptimizer(rate)

    @tf.function
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model.logits(images, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    random = np.random.default_rng(common.SEED)
    for epoch in range(EPOCHS):
        rate.assign(LEARNING_RATE * (1 - epoch / EPOCHS))
        order = random.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            step(tf.constant(x[batch]), tf.constant(y[batch]))


def main():
    common.reproducible()
    data = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        (data.images[..., np.newaxis] / 16).astype(np.float32),
        data.target,
        test_size=0.3,
        stratify=data.target,
        random_state=common.SEED,
    )
    model = DigitsCnn()
    train(model, x_train, y_train)
    common.dump(__file__, common.freeze(model.predict.get_concrete_function()), x_test, y_test)


if __name__ == "__main__":
    main()
