"""Attention is limited to the tokens of an example, also in packed rows."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from bert_tf.layers.attention import Attention, attention_bias

HIDDEN, HEADS, ROWS, LENGTH = 15, 3, 2, 7
# A row with two examples and padding, and a row with one example.
IDS = np.array([[1, 1, 1, 2, 2, 0, 0], [3, 3, 3, 3, 3, 3, 3]], np.int32)


@pytest.fixture(scope="module")
def layer():
    layer = Attention(HIDDEN, HEADS, dropout=0.5, initializer_range=0.5)
    layer.build(None)
    random = np.random.default_rng(2)
    for weight in layer.trainable_variables:
        weight.assign(random.normal(0.0, 0.5, weight.shape))
    return layer


@pytest.fixture(scope="module")
def hidden():
    random = np.random.default_rng(3)
    return random.normal(size=(ROWS * LENGTH, HIDDEN)).astype(np.float32)


@pytest.fixture(scope="module")
def outputs(layer, hidden):
    return [part.numpy() for part in layer(hidden, attention_bias(IDS))]


def test_bias_allows_the_same_example_and_nothing_else():
    bias = attention_bias(tf.constant([[1, 1, 2, 0]]))
    no = -1e9
    np.testing.assert_array_equal(
        bias,
        np.float32(
            [
                [
                    [
                        [0, 0, no, no],
                        [0, 0, no, no],
                        [no, no, 0, no],
                        [no, no, no, no],
                    ]
                ]
            ]
        ),
    )
    assert bias.dtype == tf.float32


def test_probabilities_between_examples_are_0(outputs):
    _, probabilities = outputs
    assert probabilities.shape == (ROWS, HEADS, LENGTH, LENGTH)
    same = (IDS[:, :, None] == IDS[:, None, :]) & (IDS > 0)[:, None, :]
    real = np.broadcast_to((IDS > 0)[:, None, :, None], probabilities.shape)
    crossing = np.broadcast_to(~same[:, None], probabilities.shape) & real
    assert crossing.sum() == HEADS * (3 * 4 + 2 * 5)
    assert (probabilities[crossing] == 0.0).all()
    np.testing.assert_allclose(probabilities.sum(-1)[real[..., 0]], 1.0, rtol=1e-6)


def test_padding_is_finite(outputs):
    assert all(np.isfinite(part).all() for part in outputs)


def test_values_equal_the_formula_of_the_paper(layer, hidden, outputs):
    """The formula is softmax(Q·K / sqrt(D))·V, here for the first example."""
    context, probabilities = outputs
    tokens = hidden[:3].astype(float)
    query, key, value = (
        tokens @ np.float64(dense.kernel) + np.float64(dense.bias)
        for dense in (layer.query, layer.key, layer.value)
    )
    for head in range(HEADS):
        part = np.s_[:, 5 * head : 5 * head + 5]
        expected = reference.softmax(query[part] @ key[part].T / np.sqrt(5))
        np.testing.assert_allclose(probabilities[0, head, :3, :3], expected, atol=1e-6)
        np.testing.assert_allclose(context[:3][part], expected @ value[part], atol=1e-5)


def test_other_examples_of_a_row_change_nothing(layer, hidden, outputs):
    changed = hidden.copy()
    changed[3:7] = 100.0  # The second example of the first row, and padding.
    context, _ = layer(changed, attention_bias(IDS))
    np.testing.assert_array_equal(context[:3], outputs[0][:3])
    np.testing.assert_array_equal(context[7:], outputs[0][7:])


def test_outputs_of_a_few_tokens(layer, hidden, outputs):
    at = np.array([3, 13, 0], np.int32)
    context, probabilities = layer(hidden, attention_bias(IDS), at=at)
    np.testing.assert_allclose(context, outputs[0][at], atol=1e-6)
    assert probabilities.shape == (3, HEADS, 1, LENGTH)
    expected = np.stack(
        [outputs[1][token // LENGTH, :, token % LENGTH] for token in at]
    )
    np.testing.assert_allclose(probabilities[:, :, 0], expected, atol=1e-6)


def test_dropout_applies_to_the_context_only(layer, hidden, outputs):
    seed = tf.constant([1, 2])
    context, probabilities = layer(
        hidden, attention_bias(IDS), seed=seed, training=True
    )
    np.testing.assert_array_equal(probabilities, outputs[1])
    kept = layer.dropout(tf.ones_like(outputs[1]), seed=seed, training=True).numpy()
    value = hidden @ layer.value.kernel.numpy() + layer.value.bias.numpy()
    value = value.reshape(ROWS, LENGTH, HEADS, 5)
    expected = np.einsum("rnft,rtnd->rfnd", outputs[1] * kept, value)
    np.testing.assert_allclose(context, expected.reshape(-1, HIDDEN), atol=1e-5)


def test_softmax_is_computed_in_float32():
    layer = Attention(
        HIDDEN, HEADS, dropout=0.0, initializer_range=0.5, dtype="mixed_bfloat16"
    )
    layer.build(None)
    hidden = tf.zeros([ROWS * LENGTH, HIDDEN], tf.bfloat16)
    context, probabilities = layer(hidden, attention_bias(IDS))
    assert context.dtype == probabilities.dtype == tf.bfloat16
    # 1/3 and 1/7, rounded once from float32.
    for received, length in ((probabilities[0, :, :3, :3], 3), (probabilities[1], 7)):
        expected = tf.cast(tf.constant(1 / length), tf.bfloat16)
        np.testing.assert_array_equal(received, tf.fill(received.shape, expected))
