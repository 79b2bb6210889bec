"""Attention of one example after another equals that of whole rows, gradients included."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.layers.attention import Attention, attention_bias
from bert_tf.layers.attention_by_example import make
from bert_tf.models.backbone import BertBackbone

HIDDEN, HEADS = 24, 3
# Rows with three examples and padding, with one, with padding alone, and two side by side.
IDS = np.zeros([4, 16], np.int32)
IDS[0, :5], IDS[0, 5:6], IDS[0, 6:14] = 1, 2, 3
IDS[1], IDS[3, :7], IDS[3, 7:16] = 4, 5, 6
COUNT = 6
REAL = (IDS > 0).reshape(-1)
SEED = tf.constant([7, 8])


def run(layer, hidden, attend, seed=None, training=False):
    """Returns context and gradients of real tokens; the gradients are of a fixed sum."""
    cotangent = np.random.default_rng(5).normal(size=hidden.shape) * REAL[:, None]

    @tf.function
    def compute(hidden):
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            context, _ = layer(
                hidden,
                attention_bias(IDS),
                attend=make(tf.constant(IDS), COUNT) if attend else None,
                seed=seed,
                training=training,
            )
            loss = tf.reduce_sum(
                tf.cast(context, tf.float32) * cotangent.astype(np.float32)
            )
        return context, tape.gradient(loss, [hidden, *layer.trainable_variables])

    context, gradients = compute(hidden)
    return [np.float32(x) for x in (tf.boolean_mask(context, REAL), *gradients)]


def make_layer(dropout=0.0, dtype="float32"):
    layer = Attention(
        HIDDEN, HEADS, dropout=dropout, initializer_range=0.5, dtype=dtype
    )
    layer.build(None)
    return tiny.fill(layer, 2)


@pytest.fixture(scope="module")
def hidden():
    random = np.random.default_rng(3)
    return tf.constant(random.normal(size=(IDS.size, HIDDEN)), tf.float32)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_context_and_gradients_equal_those_of_whole_rows(hidden, dropout):
    layer = make_layer(dropout)
    expected, received = (run(layer, hidden, by, SEED, True) for by in (False, True))
    assert len(received) == 8
    for one, other in zip(received, expected):
        np.testing.assert_allclose(one, other, atol=1e-5)
    without = run(layer, hidden, True)
    assert np.allclose(without[0], received[0]) == (dropout == 0)


def test_without_a_seed_masks_come_from_the_generator_of_the_layer(hidden):
    layer = make_layer(0.5)
    first, second = (run(layer, hidden, True, None, True)[0] for _ in range(2))
    assert not np.allclose(first, second)


def test_softmax_and_its_gradient_are_computed_in_float32(hidden):
    exact = run(make_layer(), hidden, True)
    layer = make_layer(dtype="mixed_bfloat16")
    halved = tf.cast(hidden, tf.bfloat16)
    rows, examples = (run(layer, halved, by) for by in (False, True))
    for one, other, goal in zip(examples, rows, exact):
        # As near to the exact result as whole rows are.
        error, error_of_rows = (np.sqrt(np.mean((x - goal) ** 2)) for x in (one, other))
        assert error <= 1.05 * error_of_rows


def test_padding_between_the_tokens_of_an_example_is_refused(hidden):
    ids = np.array([[1, 1, 0, 1, 2, 2]], np.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pass attention=ops"):
        make(tf.constant(ids), 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pass attention=ops"):
        tf.function(lambda ids: make(ids, 2)(*[tf.zeros([1, 6, 3, 8])] * 3, 0.0, None))(
            tf.constant(ids)
        )


def test_a_model_trains_alike(hidden):
    models = [BertBackbone(tiny.CONFIG, attention=a) for a in ("ops", "by_example")]
    models[1].set_weights(models[0].get_weights())
    first = np.flatnonzero(np.diff(IDS.reshape(-1), prepend=0) * REAL).astype(np.int32)
    rows = {
        "input_ids": tf.constant(np.where(IDS, IDS + 5, 0), tf.int32),
        "segment_ids": tf.zeros_like(IDS),
        "position_ids": tf.constant(np.arange(16)[None] + 0 * IDS, tf.int32),
        "sequence_ids": tf.constant(IDS),
        "first_token": tf.constant(first),
        "dropout_seed": SEED,
    }
    results = []
    for model in models:
        with tf.GradientTape() as tape:
            outputs = model(rows, training=True)
            states = tf.boolean_mask(outputs["sequence_output"], IDS > 0)
            loss = tf.reduce_sum(states**3) + tf.reduce_sum(outputs["pooled_output"])
        gradients = tape.gradient(loss, model.trainable_variables)
        results.append([states, *map(tf.convert_to_tensor, gradients)])
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_it_is_refused_where_it_does_not_exist(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="by_example needs the engine tensorflow; rec"):
        BertBackbone(tiny.CONFIG, attention="by_example")
