"""A multi-layer perceptron on scikit-learn's digits, in Keras: 64-48-24-10, ReLU, Softmax."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import common

import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, BATCH = 60, 32


def main():
    common.reproducible()
    data = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        (data.data / 16).astype("float32"), data.target, test_size=0.3, stratify=data.target, random_state=common.SEED
    )
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            tf.keras.Input([64]),
            layers.Dense(48, activation="relu", name="hidden1"),
            layers.Dense(24, activation="relu", name="hidden2"),
            layers.Dense(10, activation="softmax", name="classes"),
        ],
        name="digits_mlp",
    )
    model.compile(optimizer=tf.keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy")
    model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, verbose=0)

    predict = tf.function(model).get_concrete_function(tf.TensorSpec([None, 64], tf.float32, name="pixels"))
    common.dump(__file__, common.freeze(predict), x_test, y_test)


if __name__ == "__main__":
    main()
