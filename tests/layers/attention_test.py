"""Attention stays within an example, whatever else its row holds."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from bert_tf.layers.attention import SelfAttention, attention_bias

HIDDEN, HEADS, ROWS, LENGTH = 15, 3, 2, 7
# Two examples and padding; one example that fills its row.
IDS = np.array([[1, 1, 1, 2, 2, 0, 0], [3, 3, 3, 3, 3, 3, 3]], np.int32)


@pytest.fixture(scope="module")
def layer():
    layer = SelfAttention(HIDDEN, HEADS, dropout=0.5, initializer_range=0.5)
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
def answers(layer, hidden):
    return [part.numpy() for part in layer(hidden, attention_bias(IDS))]


def test_bias_allows_the_same_example_and_nothing_else():
    bias = attention_bias(tf.constant([[1, 1, 2, 0]]))
    far = -1e9
    np.testing.assert_array_equal(
        bias,
        np.float32(
            [
                [
                    [
                        [0, 0, far, far],
                        [0, 0, far, far],
                        [far, far, 0, far],
                        [far, far, far, far],
                    ]
                ]
            ]
        ),
    )
    assert bias.dtype == tf.float32


def test_probabilities_never_cross_examples(answers):
    _, probabilities = answers
    assert probabilities.shape == (ROWS, HEADS, LENGTH, LENGTH)
    same = (IDS[:, :, None] == IDS[:, None, :]) & (IDS > 0)[:, None, :]
    real = np.broadcast_to((IDS > 0)[:, None, :, None], probabilities.shape)
    crossing = np.broadcast_to(~same[:, None], probabilities.shape) & real
    assert crossing.sum() == HEADS * (3 * 4 + 2 * 5)
    assert (probabilities[crossing] == 0.0).all()
    np.testing.assert_allclose(probabilities.sum(-1)[real[..., 0]], 1.0, rtol=1e-6)


def test_padding_is_finite(answers):
    assert all(np.isfinite(part).all() for part in answers)


def test_values_are_the_papers(layer, hidden, answers):
    """softmax(Q·K / sqrt(D))·V, head by head, for the first example."""
    context, probabilities = answers
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


def test_a_neighbour_changes_nothing(layer, hidden, answers):
    changed = hidden.copy()
    changed[3:7] = 100.0  # The second example of the first row, and padding.
    context, _ = layer(changed, attention_bias(IDS))
    np.testing.assert_array_equal(context[:3], answers[0][:3])
    np.testing.assert_array_equal(context[7:], answers[0][7:])


def test_asked_at_a_few_tokens_only(layer, hidden, answers):
    at = np.array([3, 13, 0], np.int32)
    context, probabilities = layer(hidden, attention_bias(IDS), at=at)
    np.testing.assert_allclose(context, answers[0][at], atol=1e-6)
    assert probabilities.shape == (3, HEADS, 1, LENGTH)
    expected = np.stack(
        [answers[1][token // LENGTH, :, token % LENGTH] for token in at]
    )
    np.testing.assert_allclose(probabilities[:, :, 0], expected, atol=1e-6)


def test_dropout_removes_links_but_not_from_the_probabilities(layer, hidden, answers):
    seed = tf.constant([1, 2])
    context, probabilities = layer(
        hidden, attention_bias(IDS), seed=seed, training=True
    )
    np.testing.assert_array_equal(probabilities, answers[1])
    kept = layer.dropout(tf.ones_like(answers[1]), seed=seed, training=True).numpy()
    value = hidden @ layer.value.kernel.numpy() + layer.value.bias.numpy()
    value = value.reshape(ROWS, LENGTH, HEADS, 5)
    expected = np.einsum("rnft,rtnd->rfnd", answers[1] * kept, value)
    np.testing.assert_allclose(context, expected.reshape(-1, HIDDEN), atol=1e-5)


def test_softmax_is_computed_in_float32():
    layer = SelfAttention(
        HIDDEN, HEADS, dropout=0.0, initializer_range=0.5, dtype="mixed_bfloat16"
    )
    layer.build(None)
    hidden = tf.zeros([ROWS * LENGTH, HIDDEN], tf.bfloat16)
    context, probabilities = layer(hidden, attention_bias(IDS))
    assert context.dtype == probabilities.dtype == tf.bfloat16
    # Rounded once from float32, a third and a seventh.
    for links, length in ((probabilities[0, :, :3, :3], 3), (probabilities[1], 7)):
        share = tf.cast(tf.constant(1 / length), tf.bfloat16)
        np.testing.assert_array_equal(links, tf.fill(links.shape, share))
