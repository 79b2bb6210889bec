"""Tags of words: labels, windows, loss, answers and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.tasks import TASKS, inputs_of, task_of
from bert_tf.tasks.token_classification import TokenClassification
from bert_tf.tokenization import BertTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "##a", "##b", "##c"]
CLS, SEP, A, B, C, AA, BB, CC = 2, 3, 4, 5, 6, 7, 8, 9
LABELS = ["O", "B-x", "I-x"]


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
    return TokenClassification(BertTokenizer(VOCAB), LABELS, max_seq_length=16)


def test_is_a_task_and_known_by_its_class():
    assert TASKS["token_classification"] is TokenClassification
    config = BertConfig(extra={"architectures": ["BertForTokenClassification"]})
    assert task_of(config, {}) == "token_classification"


class TestLabels:
    def test_outside_first_then_the_alphabet(self):
        found = TokenClassification.learn(
            BertTokenizer(VOCAB),
            table(record("a b c", "I-x B-y B-x")),
            max_seq_length=9,
        )
        assert found.labels == ["O", "B-x", "B-y", "I-x"]
        assert found.describe()["id2label"] == dict(zip("0123", found.labels))

    def test_nothing_to_learn(self):
        with pytest.raises(ValueError, match="every word is tagged O"):
            TokenClassification.learn(
                BertTokenizer(VOCAB), table(record("a", "O")), max_seq_length=9
            )

    def test_an_unknown_tag_is_an_error(self, task):
        with pytest.raises(ValueError, match=r"a.txt, line 2: label 'B-z'"):
            task.columns(table(record("a", "O"), record("a b", "O B-z")))


class TestExamples:
    def test_first_pieces(self, task):
        columns = task.columns(table(record("ab c abc", "O B-x I-x"), record("c", "O")))
        examples = task.examples(columns)
        assert examples["pieces"].to_list() == [[A, BB, C, A, BB, CC], [C]]
        assert examples["places"].to_list() == [[0, 2, 3], [0]]
        assert examples["label"].to_list() == [[0, 1, 2], [0]]
        assert examples["record"].tolist() == [0, 1]
        framed = task.features(inputs_of(task, examples))
        assert framed["input_ids"].to_list() == [
            [CLS, A, BB, C, A, BB, CC, SEP],
            [CLS, C, SEP],
        ]
        assert framed["places"].numpy().tolist() == [[1, 3, 4], [1, -1, -1]]
        assert framed["label"].numpy().tolist() == [[0, 1, 2], [0, 0, 0]]

    def test_a_word_of_nothing_is_not_asked(self, task):
        columns = task.columns(table(record("a \u200b b", "O B-x I-x")))
        examples = task.examples(columns)
        assert examples["words"].to_list() == [[0, 2]]
        assert examples["label"].to_list() == [[0, 2]]

    def test_long_lists_go_in_windows_each_word_once(self, task):
        text = " ".join("abc"[n % 3] for n in range(40))
        tags = " ".join(LABELS[n % 3] for n in range(40))
        examples = task.examples(
            task.columns(table(record("a", "O"), record(text, tags)))
        )
        assert (examples["pieces"].row_lengths() <= 14).numpy().all()
        assert examples["record"].tolist() == [0, 1, 1, 1, 1]
        assert examples["words"].values.numpy().tolist() == [0, *range(40)]
        for pieces, places, words, labels in zip(
            *(examples[n].to_list() for n in ("pieces", "places", "words", "label"))
        ):
            assert [pieces[p] for p in places] == [A + n % 3 for n in words]
            assert labels == [n % 3 for n in words]


class TestLoss:
    def test_is_the_mean_over_words(self, task):
        columns = task.columns(table(record("ab c", "O B-x"), record("c", "I-x")))
        rows = task.features(inputs_of(task, task.examples(columns)))
        logits = tf.constant(np.log([[[7, 2, 1], [1, 8, 1]], [[2, 2, 6], [9, 9, 9]]]))
        losses = task.losses(rows, logits)["token_classification"].numpy()
        weights = task.weights(rows)["token_classification"].numpy()
        assert weights.tolist() == [1, 1, 1, 0]
        np.testing.assert_allclose(losses[:3], -np.log([0.7, 0.8, 0.6]), rtol=1e-6)

    def test_the_model_answers_at_first_pieces(self, task):
        columns = task.columns(table(record("ab c", "O B-x"), record("c", "I-x")))
        rows = pack(task.features(inputs_of(task, task.examples(columns))))
        model = task.build(tiny.backbone())
        logits = model(rows).numpy()
        assert logits.shape == (2, 2, 3)
        states = model.backbone(rows)["sequence_output"].numpy().reshape(-1, 21)
        own = states[rows["first_token"].numpy()[0] + 3]
        expected = own @ model.classifier.kernel.numpy() + model.classifier.bias.numpy()
        np.testing.assert_allclose(logits[0, 1], expected, atol=1e-5)
        names = {weight.path for weight in model.weights}
        assert any("pooler" in name for name in names)  # Built, but not of the folder.


class TestAnswers:
    @pytest.fixture
    def answered(self, task):
        columns = task.columns(
            table(record("ab c abc", "B-x I-x O"), record("a \u200b c", "O I-x B-x"))
        )
        examples = task.examples(columns)
        outputs = [
            np.log([[1, 8, 1], [1, 1, 8], [6, 2, 2]]),
            np.log([[5, 4, 1], [1, 8, 1], [9, 9, 9]]),
        ]
        return columns, task.collect(columns, examples, outputs)

    def test_entities_with_their_places(self, task, answered):
        columns, answers = answered
        first, second = task.predict(answers, columns)
        (entity,) = first["entities"]
        assert entity == {
            "start": 0,
            "end": 4,
            "type": "x",
            "text": "ab c",
            "score": pytest.approx(0.8),
        }
        assert [e["text"] for e in second["entities"]] == ["c"]

    def test_scores(self, task, answered):
        scores = task.score(*answered)
        # Of three true entities (a lone I- is one) two are found.
        assert scores["precision"] == 1.0
        assert scores["recall"] == pytest.approx(2 / 3)
        assert scores["f1"] == pytest.approx(0.8)
        assert scores["accuracy"] == pytest.approx(5 / 6)
        surprises = -np.log([0.8, 0.8, 0.6, 0.5, 0.8])
        assert scores["loss"] == pytest.approx(surprises.mean())
        assert scores["per_type"]["x"]["support"] == 3

    def test_counts_add_up_to_f1(self, task, answered):
        counts = task.counts(*answered)
        assert len(counts) == len(answered[0]["text"])
        right, given, true = counts.sum(axis=0)
        assert (right, given, true) == (2, 2, 3)

    def test_a_text_without_words(self, task):
        columns = task.columns(table({"text": "", "words": []}, record("c")))
        examples = task.examples(columns)
        answers = task.collect(columns, examples, [np.zeros([1, 3]), np.zeros([1, 3])])
        assert task.predict(answers, columns)[0] == {"entities": []}
