"""Answers as spans of contexts: windows, loss, spans and scores, worked by hand."""

import numpy as np
import pytest
import tiny

from bert_tf.config import BertConfig
from bert_tf.data.records.tables import Table
from bert_tf.data.rows.packing import pack
from bert_tf.tasks import TASKS, task_of
from bert_tf.tasks.question_answering import QuestionAnswering
from bert_tf.tokenization import BertTokenizer

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh?", "##a", "##b"]
ID = {piece: number for number, piece in enumerate(VOCAB)}
CLS, SEP = 2, 3


def record(question, context, *answers):
    answers = [{"text": text, "start": start} for text, start in answers]
    fields = {"id": question, "question": question, "context": context}
    return fields | {"answers": answers}


def table(*records):
    return Table("a.json", list(records), list(range(1, 99)), {}, "", "question")


def make(max_seq_length=20, unanswerable=False, null_threshold=None, **options):
    return QuestionAnswering(
        BertTokenizer(VOCAB),
        QuestionAnswering.Options(max_seq_length=max_seq_length, **options),
        unanswerable=unanswerable,
        null_threshold=null_threshold,
    )


def logits(length, begin, end):
    """Returns logits [length, 2] that give nearly all probability to one span."""
    sides = np.zeros([length, 2])
    sides[begin, 0] = sides[end, 1] = 20.0
    return sides


def outputs(*windows):
    """Returns outputs of the model by name, from [tokens, 2] of each window."""
    return {
        "start_logits": [window[:, 0] for window in windows],
        "end_logits": [window[:, 1] for window in windows],
    }


def test_the_class_in_config_json_tells_the_task():
    assert TASKS["question_answering"] is QuestionAnswering
    config = BertConfig(extra={"architectures": ["BertForQuestionAnswering"]})
    assert task_of(config, {}) == "question_answering"


class TestLearning:
    def test_unanswerable_if_any_question_is(self):
        options = QuestionAnswering.Options(
            max_seq_length=20, doc_stride=4, max_answer_length=5
        )
        answered, not_answered = record("a ?", "b c", ("c", 2)), record("a ?", "b c")
        for records, expected in (
            ([answered], False),
            ([answered, not_answered], True),
        ):
            task = QuestionAnswering.learn(
                BertTokenizer(VOCAB), table(*records), options
            )
            assert task.unanswerable is expected
        with pytest.raises(ValueError, match="no answer is found in its context"):
            QuestionAnswering.learn(
                BertTokenizer(VOCAB), table(record("a", "b", ("c", None))), options
            )

    def test_a_folder_remembers_the_options(self):
        task = make(unanswerable=True, doc_stride=4)
        settings = task.settings({"eval_null_threshold": 1.5})
        restored = QuestionAnswering.restore(task.tokenizer, BertConfig(), settings)
        assert restored.null_threshold == 1.5
        assert (restored.unanswerable, restored.options.doc_stride) == (True, 4)
        assert restored.options == task.options
        assert "top_k" not in settings  # Only predictions take it.

    @pytest.mark.parametrize("name", ["doc_stride", "max_answer_length", "top_k"])
    def test_an_option_below_1_is_an_error(self, name):
        with pytest.raises(ValueError, match=f"{name} must be at least 1; received 0"):
            make(**{name: 0})


class TestExamples:
    def test_question_context_and_places(self):
        task = make()
        columns = task.columns(table(record("a ?", "b cab d", ("cab d", 2))))
        examples = task.examples(columns)
        # [CLS] a ? [SEP] b c ##a ##b d [SEP]
        assert examples["label"].tolist() == [[5, 8]]
        framed = task.features(task.inputs(examples))
        ids = framed["input_ids"].to_list()[0]
        assert [VOCAB[n] for n in ids[5:9]] == ["c", "##a", "##b", "d"]
        assert framed["places"].numpy().tolist() == [list(range(10))]

    def test_a_label_covers_all_tokens_that_an_answer_touches(self):
        task = make()
        columns = task.columns(table(record("a", "b cab", ("b", 4))))
        assert task.examples(columns)["label"].tolist() == [[6, 6]]  # ##b

    def test_windows_of_a_long_context(self):
        task = make(
            max_seq_length=11, doc_stride=4
        )  # 6 tokens of context beside "a ?".
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
        # "g h" is not in the first window, and at tokens 3 and 0 of the next two.
        assert examples["label"].tolist() == [[0, 0], [7, 8], [4, 5], [0, 0]]

    def test_long_questions_are_cut(self):
        task = make(max_seq_length=13)
        columns = task.columns(table(record("a b c d e f g h", "b c")))
        examples = task.examples(columns)
        assert examples["first"].row_lengths().numpy().tolist() == [5]


