"""Reranking: pairs, lists, both losses, predictions and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.fixed_shapes import stack
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.reranking import Reranking
from bert_tf.tokenization.ragged import Ragged

RECORDS = [
    {"text": "7", "passages": ["8", "9 10", "11"], "labels": [0.0, 2.0, 1.0]},
    {"text": "12 13", "passages": ["14"], "labels": [0.0]},
    {"text": "15", "passages": ["16", "17 18 19"], "labels": [1.0, 0.0]},
]
RANKED = [RECORDS[0], RECORDS[2]]
LOGITS = np.array([0.5, 2.0, -1.0, 0.25, -0.5])  # Of the pairs of RANKED.


def make_table(records, columns=()):
    return Table(
        "a.jsonl", records, list(range(1, len(records) + 1)), dict(columns), ""
    )


def learn(records=RANKED, columns=(), **options):
    options = Reranking.Options(max_seq_length=9, **options)
    return Reranking.learn(tiny.Tokenizer(), make_table(records, columns), options)


def softmax_losses(lists):
    return [-(g / g.sum()) @ (x - np.log(np.exp(x).sum())) for x, g in lists]


def split(values):
    return [np.asarray(values[:3]), np.asarray(values[3:])]


class TestLearn:
    def test_the_form_of_the_data_chooses_the_loss(self):
        pairs = {"text": "query", "text_pair": "passage", "label": "label"}
        assert learn().options.ranking_loss == "listwise"
        assert learn(RECORDS, pairs).options.ranking_loss == "pairwise"
        assert learn(RANKED, pairs, ranking_loss="listwise").listwise
        assert not learn(ranking_loss="pairwise").listwise
        assert learn().scale == 2.0

    def test_what_teaches_nothing(self):
        with pytest.raises(
            ValueError, match="1 of 3 have none; the first is on line 2"
        ):
            learn(RECORDS)
        alike = [{"text": "7", "passages": ["8", "9"], "labels": [1.0, 1.0]}]
        with pytest.raises(
            ValueError, match="no query has passages of different labels"
        ):
            learn(alike)
        with pytest.raises(ValueError, match="every passage has the label 1; there is"):
            learn(alike, ranking_loss="pairwise")

    def test_bad_options(self):
        with pytest.raises(
            ValueError, match="ranking_loss must be one of pairwise, lis"
        ):
            Reranking.Options(ranking_loss="triplet")
        with pytest.raises(
            ValueError, match="activation must be one of sigmoid, ident"
        ):
            Reranking.Options(activation="relu")


class TestRestore:
    def test_the_task_of_a_folder(self):
        assert TASKS["reranking"] is Reranking
        one = BertConfig(extra={"id2label": {"0": "LABEL_0"}})
        assert task_of(one, {"activation": "identity"}) == "reranking"
        assert task_of(one, {}) == "regression"
        three = BertConfig(extra={"id2label": dict(zip("012", "abc"))})
        assert task_of(three, {"activation": "identity"}) == "classification"

    def test_settings_come_back(self):
        task = learn(activation="identity")
        settings = {"task": "reranking", **task.settings({})}
        config = BertConfig(extra=task.describe())
        again = Reranking.restore(tiny.Tokenizer(), config, settings)
        assert again.options == task.options
        assert (again.scale, again.activation) == (2.0, "identity")
        assert task_of(config, settings) == "reranking"

    @pytest.mark.parametrize(
        ("given", "known", "expected"),
        [("", "identity", "identity"), ("sigmoid", "identity", "sigmoid")]
        + [("", None, "sigmoid"), ("identity", None, "identity")],
    )
    def test_training_takes_over_the_activation(self, given, known, expected):
        settings = {"activation": known} if known else {}
        task = learn(activation=given)
        task.inherit(ModelFolder(BertConfig(), [], {}, settings), make_table(RANKED))
        assert task.activation == task.settings({})["activation"] == expected

    def test_several_labels_are_refused(self):
        config = BertConfig(extra={"id2label": {"0": "no", "1": "yes"}})
        with pytest.raises(ValueError, match="2 labels .'no', 'yes'.*single score"):
            Reranking.restore(tiny.Tokenizer(), config, {"task": "reranking"})

    def test_an_unknown_activation_is_named(self):
        name = "torch.nn.modules.activation.Tanh (x/config.json)"
        with pytest.raises(ValueError, match="received 'torch.nn.*Tanh .x/config.json"):
            Reranking.restore(tiny.Tokenizer(), BertConfig(), {"activation": name})


class TestExamples:
    def test_each_passage_makes_a_pair(self):
        task = learn()
        examples = task.examples(task.columns(make_table(RECORDS)))
        assert examples["text"].tolist() == ["7"] * 3 + ["12 13"] + ["15"] * 2
        assert examples["record"].tolist() == [0, 0, 0, 1, 2, 2]
        assert examples["label"].tolist() == [0, 1, 0.5, 0, 0.5, 0]
        assert task.count(examples) == 6
        cls, sep = tiny.CLS, tiny.SEP
        features = task.features(task.inputs(examples))
        assert features["input_ids"].to_list()[1:4] == [
            [cls, 7, sep, 9, 10, sep],
            [cls, 7, sep, 11, sep],
            [cls, 12, 13, sep, 14, sep],
        ]
        assert "record" not in features

    @pytest.mark.parametrize("kind", ["tensorflow", "numpy"])
    def test_lists(self, kind):
        columns = {
            "text": ["7", "7", "7", "15", "15"],
            "text_pair": ["8", "9 10", "11", "16", "17 18 19"],
        }
        make, array = Ragged.from_row_lengths, np.array
        if kind == "tensorflow":
            make, array = tf.RaggedTensor.from_row_lengths, tf.constant
        columns = {name: make(array(x), [3, 2]) for name, x in columns.items()}
        framed = learn().frame_lists(columns)
        assert np.asarray(framed["lists"]).tolist() == [[0, 1, 2], [3, 4, -1]]
        assert np.asarray(framed["lists"]).dtype == np.int32
        assert framed["input_ids"].row_lengths()[1] == 6

    def test_batches_hold_whole_queries(self):
        task = learn()
        examples = task.examples(task.columns(make_table(RANKED * 3)))
        plan = {"batch_size": 2, "micro_batches": 2, "seed": 3}
        assert task.steps_per_epoch(examples, **plan) == 2
        rows = list(task.training_rows(examples, **plan).take(4))
        queries = [int(np.sum(batch["lists"].numpy()[:, :1] >= 0)) for batch in rows]
        assert queries == [2, 2, 2, 0]  # Of six queries; the last micro-batch is empty.
        weights = [task.weights(batch)["reranking"].numpy().tolist() for batch in rows]
        assert weights == [[1, 1], [1, 1], [1, 1], []]
        for batch in rows:
            lengths = (batch["lists"].numpy() >= 0).sum(axis=1)
            assert lengths.sum() == len(batch["label"])
            assert set(lengths) <= {2, 3}
        empty = {"logits": tf.zeros([0, 1])}
        assert task.losses(rows[-1], empty)["reranking"].shape == [0]

    def test_batches_of_the_pairwise_loss_hold_pairs(self):
        task = learn(ranking_loss="pairwise")
        examples = task.examples(task.columns(make_table(RANKED)))
        plan = {"batch_size": 2, "micro_batches": 1, "seed": 3}
        assert task.steps_per_epoch(examples, **plan) == 3
        batch = next(iter(task.training_rows(examples, **plan)))
        assert "lists" not in batch
        assert batch["label"].shape == [2]


class TestLosses:
    def test_pairwise(self):
        task = learn(ranking_loss="pairwise")
        rows = {"label": np.array([0, 1, 0.5, 1, 0], np.float32)}
        losses = task.losses(rows, {"logits": LOGITS[:, None].astype(np.float32)})
        p = 1 / (1 + np.exp(-LOGITS))
        expected = -(rows["label"] * np.log(p) + (1 - rows["label"]) * np.log(1 - p))
        np.testing.assert_allclose(losses["reranking"], expected, rtol=1e-5)
        assert task.weights(rows)["reranking"].numpy().tolist() == [1] * 5

    def test_listwise(self):
        rows = {
            "label": np.array([0, 1, 0.5, 1, 0], np.float32),
            "lists": np.array([[0, 1, 2], [3, 4, -1]], np.int32),
        }
        task = learn()
        losses = task.losses(rows, {"logits": LOGITS[:, None].astype(np.float32)})
        expected = softmax_losses(zip(split(LOGITS), split(rows["label"])))
        np.testing.assert_allclose(losses["reranking"], expected, rtol=1e-5)
        assert task.weights(rows)["reranking"].numpy().tolist() == [1, 1]
        assert task.soft_weights(rows)["reranking"].numpy().tolist() == [1] * 5

    @pytest.mark.parametrize("long_text", ["truncate", "windows"])
    def test_padding_changes_nothing(self, long_text):
        task = learn(long_text=long_text)
        task.options = Reranking.Options(
            max_seq_length=7, ranking_loss="listwise", long_text=long_text
        )
        model = tiny.fill(task.build(tiny.backbone()), 4)
        examples = task.examples(task.columns(make_table(RANKED * 2)))
        plan = {"batch_size": 3, "micro_batches": 1, "seed": 1}
        batches = [
            {name: x.numpy() for name, x in batch.items() if name != "dropout_seed"}
            for batch in task.training_rows(examples, **plan).take(2)
        ]
        assert ("records" in batches[0]) == (long_text == "windows")
        padded = stack(batches)  # The second has one query, the first has three.
        for number, batch in enumerate(batches):
            wide = {name: array[number] for name, array in padded.items()}
            (weights,) = task.weights(wide).values()
            (losses,) = task.losses(wide, task.named(model(wide))).values()
            (expected,) = task.losses(batch, task.named(model(batch))).values()
            assert losses.shape == weights.shape == [3]
            assert weights.numpy().sum() == len(expected)
            np.testing.assert_allclose(losses[: len(expected)], expected, atol=2e-6)
            assert np.isfinite(losses.numpy()).all()

    def test_lists_without_labels_have_no_place_in_the_listwise_loss(self):
        record = {"text": "7", "passages": ["8", "9"]}
        with pytest.raises(ValueError, match="pass --ranking_loss=pairwise to add"):
            learn().label_blindly(record)
        blind = learn(ranking_loss="pairwise").label_blindly(record)
        assert blind["labels"] == [0, 0]


class TestPredictions:
    def test_the_best_comes_first_and_of_equals_the_first(self):
        task, columns = learn(), learn().columns(make_table(RANKED))
        named = {"logits": np.array([[0.5], [2.0], [0.5], [40.0], [41.0]], np.float32)}
        outputs = task.collect(columns, {}, named)
        first, second = (row["ranking"] for row in task.predict(outputs, columns))
        assert [passage["index"] for passage in first] == [1, 0, 2]
        np.testing.assert_allclose(
            [passage["score"] for passage in first], 1 / (1 + np.exp([-2, -0.5, -0.5]))
        )
        # Both scores are 1 in double precision.
        assert [passage["index"] for passage in second] == [1, 0]
        assert [passage["score"] for passage in second] == [1, 1]
        (row, _) = task.as_rows(task.predict(outputs, columns))
        assert (row["index"], row["score"]) == (1, first[0]["score"])

    def test_identity(self):
        task = learn(activation="identity")
        columns = task.columns(make_table(RANKED))
        outputs = task.collect(columns, {}, {"logits": LOGITS})  # As in a file's.
        (_, second) = task.predict(outputs, columns)
        assert second == {
            "ranking": [{"index": 0, "score": 0.25}, {"index": 1, "score": -0.5}]
        }

    def test_scores(self):
        task, columns = learn(), learn().columns(make_table(RANKED))
        outputs = task.collect(columns, {}, {"logits": LOGITS[:, None]})
        scores = task.score(columns, outputs)
        # The grades of the first are 2, 0, 1 in the order of the scores.
        ndcg = (3 + 1 / 2) / (3 + 1 / np.log2(3))
        assert list(scores) == ["ndcg_at_10", "mrr_at_10", "map", "loss"]
        assert scores["ndcg_at_10"] == pytest.approx((ndcg + 1) / 2)
        assert scores["mrr_at_10"] == 1
        assert scores["map"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
        grades = [record["labels"] for record in RANKED]
        expected = softmax_losses(zip(split(LOGITS), map(np.array, grades)))
        assert scores["loss"] == pytest.approx(np.mean(expected))
        np.testing.assert_allclose(task.hits(columns, outputs), [ndcg, 1])

    def test_queries_without_a_positive_are_not_scored(self):
        task = learn(ranking_loss="pairwise")
        columns = task.columns(make_table(RECORDS))
        logits = np.insert(LOGITS, 3, 7.0)[:, None]
        outputs = task.collect(columns, {}, {"logits": logits})
        assert len(task.hits(columns, outputs)) == 2
        scores = task.score(columns, outputs)
        assert scores["mrr_at_10"] == 1
        targets = np.array([0, 1, 0.5, 0, 0.5, 0])
        expected = np.log1p(np.exp(logits[:, 0])) - targets * logits[:, 0]
        assert scores["loss"] == pytest.approx(expected.mean())
