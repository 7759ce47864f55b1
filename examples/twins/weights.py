"""The weights and the samples of the twins: the same arrays for both, from one seed. All are channels first."""

import numpy as np

random = np.random.default_rng(20)


def he(*shape):
    return (random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)


def small(n):
    return random.uniform(-0.1, 0.1, n).astype(np.float32)


def near_one(n):
    return random.uniform(0.8, 1.2, n).astype(np.float32)


def norm(n):
    """Scale, offset, mean and variance of a batch norm."""
    return near_one(n), small(n), small(n), near_one(n)


EPSILON = 1e-3
N_SAMPLES = 4

classifier = {
    "conv": he(8, 3, 3, 3),
    "norm": norm(8),
    "depthwise": he(8, 1, 3, 3),
    "depthwise_norm": norm(8),
    "pointwise": he(8, 8, 1, 1),
    "pointwise_norm": norm(8),
    "dense": he(10, 8),
    "dense_bias": small(10),
    "samples": random.standard_normal((N_SAMPLES, 3, 16, 16)).astype(np.float32),
}

unet = {
    "down": he(4, 1, 3, 3),
    "down_bias": small(4),
    "bottom": he(8, 4, 3, 3),
    "bottom_bias": small(8),
    "up": he(8, 4, 2, 2),  # of a transposed convolution: input channels first
    "up_bias": small(4),
    "merge": he(4, 8, 3, 3),
    "merge_bias": small(4),
    "scores": he(2, 4, 1, 1),
    "scores_bias": small(2),
    "samples": random.standard_normal((N_SAMPLES, 1, 8, 8)).astype(np.float32),
}
