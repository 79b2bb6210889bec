"""The answer to a question as a span of its context (Devlin et al., 2019, 4.2 and 4.3).

Shapes: N questions, W windows of their contexts, B windows of a batch, L pieces of a
window with its question, K the most of a batch.
"""

import keras
import numpy as np
import tensorflow as tf

from bert_tf.data.records.squad import read_question_lines, read_questions
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.data.rows.packing import frame
from bert_tf.models.finetuning import SpanPredictor
from bert_tf.tasks.classification import log_softmax
from bert_tf.tasks.metrics.squad import judge_answers, score_answers
from bert_tf.tasks.question_windows import FRAME, cut_questions
from bert_tf.tasks.spans import N_BEST, best_spans, gain_of_none
from bert_tf.tasks.texts import example_weights, objects

NO_TOKEN = -1  # Where an example is shorter than others of its batch.


class QuestionAnswering:
    """Where the answer begins, and where it ends; [CLS] for both where there is none.

    Args:
        tokenizer: `BertTokenizer`.
        max_seq_length: pieces of question and window, special ones included.
        long_text: "windows" of a long context; or "truncate", only its beginning.
        doc_stride: pieces that two windows of a long context share; at most half of one.
        max_answer_length: pieces of an answer, at most.
        unanswerable: whether a question may have no answer (SQuAD 2.0).
        null_threshold: how much likelier than the best answer, in nats, none must be;
            None until it is tuned.
        top_k: answers given for each question.
    """

    name = "question_answering"
    architecture = "BertForQuestionAnswering"
    problem_type = None
    pipeline = "question-answering"
    metric = "f1"
    options = ("long_text", "doc_stride", "max_answer_length")
    asked = ("top_k",)
    inputs = ("first", "second", "label")
    read = staticmethod(read_questions)
    read_lines = staticmethod(read_question_lines)

    def __init__(
        self,
        tokenizer,
        *,
        max_seq_length,
        long_text="",
        doc_stride=128,
        max_answer_length=30,
        unanswerable=False,
        null_threshold=None,
        top_k=1,
    ):
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text, ("windows", "truncate"))
        self.doc_stride = doc_stride
        self.max_answer_length = max_answer_length
        self.unanswerable = unanswerable
        self.null_threshold = null_threshold
        self.top_k = top_k

    @classmethod
    def learn(
        cls,
        tokenizer,
        table,
        *,
        max_seq_length,
        doc_stride,
        max_answer_length,
        long_text="",
    ):
        """Takes from the data whether a question may have no answer.

        Raises:
            ValueError: no answer stands in its context; an option is wrong.
        """
        if not any(a["start"] is not None for r in table.records for a in r["answers"]):
            raise ValueError(
                f"{table.path}: no answer stands in its context, so there is nothing to "
                "learn. Does answer_start count characters, from 0?"
            )
        for name, value in (
            ("doc_stride", doc_stride),
            ("max_answer_length", max_answer_length),
        ):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; received {value}.")
        return cls(
            tokenizer,
            max_seq_length=max_seq_length,
            long_text=long_text,
            doc_stride=doc_stride,
            max_answer_length=max_answer_length,
            unanswerable=any(not record["answers"] for record in table.records),
        )

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        names = (
            "long_text",
            "doc_stride",
            "max_answer_length",
            "unanswerable",
            "null_threshold",
        )
        kept = {name: settings[name] for name in names if name in settings}
        top_k = settings.get("top_k") or 1
        return cls(tokenizer, max_seq_length=max_seq_length, top_k=top_k, **kept)

    def describe(self):
        return {}

    def settings(self, scores):
        """What a folder remembers; the threshold is that of the weights it holds."""
        return {
            "long_text": self.long_text,
            "doc_stride": self.doc_stride,
            "max_answer_length": self.max_answer_length,
            "unanswerable": self.unanswerable,
            "null_threshold": scores.get("eval_null_threshold", self.null_threshold),
        }

    def columns(self, table):
        """Returns `id`, `question`, `context` and perhaps `answers`, objects [N]."""
        return {
            name: objects([record[name] for record in table.records])
            for name in ("id", "question", "context", "answers")
            if name in table.records[0]
        }

    def examples(self, columns):
        """Returns the windows of the contexts, see `cut_questions`."""
        return cut_questions(self, columns)

    def features(self, columns):
        """Frames question and window; `places`, int32 [B, K], are all of its tokens."""
        example = frame(
            columns["first"],
            columns["second"],
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        places = tf.ragged.range(tf.cast(example["input_ids"].row_lengths(), tf.int32))
        example["places"] = places.to_tensor(NO_TOKEN)
        if "label" in columns:
            example["label"] = columns["label"]
        return example

    def build(self, backbone):
        return SpanPredictor(backbone)

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, logits):
        """The mean of two cross-entropies over the tokens of a window: begin and end."""
        begins, ends = (
            keras.losses.sparse_categorical_crossentropy(
                rows["label"][:, side], logits[:, :, side], from_logits=True
            )
            for side in range(2)
        )
        return {self.name: (begins + ends) / 2}

    def collect(self, columns, examples, outputs):
        """Returns for each question its best spans.

        Args:
            outputs: for each window logits, float32 [K, 2].

        Returns:
            objects [N]: dicts with `spans`, [(log-probability, start, end)], the best
            first, in characters of the context; and `null`, the log-probability that
            there is none, the least of all windows, as published.
        """
        found = [{"spans": [], "null": np.inf} for _ in columns["question"]]
        lengths = examples["first"].row_lengths().numpy()
        for number, record in enumerate(examples["record"]):
            spans = examples["spans"][number]
            own = lengths[number] + FRAME + len(spans)
            logs = log_softmax(outputs[number][:own].T)  # [2, own]
            answers = found[record]
            answers["null"] = min(answers["null"], float(logs[:, 0].sum()))
            begin = lengths[number] + 2
            answers["spans"] += best_spans(
                spans,
                logs[:, begin : own - 1],
                examples["own"][number] - examples["begin"][number],
                self.max_answer_length,
            )
        for answers in found:
            # Of equals, as repeated words are in windows alike, the first.
            best = dict.fromkeys(sorted(answers["spans"], key=lambda s: (-s[0], s[1:])))
            answers["spans"] = list(best)[:N_BEST]
        return objects(found)

    def predict(self, answers, columns):
        """Returns `answer`, `start`, `end` and `score` for each question.

        The answer is context[start:end]; "" where there is none. The score is its
        probability. With `top_k` above 1, `n_best` has as many of them.
        """
        found = []
        for context, answer in zip(columns["context"], answers):
            spans = [
                {
                    "answer": context[start:end],
                    "start": start,
                    "end": end,
                    "score": float(np.exp(log)),
                }
                for log, start, end in answer["spans"]
            ]
            none = {"answer": "", "start": 0, "end": 0}
            none["score"] = float(np.exp(answer["null"]))
            if self._says_none(answer):
                spans.insert(0, none)
            found.append(dict(spans[0]))
            if self.top_k > 1:
                found[-1]["n_best"] = spans[: self.top_k]
        return found

    def _says_none(self, answer):
        if not answer["spans"]:
            return True
        threshold = self.null_threshold or 0.0
        return self.unanswerable and gain_of_none(answer) > threshold

    def hits(self, columns, answers):
        """Returns float [N], the F1 of each answer; their mean is `metric`."""
        return judge_answers(*self._sides(columns, answers))[1]

    def score(self, columns, answers):
        """Exact match and F1, as SQuAD's script has them, but as fractions.

        Where questions may have no answer, the threshold for none is the best for these
        data, unless the task has one already.

        Returns:
            dict with `exact_match` and `f1`; where some questions have no answer
            `has_answer_exact_match`, `has_answer_f1`, `no_answer_accuracy` and
            `null_threshold`.
        """
        return score_answers(*self._sides(columns, answers))

    def _sides(self, columns, answers):
        """What `judge_answers` takes."""
        truths = [[a["text"] for a in some] or [""] for some in columns["answers"]]
        best = [
            context[slice(*answer["spans"][0][1:])] if answer["spans"] else ""
            for context, answer in zip(columns["context"], answers)
        ]
        gains = None
        if self.unanswerable or [""] in truths:
            gains = np.array([gain_of_none(answer) for answer in answers])
        return truths, best, gains, self.null_threshold
