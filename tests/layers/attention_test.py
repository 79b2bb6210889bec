"""Attention is limited to the tokens of an example, also in packed rows."""

import numpy as np
import pytest
import reference
import tensorflow as tf

from bert_tf.layers.attention import (
    Attention,
    attention_bias,
    causal_bias,
    cross_bias,
)

HIDDEN, HEADS, ROWS, LENGTH = 15, 3, 2, 7
# A row with two examples and padding, and a row with one example.
IDS = np.array([[1, 1, 1, 2, 2, 0, 0], [3, 3, 3, 3, 3, 3, 3]], np.int32)
# The targets of these examples, in the same rows.
TARGET_IDS = np.array([[1, 1, 2, 2, 2], [3, 3, 3, 3, 0]], np.int32)


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


def test_causal_bias_hides_what_is_behind_a_token():
    bias = causal_bias(tf.constant([[1, 1, 2, 2, 0]]))
    no = -1e9
    expected = [
        [0, no, no, no, no],
        [0, 0, no, no, no],
        [no, no, 0, no, no],
        [no, no, 0, 0, no],
        [no, no, no, no, no],
    ]
    np.testing.assert_array_equal(bias, np.float32([[expected]]))
    assert bias.dtype == tf.float32


def test_cross_bias_allows_the_source_of_the_same_example():
    bias = cross_bias(tf.constant([[1, 2, 0]]), tf.constant([[2, 2, 1, 0]]))
    no = -1e9
    expected = [[no, no, 0, no], [0, 0, no, no], [no, no, no, no]]
    np.testing.assert_array_equal(bias, np.float32([[expected]]))


def test_causal_values_equal_the_formula(layer, hidden):
    context, _ = layer(hidden, causal_bias(IDS))
    last = hidden[7:].astype(float)  # The example of the second row.
    for place in (0, 2, 6):
        expected = attend(layer, last[[place]], last[: place + 1])
        np.testing.assert_allclose(context[7 + place], expected[0], atol=1e-5)


def test_values_of_a_memory_equal_the_formula(layer, hidden):
    random = np.random.default_rng(4)
    query = random.normal(size=(TARGET_IDS.size, HIDDEN)).astype(np.float32)
    context, probabilities = layer(query, cross_bias(TARGET_IDS, IDS), memory=hidden)
    assert probabilities.shape == (ROWS, HEADS, 5, LENGTH)
    for number in (1, 2, 3):
        here, there = (ids.ravel() == number for ids in (TARGET_IDS, IDS))
        expected = attend(layer, query[here], hidden[there])
        np.testing.assert_allclose(context[here], expected, atol=1e-5)


def test_projected_keys_and_values_take_the_place_of_a_memory(layer, hidden):
    query = hidden[:10]
    bias = cross_bias(TARGET_IDS, IDS)
    expected, _ = layer(query, bias, memory=hidden)
    key, value = layer.project(hidden, ROWS, LENGTH)
    assert key.shape == (ROWS, HEADS, 5, LENGTH)
    assert value.shape == (ROWS, HEADS, LENGTH, 5)
    context, _ = layer(query, bias, cache=(key, value))
    np.testing.assert_array_equal(context, expected)


def test_token_by_token_with_a_cache_equals_the_whole(layer, hidden):
    """The keys and values of each token are computed once, and kept."""
    expected, _ = layer(hidden, causal_bias(np.ones([ROWS, LENGTH], np.int32)))
    tokens = hidden.reshape(ROWS, LENGTH, HIDDEN)
    cache = None
    for place in range(LENGTH):
        new = layer.project(tokens[:, place], ROWS, 1)
        cache = new if cache is None else grow(cache, new)
        bias = tf.zeros([ROWS, 1, 1, place + 1])
        context, _ = layer(tokens[:, place], bias, cache=cache)
        np.testing.assert_allclose(
            context, expected.numpy().reshape(tokens.shape)[:, place], atol=1e-6
        )


def grow(cache, new):
    return tf.concat([cache[0], new[0]], 3), tf.concat([cache[1], new[1]], 2)


def attend(layer, query, memory):
    """Returns the attention of every query over the whole memory, in float64."""
    query = (
        np.float64(query) @ np.float64(layer.query.kernel) + layer.query.bias.numpy()
    )
    key, value = (
        np.float64(memory) @ np.float64(dense.kernel) + dense.bias.numpy()
        for dense in (layer.key, layer.value)
    )
    parts = [np.s_[:, 5 * head : 5 * head + 5] for head in range(HEADS)]
    return np.concatenate(
        [
            reference.softmax(query[part] @ key[part].T / np.sqrt(5)) @ value[part]
            for part in parts
        ],
        axis=1,
    )
