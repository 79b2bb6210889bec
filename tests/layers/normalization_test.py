"""LayerNorm: values by hand, and its gradient against automatic differentiation."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers.normalization import LayerNorm, layer_norm

TOKENS, SIZE = 7, 11


def test_by_hand():
    values = np.array([[1, 3], [5, 5]], np.float32)
    # Mean 2 and variance 1; with an epsilon of 3 the divisor is 2.
    normed = layer_norm(values, np.float32([2, 4]), np.float32([10, 20]), 3.0)
    np.testing.assert_allclose(normed, [[9, 22], [10, 20]], rtol=1e-6)


def automatic(values, gamma, beta, epsilon):
    mean, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
    return (values - mean) * tf.math.rsqrt(variance + epsilon) * gamma + beta


def test_gradients_are_those_of_automatic_differentiation():
    random = np.random.default_rng(0)
    arguments = [
        tf.Variable(random.normal(1.0, 2.0, shape), dtype=tf.float32)
        for shape in ((TOKENS, SIZE), SIZE, SIZE)
    ]
    factors = random.normal(size=(TOKENS, SIZE)).astype(np.float32)
    results = []
    for function in (layer_norm, automatic):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(factors * function(*arguments, 1e-3))
        results.append([loss, *tape.gradient(loss, arguments)])
    for received, expected in zip(*results):
        np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_is_computed_in_float32(dtype):
    layer = LayerNorm(SIZE, epsilon=1e-12, dtype=dtype, name="LayerNorm")
    layer.build(None)
    # bfloat16 would round 1000.5 to 1000.
    values = tf.constant([[1000.0, 1000.5] * 5 + [1000.25]])
    normed = layer(values)
    assert normed.dtype == layer.compute_dtype
    np.testing.assert_allclose(
        tf.cast(normed, tf.float32)[0], [-1.0488, 1.0488] * 5 + [0.0], atol=5e-3
    )
    assert [weight.path for weight in layer.weights] == [
        "LayerNorm/gamma",
        "LayerNorm/beta",
    ]
