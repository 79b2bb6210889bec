"""Answers come in the order of the input."""

import numpy as np
import pytest
import reference
import tiny

from bert_tf.data.rows.pipeline import evaluation_rows
from bert_tf.training.tensorflow.evaluation import make_predictor


@pytest.fixture(scope="module")
def model():
    return tiny.classifier(**tiny.dropping())


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_answers_are_the_references_in_order(model, batch_size):
    columns = tiny.columns(11)
    rows = evaluation_rows(columns, tiny.features, batch_size=batch_size)
    answers = make_predictor(model)(rows, 11)
    weights = tiny.arrays(model)
    expected = [
        reference.classify(weights, model.backbone.config, pieces)
        for pieces in tiny.pieces(columns)
    ]
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, atol=1e-5)


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
    seen = []

    def progress(batches):
        seen.append(list(batches))
        return batches

    rows = evaluation_rows(tiny.columns(7), tiny.features, batch_size=3)
    make_predictor(model)(rows, 7, progress)
    assert seen == [[0, 1, 2]]
