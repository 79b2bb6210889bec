"""Answers in contexts: windows, loss, spans and scores, worked by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.tasks import TASKS, inputs_of, task_of
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tokenization import BertTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh?", "##a", "##b"]
ID = {piece: number for number, piece in enumerate(VOCAB)}
CLS, SEP = 2, 3


def record(question, context, *answers):
    found = [{"text": text, "start": start} for text, start in answers]
    return {"id": question, "question": question, "context": context, "answers": found}


def table(*records):
    return Table("a.json", list(records), list(range(1, 99)), {}, "", "question")


def make(max_seq_length=20, **options):
    return QuestionAnswering(
        BertTokenizer(VOCAB), max_seq_length=max_seq_length, **options
    )


def logits(length, begin, end):
    """Nearly sure of one begin and one end."""
    found = np.zeros([length, 2])
    found[begin, 0] = found[end, 1] = 20.0
    return found


def test_is_a_task_and_known_by_its_class():
    assert TASKS["question_answering"] is QuestionAnswering
    config = BertConfig(extra={"architectures": ["BertForQuestionAnswering"]})
    assert task_of(config, {}) == "question_answering"


class TestLearning:
    def test_unanswerable_if_any_question_is(self):
        options = {"max_seq_length": 20, "doc_stride": 4, "max_answer_length": 5}
        answered, not_answered = record("a ?", "b c", ("c", 2)), record("a ?", "b c")
        for records, expected in (
            ([answered], False),
            ([answered, not_answered], True),
        ):
            task = QuestionAnswering.learn(
                BertTokenizer(VOCAB), table(*records), **options
            )
            assert task.unanswerable is expected
        with pytest.raises(ValueError, match="no answer stands in its context"):
            QuestionAnswering.learn(
                BertTokenizer(VOCAB), table(record("a", "b", ("c", None))), **options
            )

    def test_the_folder_remembers(self):
        task = make(unanswerable=True, doc_stride=4)
        kept = task.settings({"eval_null_threshold": 1.5})
        again = QuestionAnswering.restore(
            task.tokenizer, BertConfig(), kept, max_seq_length=20
        )
        assert again.null_threshold == 1.5
        assert (again.unanswerable, again.doc_stride) == (True, 4)


class TestExamples:
    def test_question_context_and_places(self):
        task = make()
        columns = task.columns(table(record("a ?", "b cab d", ("cab d", 2))))
        examples = task.examples(columns)
        # [CLS] a ? [SEP] b c ##a ##b d [SEP]
        assert examples["label"].tolist() == [[5, 8]]
        framed = task.features(inputs_of(task, examples))
        ids = framed["input_ids"].to_list()[0]
        assert [VOCAB[n] for n in ids[5:9]] == ["c", "##a", "##b", "d"]
        assert framed["places"].numpy().tolist() == [list(range(10))]

    def test_an_answer_within_a_word_takes_the_whole_pieces(self):
        task = make()
        columns = task.columns(table(record("a", "b cab", ("b", 4))))
        assert task.examples(columns)["label"].tolist() == [[6, 6]]  # ##b

    def test_windows_of_a_long_context(self):
        task = make(max_seq_length=11, doc_stride=4)  # 6 of a context, after "a ?".
        columns = task.columns(
            table(record("a ?", "a b c d e f g h a b", ("g h", 12)), record("a", "b"))
        )
        examples = task.examples(columns)
        assert examples["record"].tolist() == [0, 0, 0, 1]
        seconds = examples["second"].to_list()
        assert ["".join(VOCAB[n] for n in s) for s in seconds] == [
            "abcdef",
            "defgha",
            "ghab",
            "b",
        ]
        # Of "g h": not in the first, then at 3 and at 0 of the windows.
        assert examples["label"].tolist() == [[0, 0], [7, 8], [4, 5], [0, 0]]

    def test_long_questions_are_cut(self):
        task = make(max_seq_length=13)
        columns = task.columns(table(record("a b c d e f g h", "b c")))
        examples = task.examples(columns)
        assert examples["first"].row_lengths().numpy().tolist() == [5]


class TestLoss:
    def test_is_the_mean_of_begin_and_end_over_own_tokens(self):
        task = make()
        columns = task.columns(
            table(record("a", "b", ("b", 0)), record("a", "b c d", ("d", 4)))
        )
        rows = pack(task.features(inputs_of(task, task.examples(columns))))
        model = task.build(tiny.backbone())
        found = model(rows).numpy()
        assert found.shape == (2, 7, 2)
        losses = task.losses(rows, tf.constant(found))["question_answering"].numpy()
        assert task.weights(rows)["question_answering"].numpy().tolist() == [1, 1]
        for number, (length, begin, end) in enumerate([(5, 3, 3), (7, 5, 5)]):
            own = found[number, :length].astype(np.float64)
            logs = own - np.log(np.exp(own).sum(axis=0))
            expected = -(logs[begin, 0] + logs[end, 1]) / 2
            assert losses[number] == pytest.approx(expected, abs=1e-5)


class TestAnswers:
    def test_is_a_part_of_the_context(self):
        task = make()
        context = "B cab  D"
        columns = task.columns(table(record("a ?", context, ("cab  D", 2))))
        examples = task.examples(columns)
        answers = task.collect(columns, examples, [logits(12, 5, 8)])
        (found,) = task.predict(answers, columns)
        assert found == {
            "answer": "cab  D",
            "start": 2,
            "end": 8,
            "score": pytest.approx(1.0, abs=1e-6),
        }
        assert task.score(columns, answers) == {"exact_match": 1.0, "f1": 1.0}

    def test_several_and_their_probabilities(self):
        task = make(top_k=2)
        columns = task.columns(table(record("a", "b c", ("b", 0))))
        # [CLS] a [SEP] b c [SEP]
        begin, end = np.array([1, 1, 1, 5, 1, 1]), np.array([1, 1, 1, 2, 4, 1])
        outputs = [np.log(np.stack([begin, end], axis=1))]
        answers = task.collect(columns, task.examples(columns), outputs)
        (found,) = task.predict(answers, columns)
        assert [a["answer"] for a in found["n_best"]] == ["b c", "b"]
        assert found["n_best"][0]["score"] == pytest.approx(0.5 * 0.4)

    def test_of_equals_the_first_answers(self):
        """As in the graph that serves: words may be repeated, in windows alike."""
        task = make(top_k=3)
        columns = task.columns(table(record("a", "b c", ("b", 0))))
        answers = task.collect(columns, task.examples(columns), [np.zeros([6, 2])])
        (found,) = task.predict(answers, columns)
        assert [a["answer"] for a in found["n_best"]] == ["b", "b c", "c"]

    def test_neither_too_long_nor_backwards_nor_of_the_question(self):
        task = make(max_answer_length=2, top_k=99)
        columns = task.columns(table(record("a", "b c d", ("b", 0))))
        answers = task.collect(columns, task.examples(columns), [logits(7, 1, 1)])
        (found,) = task.predict(answers, columns)
        texts = {answer["answer"] for answer in found["n_best"]}
        assert texts == {"b", "c", "d", "b c", "c d"}

    def test_the_window_with_most_context_answers(self):
        task = make(max_seq_length=11, doc_stride=4)
        columns = task.columns(table(record("a ?", "a b c d e f g h a b", ("g h", 12))))
        examples = task.examples(columns)
        # The first owns abcde, the second fgh, the third the rest. "f" at the edge of
        # the first window, and "g h" in the third, are others' to answer.
        outputs = [logits(11, 9, 9), logits(11, 7, 8), logits(9, 4, 5)]
        answers = task.collect(columns, examples, outputs)
        (found,) = task.predict(answers, columns)
        assert (found["answer"], found["start"], found["end"]) == ("g h", 12, 15)

    def test_none_where_it_is_likelier(self):
        columns, both = None, []
        for threshold in (None, 50.0):
            task = make(unanswerable=True, null_threshold=threshold)
            columns = task.columns(table(record("a", "b c")))
            answers = task.collect(columns, task.examples(columns), [logits(6, 0, 0)])
            both += task.predict(answers, columns)
        assert both[0] == {
            "answer": "",
            "start": 0,
            "end": 0,
            "score": pytest.approx(1),
        }
        assert both[1]["answer"]

    def test_scores_with_questions_without_an_answer(self):
        task = make(unanswerable=True)
        columns = task.columns(
            table(
                record("a", "b c", ("b c", 0)),
                record("b", "b c", ("b", 0)),
                record("c", "b c"),
                record("d", "b c"),
            )
        )
        outputs = [
            logits(6, 3, 4),
            logits(6, 3, 4),  # Half right.
            logits(6, 0, 0),
            logits(6, 4, 4),  # Wrong: sure of an answer.
        ]
        answers = task.collect(columns, task.examples(columns), outputs)
        scores = task.score(columns, answers)
        assert scores["exact_match"] == pytest.approx(2 / 4)
        assert scores["f1"] == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
        assert scores["has_answer_exact_match"] == 0.5
        assert scores["has_answer_f1"] == pytest.approx(5 / 6)
        assert scores["no_answer_accuracy"] == 0.5
        hits = task.hits(columns, answers)
        assert hits == pytest.approx([1, 2 / 3, 1, 0])
        kept = make(unanswerable=True, null_threshold=scores["null_threshold"])
        assert kept.score(columns, answers) == scores
