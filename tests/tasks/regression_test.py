"""Numbers, loss, predictions and scores of regression, worked by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.readers import Table
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.regression import Regression


def table(labels):
    """Returns a table whose records begin on line 2."""
    records = [{"text": "7", "text_pair": "8 9", "label": label} for label in labels]
    lines = list(range(2, 2 + len(labels)))
    columns = {"text": "sentence1", "text_pair": "sentence2", "label": "score"}
    return Table("sts.tsv", records, lines, columns, "")


@pytest.fixture
def task():
    return Regression(tiny.Tokenizer(), Regression.Options(max_seq_length=9))


def test_is_a_task():
    assert TASKS["regression"] is Regression


def test_a_problem_type_or_a_single_label_tells_the_task_of_a_folder(task):
    described = task.describe()
    assert described["problem_type"] == "regression"
    assert described["id2label"] == {"0": "LABEL_0"}
    for key in ("problem_type", "id2label"):
        config = BertConfig(extra={key: described[key]})
        assert task_of(config, {}) == "regression"
    assert task_of(BertConfig(), {}) == "classification"
    assert task_of(BertConfig(extra=described), {"task": "other"}) == "other"


class TestColumns:
    def test_numbers(self, task):
        columns = task.columns(table(["5.000", "-1e-1", "3"]))
        assert columns.keys() == {"text", "text_pair", "label"}
        assert columns["label"].dtype == np.float32
        np.testing.assert_array_equal(
            columns["label"], np.array([5, -0.1, 3], np.float32)
        )

    def test_without_labels(self, task):
        unlabelled = Table("x.txt", [{"text": "7"}], [1], {"text": "text"}, "")
        assert task.columns(unlabelled).keys() == {"text"}

    @pytest.mark.parametrize("label", ["good", "nan", "inf", "1,5", ""])
    def test_a_label_that_is_not_a_number_is_an_error(self, task, label):
        with pytest.raises(ValueError) as caught:
            task.columns(table(["1", label]))
        assert str(caught.value) == (
            "sts.tsv, line 3: the label must be a number, for regression; received "
            f"{label!r}.{' Write a decimal point.' if label == '1,5' else ''}"
        )

    def test_equal_numbers_are_an_error(self):
        with pytest.raises(ValueError, match=r"sts.tsv: every record has the number"):
            Regression.learn(
                tiny.Tokenizer(), table(["1", "1.0"]), Regression.Options()
            )


def test_features_and_model(task):
    columns = task.columns(table(["1", "2"]))
    example = task.features({k: tf.constant(v) for k, v in columns.items()})
    assert example["input_ids"].to_list() == [[2, 7, 3, 8, 9, 3]] * 2
    assert example["label"].numpy().tolist() == [1.0, 2.0]
    model = task.build(tiny.backbone())
    assert model({"input_ids": np.array([[2, 7, 3]])}).shape == (1, 1)


def test_loss_is_the_squared_error_and_each_example_weighs_one(task):
    rows = {"label": tf.constant([1.0, -2.0])}
    outputs = {"logits": tf.constant([[3.0], [-2.5]])}
    losses = task.losses(rows, outputs)["regression"]
    assert losses.numpy().tolist() == [4.0, 0.25]
    assert task.weights(rows)["regression"].numpy().tolist() == [1.0, 1.0]


def test_predictions_are_plain_json(task):
    outputs = {"logits": np.array([[0.5], [-3.0]], np.float32)}
    predictions = task.predict(outputs, {})
    assert predictions == [{"score": 0.5}, {"score": -3.0}]
    assert all(type(prediction["score"]) is float for prediction in predictions)


class TestScore:
    def test_by_hand(self, task):
        truth = {"label": np.array([1, 2, 3, 4], np.float32)}
        logits = np.array([[1], [3], [2], [10]], np.float32)
        scores = task.score(truth, {"logits": logits})
        # Deviations from the means: -1.5 -0.5 0.5 1.5 and -3 -1 -2 6.
        assert scores["pearson"] == pytest.approx(13 / math.sqrt(5 * 50))
        assert scores["spearman"] == pytest.approx(1 - 6 * 2 / (4 * 15))
        assert scores["mse"] == scores["loss"] == (0 + 1 + 1 + 36) / 4

    @pytest.mark.parametrize(
        ("truth", "predicted"), [([2, 2], [1, 3]), ([1, 3], [2, 2])]
    )
    def test_a_constant_has_no_correlation(self, task, truth, predicted):
        columns = {"label": np.array(truth, np.float32)}
        logits = np.array(predicted, np.float32)[:, None]
        scores = task.score(columns, {"logits": logits})
        assert scores == {"pearson": 0.0, "spearman": 0.0, "mse": 1.0, "loss": 1.0}
