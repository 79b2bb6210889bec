"""Activations and Output; tests/models/backbone_test.py covers the encoder layer."""

import numpy as np
import pytest
import reference

from bert_tf.config import ACTIVATIONS as NAMES
from bert_tf.layers.transformer import ACTIVATIONS, Output


@pytest.mark.parametrize(
    ("name", "at_1", "at_minus_2"),
    [
        # x·Φ(x), and its approximation by tanh.
        ("gelu", 0.841344746, -0.045500264),
        ("gelu_new", 0.841191991, -0.045402306),
        ("relu", 1.0, 0.0),
    ],
)
def test_activations(name, at_1, at_minus_2):
    values = ACTIVATIONS[name](np.array([1.0, -2.0, 0.0], np.float32))
    np.testing.assert_allclose(values, [at_1, at_minus_2, 0.0], atol=1e-6)
    places = np.linspace(-6, 6, 101)
    np.testing.assert_allclose(
        ACTIVATIONS[name](places.astype(np.float32)),
        reference.ACTIVATIONS[name](places),
        atol=2e-6,
    )


def test_every_activation_of_the_configuration_exists():
    assert set(ACTIVATIONS) == set(NAMES)


def test_output_adds_the_residual_before_layer_norm():
    layer = Output(
        2, input_size=3, dropout=0.0, epsilon=3.0, initializer_range=0.02, name="output"
    )
    layer.build(None)
    layer.dense.kernel.assign([[1, 0], [0, 1], [1, 1]])
    layer.dense.bias.assign([0, 1])
    values = np.array([[1, 2, 3]], np.float32)  # Dense: [4, 6].
    residual = np.array([[-1, -1]], np.float32)  # Sum: [3, 5], mean 4, variance 1.
    # With an epsilon of 3 the divisor is 2.
    np.testing.assert_allclose(layer(values, residual), [[-0.5, 0.5]], rtol=1e-6)
