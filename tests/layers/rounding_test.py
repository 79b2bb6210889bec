"""Rounding to eight bits, against NumPy, and its gradient, which is as without it."""

import keras
import numpy as np
import tensorflow as tf

from bert_tf.layers.dense import dense
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.rounding import round_inputs, round_weights


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_output(kernel):
    scale = np.abs(kernel).max(axis=0, keepdims=True) / 127
    return np.round(kernel / scale) * scale


def by_token(values):
    least = np.minimum(values.min(axis=-1, keepdims=True), 0)
    most = np.maximum(values.max(axis=-1, keepdims=True), 0)
    scale = (most - least) / 255
    return np.round(values / scale) * scale


def test_weights_have_255_steps_an_output():
    kernel = draw(40, 7)
    rounded = np.asarray(round_weights(kernel))
    np.testing.assert_allclose(rounded, by_output(kernel), atol=1e-6)
    assert all(len(np.unique(column.round(5))) <= 255 for column in rounded.T)
    np.testing.assert_allclose(rounded.max(axis=0), kernel.max(axis=0), atol=0.05)


def test_inputs_have_256_steps_a_token():
    values = draw(5, 300) + 2
    rounded = np.asarray(round_inputs(values))
    np.testing.assert_allclose(rounded, by_token(values), atol=1e-5)
    assert 0 < np.abs(rounded - values).max() <= np.ptp(values) / 255


def test_zeros_stay():
    zeros = np.zeros((3, 4), np.float32)
    for rounded in (round_weights(zeros), round_inputs(zeros)):
        np.testing.assert_array_equal(rounded, zeros)


def test_the_gradient_passes():
    kernel = tf.constant(draw(6, 3))
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        total = tf.reduce_sum(round_weights(kernel) * draw(6, 3, seed=1))
    np.testing.assert_array_equal(tape.gradient(total, kernel), draw(6, 3, seed=1))


def test_a_dense_layer_rounds_kernel_and_inputs():
    layer, values = dense(3, 0.5), draw(4, 8)
    layer.build((None, 8))
    kernel = np.asarray(layer.kernel)
    plain = np.asarray(layer(values))
    np.testing.assert_allclose(plain, values @ kernel, atol=1e-5)
    layer.rounded = True
    rounded = by_token(values) @ by_output(kernel)
    np.testing.assert_allclose(layer(values), rounded, atol=1e-5)
    assert np.abs(rounded - plain).max() > 1e-4
    np.testing.assert_array_equal(layer.weights[0], kernel)  # It keeps all its bits.


def test_a_table_has_one_scale():
    keras.utils.set_random_seed(0)
    layer = Embeddings(
        *(9, 16),
        max_position_embeddings=4,
        type_vocab_size=2,
        dropout=0.0,
        epsilon=1e-12,
        initializer_range=0.5,
    )
    layer.build(None)
    ids, places = np.array([3, 8, 3]), np.array([0, 1, 2])
    layer.rounded = True
    rounded = np.asarray(layer(ids, places, 0 * ids))
    layer.rounded = False
    for variable in (layer.word_table, layer.position_table):
        table = np.asarray(variable)
        scale = np.abs(table).max() / 127
        variable.assign(np.round(table / scale) * scale)
    np.testing.assert_allclose(rounded, layer(ids, places, 0 * ids), atol=1e-5)
