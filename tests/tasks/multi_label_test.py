"""Labels, loss, threshold, predictions and scores of several labels, worked by hand."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.readers import Table
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.multi_label import MultiLabel, tune_threshold

OPTIONS = MultiLabel.Options(max_seq_length=9)


def table(labels, column="tags"):
    """Returns a table whose records begin on line 2."""
    records = [{"text": "7 8", "label": names} for names in labels]
    lines = list(range(2, 2 + len(labels)))
    return Table("train.csv", records, lines, {"text": "text", "label": column}, "")


def make(threshold=None, labels="abc"):
    return MultiLabel(tiny.Tokenizer(), OPTIONS, labels=labels, threshold=threshold)


def outputs(probabilities):
    """Returns outputs of the model that mean these probabilities."""
    probabilities = np.asarray(probabilities)
    return {"logits": np.log(probabilities / (1 - probabilities))}


def test_is_a_task():
    assert TASKS["multi_label"] is MultiLabel
    described = BertConfig(extra=make().describe())
    assert described.extra["problem_type"] == "multi_label_classification"
    assert task_of(described, {}) == "multi_label"


class TestLabels:
    def learn(self, *arguments):
        return MultiLabel.learn(tiny.Tokenizer(), table(*arguments), OPTIONS).labels

    def test_those_that_occur_in_order(self):
        assert self.learn([["b", "10"], [], ["a", "9"]]) == ["9", "10", "a", "b"]

    def test_those_that_have_a_column_even_if_they_do_not_occur(self):
        assert self.learn([["b"]], ("c", "b", "a")) == ["c", "b", "a"]
        assert self.learn([["2"]], (1, 2)) == ["1", "2"]

    def test_none_at_all_is_an_error(self):
        with pytest.raises(ValueError, match=r"train.csv: no record has any label"):
            self.learn([[], []])

    def test_columns_mark_them(self):
        columns = make().columns(table([["c", "a"], [], ["b"]]))
        assert columns["label"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
        assert columns["text"].tolist() == ["7 8"] * 3

    def test_an_unknown_one_is_an_error_that_names_its_line(self):
        with pytest.raises(ValueError) as caught:
            make().columns(table([["a"], ["b", "d"]]))
        assert str(caught.value) == (
            "train.csv, line 3: label 'd' is not one of the model's: 'a', 'b', 'c'."
        )

    def test_a_folder_remembers_labels_and_threshold(self):
        config = BertConfig(extra=make(labels=["x", "y"]).describe())
        for settings, threshold in (({"threshold": 0.3}, 0.3), ({}, 0.5)):
            task = MultiLabel.restore(tiny.Tokenizer(), config, settings)
            assert (task.labels, task.threshold) == (["x", "y"], threshold)
        assert make().settings({"eval_threshold": 0.25})["threshold"] == 0.25
        assert make().settings({})["threshold"] == 0.5


def test_features_and_model():
    task = make()
    columns = task.columns(table([["c"], []]))
    example = task.features({k: tf.constant(v) for k, v in columns.items()})
    assert example["input_ids"].to_list() == [[2, 7, 8, 3]] * 2
    assert example["label"].numpy().tolist() == [[0, 0, 1], [0, 0, 0]]
    model = task.build(tiny.backbone())
    assert model({"input_ids": np.array([[2, 7, 3]])}).shape == (1, 3)


def test_loss_is_the_mean_cross_entropy_over_labels():
    rows = {"label": tf.constant([[1, 0], [0, 0]], tf.uint8)}
    logits = outputs([[0.25, 0.5], [0.5, 0.75]])["logits"]
    logits = tf.constant(logits, tf.float32)
    expected = [
        (math.log(4) + math.log(2)) / 2,
        (math.log(2) + math.log(4)) / 2,
    ]
    losses = make(labels="ab").losses(rows, {"logits": logits})["multi_label"]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert make().weights(rows)["multi_label"].numpy().tolist() == [1.0, 1.0]


class TestThreshold:
    def test_by_hand(self):
        truth = np.array([True, True, False, True, False, False])
        falling = np.array([0.9, 0.7, 0.4, 0.3, 0.2, 0.1])
        # F1 of the first k: 1/2, 4/5, 4/6, 6/7, 6/8, 6/9.
        assert tune_threshold(truth, falling) == pytest.approx(0.25)
        mixed = [3, 0, 5, 1, 4, 2]
        assert tune_threshold(truth[mixed], falling[mixed]) == pytest.approx(0.25)

    def test_among_equally_good_ones_it_is_the_nearest_to_a_half(self):
        # F1 of the first k: 2/3, 1/2, 2/5, 4/6.
        truth = np.array([True, False, False, True])
        assert tune_threshold(truth, np.array([0.9, 0.5, 0.4, 0.2])) == 0.7
        assert tune_threshold(truth, np.array([0.98, 0.92, 0.9, 0.8])) == 0.4

    def test_equal_probabilities_are_not_split(self):
        # The first one alone would have F1 = 1; the first two have 2/3, all three 1/2.
        truth = np.array([True, False, False])
        threshold = tune_threshold(truth, np.array([0.6, 0.6, 0.1]))
        assert threshold == pytest.approx(0.35)

    def test_without_true_labels_it_is_a_half(self):
        assert tune_threshold(np.zeros([2, 3], bool), np.full([2, 3], 0.7)) == 0.5

    @pytest.mark.parametrize("seed", range(20))
    def test_is_the_best_of_all(self, seed):
        random = np.random.default_rng(seed)
        truth = random.random([13, 3]) < 0.3
        probabilities = np.round(random.random([13, 3]) + 0.1 * truth, 1).clip(0, 1)

        def micro_f1(threshold):
            predicted = probabilities >= threshold
            return 2 * (truth & predicted).sum() / (truth.sum() + predicted.sum())

        best = max(map(micro_f1, np.linspace(0.01, 1, 100)))
        assert micro_f1(tune_threshold(truth, probabilities)) == pytest.approx(best)


class TestPredict:
    PROBABILITIES = ((0.75, 0.25, 0.5), (0.1, 0.2, 0.3))

    @pytest.mark.parametrize(
        ("threshold", "labels"),
        [(None, ["a", "c"]), (0.2, ["a", "b", "c"]), (0.6, ["a"])],
    )
    def test_labels_above_the_threshold(self, threshold, labels):
        first, _ = make(threshold).predict(outputs(self.PROBABILITIES), {})
        assert first["labels"] == labels
        assert first["scores"] == pytest.approx({"a": 0.75, "b": 0.25, "c": 0.5})
        assert all(type(score) is float for score in first["scores"].values())

    def test_there_may_be_none(self):
        _, second = make().predict(outputs(self.PROBABILITIES), {})
        assert second["labels"] == []

    def test_no_overflow(self):
        with np.errstate(all="raise", under="ignore"):
            logits = np.array([[-999.0, 0.0, 999.0]], np.float32)
            (prediction,) = make().predict({"logits": logits}, {})
        assert prediction["labels"] == ["b", "c"]


TRUTH = {"label": np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0]], np.uint8)}
PROBABILITIES = ((0.9, 0.2, 0.4), (0.8, 0.4, 0.2), (0.7, 0.1, 0.1), (0.1, 0.7, 0.1))


class TestScore:
    def test_by_hand_with_a_given_threshold(self):
        scores = make(0.5).score(TRUTH, outputs(PROBABILITIES))
        # a: 2 of 3 predictions are right, 2 are true; b: 1 of 1, 2 true; c: none, 1 true.
        assert scores["per_class"]["a"] == pytest.approx(
            {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
        )
        assert scores["per_class"]["b"]["f1"] == pytest.approx(2 / 3)
        assert scores["per_class"]["c"]["f1"] == 0.0
        assert scores["micro_f1"] == pytest.approx(2 * 3 / (4 + 5))
        assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 3)
        assert scores["threshold"] == 0.5
        losses = [
            -math.log(probability if true else 1 - probability)
            for true, probability in zip(
                TRUTH["label"].ravel().tolist(), itertools.chain(*PROBABILITIES)
            )
        ]
        assert scores["loss"] == pytest.approx(sum(losses) / 12)

    def test_without_a_threshold_the_best_one_is_used(self):
        scores = make().score(TRUTH, outputs(PROBABILITIES))
        assert scores["threshold"] == pytest.approx(0.3)  # Between 0.4 and 0.2.
        assert scores["micro_f1"] == pytest.approx(2 * 5 / (6 + 5))
        assert type(scores["threshold"]) is type(scores["micro_f1"]) is float

    def test_counts_add_up_to_micro_f1(self):
        counts = make(0.5).counts(TRUTH, outputs(PROBABILITIES))
        assert counts.sum(axis=0).tolist() == [3, 4, 5]
        assert make(0.5).score_counts(counts.sum(axis=0)) == pytest.approx(6 / 9)
        assert len(counts) == 4

    def test_a_single_label(self):
        truth = {"label": np.array([[1], [0], [1]], np.uint8)}
        scores = make(0.5, "a").score(truth, outputs([[0.9], [0.8], [0.1]]))
        assert scores["micro_f1"] == scores["macro_f1"] == 0.5
