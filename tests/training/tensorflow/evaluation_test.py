"""Outputs come in the order of the examples."""

import numpy as np
import pytest
import reference
import tensorflow as tf
import tiny

from bert_tf.data.rows.pipeline import evaluation_rows
from bert_tf.training.tensorflow.evaluation import make_predictor


@pytest.fixture(scope="module")
def model():
    return tiny.classifier(**tiny.dropping())


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_outputs_are_those_of_the_reference_in_order(model, batch_size):
    columns = tiny.columns(11)
    rows = evaluation_rows(columns, tiny.features, batch_size=batch_size)
    outputs = make_predictor(model)(rows, 11)
    weights = tiny.arrays(model)
    expected = [
        reference.classify(weights, model.backbone.config, pieces)
        for pieces in tiny.pieces(columns)
    ]
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_is_compiled_once_for_all_data(model):
    calls = []

    def counting(rows, training):
        calls.append(training)
        return model(rows, training=training)

    predict = make_predictor(counting)
    for count, batch_size in ((7, 3), (2, 1), (11, 5)):
        rows = evaluation_rows(
            tiny.columns(count), tiny.features, batch_size=batch_size
        )
        assert predict(rows, count).shape == (count, tiny.LABELS)
    assert calls == [False]


def test_follows_the_weights(model):
    rows = evaluation_rows(tiny.columns(3), tiny.features, batch_size=3)
    changing = tiny.classifier()
    predict = make_predictor(changing)
    before = predict(rows, 3)
    changing.classifier.bias.assign_add(np.full(tiny.LABELS, 1.5, np.float32))
    np.testing.assert_allclose(predict(rows, 3), before + 1.5, atol=1e-6)


def test_progress_counts_batches(model):
    ranges = []

    def progress(batches):
        ranges.append(list(batches))
        return batches

    rows = evaluation_rows(tiny.columns(7), tiny.features, batch_size=3)
    make_predictor(model)(rows, 7, progress)
    assert ranges == [[0, 1, 2]]


def by_name(rows, training):
    """Outputs of three examples a batch: ids, and a matrix as wide as the largest."""
    numbers = rows["example_number"]
    width = tf.reduce_max(numbers) + 1
    return {
        "ids": 100 + numbers,
        "halves": tf.cast(numbers, tf.float32)[:, None] / [2.0, 4.0],
        "counts": tf.tile(tf.range(width, dtype=tf.int64)[None], [tf.size(numbers), 1]),
    }


def numbered(*batches):
    data = tf.data.Dataset.from_generator(
        lambda: ({"example_number": np.int32(batch)} for batch in batches),
        output_signature={"example_number": tf.TensorSpec([None], tf.int32)},
    )
    return data.apply(tf.data.experimental.assert_cardinality(len(batches)))


def test_outputs_by_name_are_put_in_order_by_name():
    outputs = make_predictor(by_name)(numbered([4, 0, 2], [3, 1]), 5)
    assert {name: array.dtype for name, array in outputs.items()} == {
        "ids": np.int32,
        "halves": np.float32,
        "counts": object,
    }
    assert outputs["ids"].tolist() == [100, 101, 102, 103, 104]
    assert outputs["halves"].tolist() == [[n / 2, n / 4] for n in range(5)]
    # The shape of this one alone differs between batches.
    assert [row.tolist() for row in outputs["counts"]] == [
        [*range(width)] for width in (5, 4, 5, 4, 5)
    ]
    assert {row.dtype for row in outputs["counts"]} == {np.dtype(np.int64)}


def test_without_batches_there_are_no_outputs():
    assert make_predictor(by_name)(numbered(), 0) is None
