"""Tags of words: labels, windows, loss, predictions and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.token_classification import TokenClassification
from bert_tf.tokenization import BertTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "##a", "##b", "##c"]
CLS, SEP, A, B, C, AA, BB, CC = 2, 3, 4, 5, 6, 7, 8, 9
LABELS = ["O", "B-x", "I-x"]
OPTIONS = TokenClassification.Options(max_seq_length=16)


def record(text, tags=None):
    words, place = [], 0
    for word in text.split(" "):
        words.append((place, place + len(word)))
        place += len(word) + 1
    fields = {"text": text, "words": words}
    return fields if tags is None else fields | {"tags": tags.split()}


def table(*records):
    return Table("a.txt", list(records), list(range(1, 99)), {}, "")


@pytest.fixture
def task():
    return TokenClassification(BertTokenizer(VOCAB), OPTIONS, labels=LABELS)


def test_the_class_in_config_json_tells_the_task():
    assert TASKS["token_classification"] is TokenClassification
    config = BertConfig(extra={"architectures": ["BertForTokenClassification"]})
    assert task_of(config, {}) == "token_classification"


class TestLabels:
    def test_outside_comes_first_the_others_alphabetically(self):
        records = table(record("a b c", "I-x B-y B-x"))
        task = TokenClassification.learn(BertTokenizer(VOCAB), records, OPTIONS)
        assert task.labels == ["O", "B-x", "B-y", "I-x"]
        assert task.describe()["id2label"] == dict(zip("0123", task.labels))

    def test_data_without_entities_are_an_error(self):
        with pytest.raises(ValueError, match="every word is tagged O"):
            TokenClassification.learn(
                BertTokenizer(VOCAB), table(record("a", "O")), OPTIONS
            )

    def test_an_unknown_tag_is_an_error(self, task):
        with pytest.raises(ValueError, match=r"a.txt, line 2: label 'B-z'"):
            task.columns(table(record("a", "O"), record("a b", "O B-z")))


class TestExamples:
    def test_tags_belong_to_the_first_token_of_a_word(self, task):
        columns = task.columns(table(record("ab c abc", "O B-x I-x"), record("c", "O")))
        examples = task.examples(columns)
        assert examples["pieces"].to_list() == [[A, BB, C, A, BB, CC], [C]]
        assert examples["places"].to_list() == [[0, 2, 3], [0]]
        assert examples["label"].to_list() == [[0, 1, 2], [0]]
        assert examples["record"].tolist() == [0, 1]
        framed = task.features(task.inputs(examples))
        assert framed["input_ids"].to_list() == [
            [CLS, A, BB, C, A, BB, CC, SEP],
            [CLS, C, SEP],
        ]
        assert framed["places"].numpy().tolist() == [[1, 3, 4], [1, -1, -1]]
        assert framed["label"].numpy().tolist() == [[0, 1, 2], [0, 0, 0]]

    def test_a_word_without_tokens_has_no_place(self, task):
        columns = task.columns(table(record("a \u200b b", "O B-x I-x")))
        examples = task.examples(columns)
        assert examples["words"].to_list() == [[0, 2]]
        assert examples["label"].to_list() == [[0, 2]]

    def test_windows_of_a_long_text_hold_each_word_once(self, task):
        text = " ".join("abc"[n % 3] for n in range(40))
        tags = " ".join(LABELS[n % 3] for n in range(40))
        examples = task.examples(
            task.columns(table(record("a", "O"), record(text, tags)))
        )
        assert (examples["pieces"].row_lengths() <= 14).numpy().all()
        assert examples["record"].tolist() == [0, 1, 1, 1, 1]
        assert examples["words"].values.numpy().tolist() == [0, *range(40)]
        assert task.count(examples) == 5
        for tokens, places, words, labels in zip(
            *(examples[n].to_list() for n in ("pieces", "places", "words", "label"))
        ):
            assert [tokens[p] for p in places] == [A + n % 3 for n in words]
            assert labels == [n % 3 for n in words]


class TestLoss:
    def test_is_the_mean_over_words(self, task):
        columns = task.columns(table(record("ab c", "O B-x"), record("c", "I-x")))
        rows = task.features(task.inputs(task.examples(columns)))
        logits = tf.constant(np.log([[[7, 2, 1], [1, 8, 1]], [[2, 2, 6], [9, 9, 9]]]))
        losses = task.losses(rows, {"logits": logits})["token_classification"].numpy()
        weights = task.weights(rows)["token_classification"].numpy()
        assert weights.tolist() == [1, 1, 1, 0]
        np.testing.assert_allclose(losses[:3], -np.log([0.7, 0.8, 0.6]), rtol=1e-6)

    def test_the_model_returns_logits_at_first_tokens(self, task):
        columns = task.columns(table(record("ab c", "O B-x"), record("c", "I-x")))
        rows = pack(task.features(task.inputs(task.examples(columns))))
        model = task.build(tiny.backbone())
        logits = model(rows)["logits"].numpy()
        assert logits.shape == (2, 2, 3)
        states = model.backbone(rows)["sequence_output"].numpy().reshape(-1, 21)
        own = states[rows["first_token"].numpy()[0] + 3]
        expected = own @ model.classifier.kernel.numpy() + model.classifier.bias.numpy()
        np.testing.assert_allclose(logits[0, 1], expected, atol=1e-5)
        names = {weight.path for weight in model.weights}
        assert any(
            "pooler" in name for name in names
        )  # Built, but not written to a folder.


class TestPredictions:
    @pytest.fixture
    def collected(self, task):
        """Returns columns, and outputs of records."""
        columns = task.columns(
            table(record("ab c abc", "B-x I-x O"), record("a \u200b c", "O I-x B-x"))
        )
        examples = task.examples(columns)
        logits = [
            np.log([[1, 8, 1], [1, 1, 8], [6, 2, 2]]),
            np.log([[5, 4, 1], [1, 8, 1], [9, 9, 9]]),
        ]
        return columns, task.collect(columns, examples, {"logits": logits})

    def test_entities_and_their_places(self, task, collected):
        columns, outputs = collected
        first, second = task.predict(outputs, columns)
        (entity,) = first["entities"]
        assert entity == {
            "start": 0,
            "end": 4,
            "type": "x",
            "text": "ab c",
            "score": pytest.approx(0.8),
        }
        assert [e["text"] for e in second["entities"]] == ["c"]

    def test_scores(self, task, collected):
        scores = task.score(*collected)
        # Two of three true entities are predicted; an I- without a B- is one, too.
        assert scores["precision"] == 1.0
        assert scores["recall"] == pytest.approx(2 / 3)
        assert scores["f1"] == pytest.approx(0.8)
        assert scores["accuracy"] == pytest.approx(5 / 6)
        losses = -np.log([0.8, 0.8, 0.6, 0.5, 0.8])
        assert scores["loss"] == pytest.approx(losses.mean())
        assert scores["per_type"]["x"]["support"] == 3

    def test_counts_add_up_to_f1(self, task, collected):
        counts = task.counts(*collected)
        assert len(counts) == len(collected[0]["text"])
        right, predicted, true = counts.sum(axis=0)
        assert (right, predicted, true) == (2, 2, 3)

    def test_a_text_without_words(self, task):
        columns = task.columns(table({"text": "", "words": []}, record("c")))
        examples = task.examples(columns)
        logits = [np.zeros([1, 3]), np.zeros([1, 3])]
        outputs = task.collect(columns, examples, {"logits": logits})
        assert task.predict(outputs, columns)[0] == {"entities": []}