class TestLoss:
    def test_is_the_mean_of_begin_and_end_over_the_tokens_of_the_window(self):
        task = make()
        columns = task.columns(
            table(record("a", "b", ("b", 0)), record("a", "b c d", ("d", 4)))
        )
        rows = pack(task.features(task.inputs(task.examples(columns))))
        model = task.build(tiny.backbone())
        named = model(rows)
        assert set(named) == {"start_logits", "end_logits"}
        sides = np.stack([named["start_logits"], named["end_logits"]], axis=2)
        assert sides.shape == (2, 7, 2)
        losses = task.losses(rows, named)["question_answering"].numpy()
        assert task.weights(rows)["question_answering"].numpy().tolist() == [1, 1]
        for number, (length, begin, end) in enumerate([(5, 3, 3), (7, 5, 5)]):
            own = sides[number, :length].astype(np.float64)
            logs = own - np.log(np.exp(own).sum(axis=0))
            expected = -(logs[begin, 0] + logs[end, 1]) / 2
            assert losses[number] == pytest.approx(expected, abs=1e-5)

    def test_of_an_evaluation_is_that_of_training(self):
        task = make(max_seq_length=11, doc_stride=4)
        columns = task.columns(
            table(record("a ?", "a b c d e f g h a b", ("g h", 12)), record("a", "b"))
        )
        examples = task.examples(columns)
        rows = pack(task.features(task.inputs(examples)))
        named = task.build(tiny.backbone())(rows)
        losses = task.losses(rows, named)["question_answering"].numpy()
        assert losses.shape == (4,)  # Three windows, and one.
        windows = {side: list(logits.numpy()) for side, logits in named.items()}
        scores = task.score(columns, task.collect(columns, examples, windows))
        assert scores["loss"] == pytest.approx(losses.mean(), abs=1e-6)


class TestPredictions:
    def test_is_a_part_of_the_context(self):
        task = make()
        context = "B cab  D"
        columns = task.columns(table(record("a ?", context, ("cab  D", 2))))
        examples = task.examples(columns)
        collected = task.collect(columns, examples, outputs(logits(12, 5, 8)))
        (prediction,) = task.predict(collected, columns)
        assert prediction == {
            "answer": "cab  D",
            "start": 2,
            "end": 8,
            "score": pytest.approx(1.0, abs=1e-6),
        }
        assert task.score(columns, collected) == {
            "exact_match": 1.0,
            "f1": 1.0,
            "loss": pytest.approx(0, abs=1e-6),
        }

    def test_several_and_their_probabilities(self):
        task = make(top_k=2)
        columns = task.columns(table(record("a", "b c", ("b", 0))))
        # [CLS] a [SEP] b c [SEP]
        begin, end = np.array([1, 1, 1, 5, 1, 1]), np.array([1, 1, 1, 2, 4, 1])
        window = np.log(np.stack([begin, end], axis=1))
        collected = task.collect(columns, task.examples(columns), outputs(window))
        (prediction,) = task.predict(collected, columns)
        assert [a["answer"] for a in prediction["n_best"]] == ["b c", "b"]
        assert prediction["n_best"][0]["score"] == pytest.approx(0.5 * 0.4)

    def test_of_equally_probable_spans_the_first_is_predicted(self):
        """Served models do the same; equal spans occur where words are repeated."""
        task = make(top_k=3)
        columns = task.columns(table(record("a", "b c", ("b", 0))))
        window = np.zeros([6, 2])
        collected = task.collect(columns, task.examples(columns), outputs(window))
        (prediction,) = task.predict(collected, columns)
        assert [a["answer"] for a in prediction["n_best"]] == ["b", "b c", "c"]

    def test_no_span_is_too_long_or_backwards_or_of_the_question(self):
        task = make(max_answer_length=2, top_k=99)
        columns = task.columns(table(record("a", "b c d", ("b", 0))))
        window = logits(7, 1, 1)
        collected = task.collect(columns, task.examples(columns), outputs(window))
        (prediction,) = task.predict(collected, columns)
        texts = {answer["answer"] for answer in prediction["n_best"]}
        assert texts == {"b", "c", "d", "b c", "c d"}

    def test_a_span_comes_from_the_window_with_most_context(self):
        task = make(max_seq_length=11, doc_stride=4)
        columns = task.columns(table(record("a ?", "a b c d e f g h a b", ("g h", 12))))
        examples = task.examples(columns)
        # The first window owns abcde, the second fgh, the third the rest. So neither "f"
        # of the first window nor "g h" of the third is predicted.
        windows = outputs(logits(11, 9, 9), logits(11, 7, 8), logits(9, 4, 5))
        (found,) = task.predict(task.collect(columns, examples, windows), columns)
        assert (found["answer"], found["start"], found["end"]) == ("g h", 12, 15)

    def test_no_answer_if_that_is_more_probable(self):
        both = []
        for threshold in (None, 50.0):
            task = make(unanswerable=True, null_threshold=threshold)
            columns = task.columns(table(record("a", "b c")))
            window = logits(6, 0, 0)
            collected = task.collect(columns, task.examples(columns), outputs(window))
            both += task.predict(collected, columns)
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
        windows = outputs(
            logits(6, 3, 4),
            logits(6, 3, 4),  # Half right.
            logits(6, 0, 0),
            logits(6, 4, 4),  # Wrong: there is no answer.
        )
        collected = task.collect(columns, task.examples(columns), windows)
        scores = task.score(columns, collected)
        assert scores["exact_match"] == pytest.approx(2 / 4)
        assert scores["f1"] == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
        assert scores["has_answer_exact_match"] == 0.5
        assert scores["has_answer_f1"] == pytest.approx(5 / 6)
        assert scores["no_answer_accuracy"] == 0.5
        hits = task.hits(columns, collected)
        assert hits == pytest.approx([1, 2 / 3, 1, 0])
        tuned = make(unanswerable=True, null_threshold=scores["null_threshold"])
        assert tuned.score(columns, collected) == scores
