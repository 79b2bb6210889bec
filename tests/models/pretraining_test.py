"""The encoder with the heads of pretraining."""

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.data.rows.packing import pack
from bert_tf.models.pretraining import BertPretrainer

IDS = [[2, 7, 11, 13, 3], [2, 17, 3], [2, 5, 9, 3]]
SEGMENTS = [[0, 0, 0, 1, 1], [0, 0, 0], [0, 1, 1, 1]]
PLACES = [[1, 3], [2, 0], [3, 1]]  # In each example, in any order.


def build(**changes):
    return tiny.fill(BertPretrainer(tiny.backbone(**changes)), seed=7)


@pytest.fixture(scope="module")
def model():
    return build()


def padded():
    ids, segments = (tf.ragged.constant(x, tf.int32) for x in (IDS, SEGMENTS))
    return {
        "input_ids": ids.to_tensor(),
        "input_mask": tf.ones_like(ids).to_tensor(),
        "segment_ids": segments.to_tensor(),
        "masked_lm_positions": tf.constant(PLACES),
    }


def packed(places):
    """Returns all three examples in one row; places are flat indices if "flat"."""
    ids, segments = (tf.ragged.constant(x, tf.int32) for x in (IDS, SEGMENTS))
    rows = pack({"input_ids": ids, "segment_ids": segments})
    assert rows["input_ids"].shape[0] == 1
    if places == "flat":
        places = tf.reshape(rows["first_token"][:, None] + PLACES, [-1])
    return rows | {"masked_lm_positions": tf.constant(places)}


@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new", "relu"])
def test_logits_equal_the_references(hidden_act):
    model = build(hidden_act=hidden_act)
    arguments = tiny.arrays(model), model.backbone.config
    outputs = model(padded())
    for number, (ids, segments) in enumerate(zip(IDS, SEGMENTS)):
        expected = reference.predict_masked(
            *arguments, np.array(ids), PLACES[number], np.array(segments)
        )
        received = outputs["masked_lm_logits"][2 * number : 2 * number + 2]
        np.testing.assert_allclose(received, expected, atol=2e-5)
        np.testing.assert_allclose(
            outputs["next_sentence_logits"][number],
            reference.predict_next_sentence(
                *arguments, np.array(ids), np.array(segments)
            ),
            atol=1e-5,
        )


@pytest.mark.parametrize("places", ["flat", PLACES])
def test_packed_rows_have_the_outputs_of_a_padded_batch(model, places):
    expected, received = model(padded()), model(packed(places))
    assert received["masked_lm_logits"].shape == (6, tiny.CONFIG.vocab_size)
    for name in expected:
        np.testing.assert_allclose(received[name], expected[name], atol=2e-5)


def test_examples_may_have_different_numbers_of_masks(model):
    all_logits = model(packed("flat"))["masked_lm_logits"]
    batch = packed("flat")
    chosen = [5, 0, 2]
    batch["masked_lm_positions"] = tf.gather(batch["masked_lm_positions"], chosen)
    logits = model(batch)["masked_lm_logits"]
    np.testing.assert_allclose(logits, tf.gather(all_logits, chosen), atol=1e-5)


def test_a_batch_without_masks_has_no_logits(model):
    batch = packed("flat") | {"masked_lm_positions": tf.zeros([0], tf.int32)}
    assert model(batch)["masked_lm_logits"].shape == (0, tiny.CONFIG.vocab_size)


def test_a_batch_without_positions_is_an_error(model):
    batch = padded()
    del batch["masked_lm_positions"]
    with pytest.raises(ValueError, match="has no masked_lm_positions"):
        model(batch)


def test_heads_have_the_published_names(model):
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    heads = {path: shapes[path] for path in shapes if not path.startswith("bert/")}
    assert heads == {
        "cls/predictions/transform/dense/kernel": (21, 21),
        "cls/predictions/transform/dense/bias": (21,),
        "cls/predictions/transform/LayerNorm/gamma": (21,),
        "cls/predictions/transform/LayerNorm/beta": (21,),
        "cls/predictions/output_bias": (83,),
        "cls/seq_relationship/output_weights": (2, 21),
        "cls/seq_relationship/output_bias": (2,),
    }


def test_word_table_learns_as_input_and_as_output(model):
    """The table is tied, so its gradient is the sum of those of embedding and decoder."""
    batch = padded()
    unused = 83 - 1  # In no text, so only the decoder has a gradient for it.
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(batch)["masked_lm_logits"][0, unused])
    table = model.backbone.embeddings.word_table.value
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    assert np.abs(gradient[unused]).max() > 0.01  # As output.
    assert np.abs(gradient[IDS[0][1]]).max() > 0.01  # As input.
    np.testing.assert_array_equal(gradient[unused - 1], 0)  # As neither.


def test_logits_are_float32_in_any_policy(model):
    half = build(dtype="mixed_bfloat16")
    outputs, expected = half(padded()), model(padded())
    for name in outputs:
        assert outputs[name].dtype == "float32"
        np.testing.assert_allclose(outputs[name], expected[name], atol=0.6)


def test_both_heads_learn_in_a_graph():
    """On a classic padded batch."""
    keras.utils.set_random_seed(1)
    model = build(num_hidden_layers=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    batch = padded()
    masked_ids = np.array([7, 13, 3, 2, 3, 5])
    labels = np.array([0, 1, 0])
    optimizer = keras.optimizers.Adam(1e-2)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            outputs = model(batch, training=True)
            total = loss(masked_ids, outputs["masked_lm_logits"]) + loss(
                labels, outputs["next_sentence_logits"]
            )
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(total, variables), model.trainable_variables)
        return total

    losses = [float(step()) for _ in range(40)]
    assert losses[-1] < 0.05 < losses[0]
    predicted = model(batch)["masked_lm_logits"].numpy().argmax(-1)
    np.testing.assert_array_equal(predicted, masked_ids)
