"""Labels, features, predictions and scores of classification, worked by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.readers import Table
from bert_tf.tasks import TASKS
from bert_tf.tasks.classification import Classification

OPTIONS = Classification.Options(max_seq_length=9)


def table(labels, **fields):
    """Returns a table whose records are on every second line, from line 2."""
    columns = fields or {"text": ["7"] * len(labels)}
    records = [
        dict(zip(columns, values)) | {"label": label}
        for label, *values in zip(labels, *columns.values())
    ]
    lines = list(range(2, 2 + 2 * len(labels), 2))
    return Table("train.csv", records, lines, {"text": "text", "label": "topic"}, "")


def learn(labels):
    return Classification.learn(tiny.Tokenizer(), table(labels), OPTIONS)


@pytest.fixture
def task():
    return Classification(tiny.Tokenizer(), OPTIONS, labels=["a", "b", "c"])


def test_is_a_task():
    assert TASKS["classification"] is Classification


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "order"),
        [
            (["10", "2", "2"], ["2", "10"]),
            (["1", "-1", "0.5"], ["-1", "0.5", "1"]),
            (["b", "10", "a", "9"], ["9", "10", "a", "b"]),
            (["1.0", "1"], ["1", "1.0"]),
            (["2", "nan", "1", "b", "3", "a"], ["1", "2", "3", "a", "b", "nan"]),
            (["été", "Zoo", "arm"], ["Zoo", "arm", "été"]),
        ],
    )
    def test_numbers_come_by_value_then_words(self, labels, order):
        assert learn(labels).labels == order
        assert learn(labels[::-1]).labels == order

    def test_a_single_class_is_an_error(self):
        with pytest.raises(ValueError) as caught:
            learn(["yes", "yes"])
        assert "train.csv: every record has the label 'yes'" in str(caught.value)
        assert "'topic'" in str(caught.value)

    def test_an_unknown_label_is_an_error_that_names_its_line(self, task):
        with pytest.raises(ValueError) as caught:
            task.columns(table(["a", "b", "d", "a"]))
        assert str(caught.value) == (
            "train.csv, line 6: label 'd' is not one of the model's: 'a', 'b', 'c'."
        )

    def test_a_folder_remembers_them(self):
        labels = [str(number) for number in range(11)]
        described = Classification(tiny.Tokenizer(), labels=labels).describe()
        assert described["id2label"]["10"] == "10"
        assert described["label2id"]["10"] == 10
        # JSON may have sorted the keys as strings.
        extra = {"id2label": dict(sorted(described["id2label"].items()))}
        restored = Classification.restore(
            tiny.Tokenizer(), BertConfig(extra=extra), {"max_seq_length": 9}
        )
        assert restored.labels == labels
        assert restored.options.max_seq_length == 9

    def test_a_folder_without_labels_has_two(self):
        restored = Classification.restore(
            tiny.Tokenizer(), BertConfig(), {"max_seq_length": 9}
        )
        assert restored.labels == ["LABEL_0", "LABEL_1"]


class TestFeatures:
    def test_columns(self, task):
        columns = task.columns(
            table(["c", "a"], text=["7 8", "9"], text_pair=["5", "6"])
        )
        assert columns["text"].tolist() == ["7 8", "9"]
        assert columns["text_pair"].tolist() == ["5", "6"]
        assert columns["label"].tolist() == [2, 0]
        assert columns["label"].dtype == np.int32

    def test_columns_without_labels(self, task):
        unlabelled = Table("x.txt", [{"text": "7"}], [1], {"text": "text"}, "")
        assert task.columns(unlabelled).keys() == {"text"}

    def test_single(self, task):
        example = task.features({"text": tf.constant(["7 8", ""])})
        assert example.keys() == {"input_ids", "segment_ids"}
        assert example["input_ids"].to_list() == [[2, 7, 8, 3], [2, 3]]

    def test_pair_with_label(self, task):
        example = task.features(
            {
                "text": tf.constant(["7 8 9 10 11"]),
                "text_pair": tf.constant(["12 13 14"]),
                "label": tf.constant([2]),
            }
        )
        # At most nine tokens: three special ones and three of each text.
        assert example["input_ids"].to_list() == [[2, 7, 8, 9, 3, 12, 13, 14, 3]]
        assert example["segment_ids"].to_list() == [[0, 0, 0, 0, 0, 1, 1, 1, 1]]
        assert example["label"].numpy().tolist() == [2]


def test_model_has_an_output_for_each_label(task):
    model = task.build(tiny.backbone())
    assert model({"input_ids": np.array([[2, 7, 3]])}).shape == (1, 3)  # A tensor.


class TestLoss:
    def test_each_example_weighs_one(self, task):
        weights = task.weights({"label": tf.constant([2, 0])})
        assert weights["classification"].numpy().tolist() == [1.0, 1.0]
        assert weights["classification"].dtype == tf.float32

    def test_is_the_cross_entropy(self, task):
        logits = tf.math.log([[1.0, 2.0, 1.0], [3.0, 1.0, 4.0]])
        losses = task.losses({"label": tf.constant([1, 2])}, task.named(logits))
        expected = [math.log(4 / 2), math.log(8 / 4)]
        np.testing.assert_allclose(losses["classification"], expected, rtol=1e-6)


class TestPredict:
    def test_label_and_probabilities(self, task):
        logits = np.log([[1.0, 2.0, 1.0], [6.0, 1.0, 1.0]])
        first, second = task.predict({"logits": logits}, {})
        assert (first["label"], second["label"]) == ("b", "a")
        assert first["scores"] == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.25})
        assert second["scores"] == pytest.approx({"a": 0.75, "b": 0.125, "c": 0.125})
        assert list(first["scores"]) == ["a", "b", "c"]

    def test_probabilities_sum_to_1_however_large_the_logits(self, task):
        logits = np.array([[1000.0, 999.0, -1000.0], [-800, -800, -800]], np.float32)
        for prediction in task.predict({"logits": logits}, {}):
            assert sum(prediction["scores"].values()) == pytest.approx(1.0, abs=1e-12)

    def test_predictions_are_plain_json(self, task):
        (prediction,) = task.predict({"logits": np.zeros([1, 3], np.float32)}, {})
        assert all(type(score) is float for score in prediction["scores"].values())


# The labels are a a a b b c, the predictions a a b b c c.
TRUTH = {"label": np.array([0, 0, 0, 1, 1, 2])}
OUTPUTS = {"logits": math.log(2) * np.eye(3)[[0, 0, 1, 1, 2, 2]]}


class TestScore:
    def test_by_hand(self, task):
        scores = task.score(TRUTH, OUTPUTS)
        assert scores["accuracy"] == pytest.approx(4 / 6)
        assert scores["confusion_matrix"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
        by_hand = {"a": (1, 2 / 3, 0.8, 3), "b": (0.5, 0.5, 0.5, 2)}
        by_hand["c"] = (0.5, 1, 2 / 3, 1)
        for label, values in by_hand.items():
            expected = dict(zip(("precision", "recall", "f1", "support"), values))
            assert scores["per_class"][label] == pytest.approx(expected)
        assert scores["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
        # (4·6 - 3·2 - 2·2 - 1·2) / sqrt((36 - 12)·(36 - 14)).
        assert scores["mcc"] == pytest.approx(12 / math.sqrt(24 * 22))
        # The predicted label has probability 1/2, the others 1/4.
        assert scores["loss"] == pytest.approx((4 * math.log(2) + 2 * math.log(4)) / 6)

    def test_a_label_that_never_occurs(self, task):
        outputs = {"logits": np.eye(3)[[0, 1]]}
        scores = task.score({"label": np.array([0, 1])}, outputs)
        assert scores["per_class"]["c"] == {
            "precision": 0.0,
            "recall": 0.0,
            "f1": 0.0,
            "support": 0,
        }
        assert scores["macro_f1"] == 1.0
        assert len(scores["confusion_matrix"]) == 3
