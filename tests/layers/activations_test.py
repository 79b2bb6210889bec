"""The activations against their formulas, and GELU's gradient in training."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from bert_tf.config import ACTIVATIONS as NAMES
from bert_tf.layers.activations import ACTIVATIONS, activate


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


@pytest.mark.parametrize("name", NAMES)
def test_training_changes_no_value_and_no_gradient(name):
    places = tf.constant(np.linspace(-6, 6, 101), tf.float32)
    results = []
    for training in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(places)
            values = activate(name, places, training)
        results.append((values, tape.gradient(values, places, tf.cos(places))))
    np.testing.assert_array_equal(results[1][0], results[0][0])
    np.testing.assert_allclose(results[1][1], results[0][1], atol=1e-6)
