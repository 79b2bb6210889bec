"""The answer to a question as a span of its context (Devlin et al., 2019, 4.2 and 4.3).

Shapes: N questions, W windows of their contexts, B windows of a batch, L tokens of a
window with its question, K the most of a batch.
"""

import dataclasses

import numpy as np

from bert_tf.data.records.squad import read_question_lines, read_questions
from bert_tf.ground import at_least, lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.metrics.squad import judge_answers, score_answers
from bert_tf.tasks.options import WindowOptions, option, remembered
from bert_tf.tasks.probabilities import log_softmax
from bert_tf.tasks.question_windows import SPECIAL_TOKENS, cut_questions
from bert_tf.tasks.spans import N_BEST, best_spans, gain_of_none
from bert_tf.tasks.texts import example_weights, object_columns, objects
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import frame

keras = lazy("keras")
finetuning = lazy("bert_tf.models.finetuning")

NO_TOKEN = -1  # Padding of `places`.


class QuestionAnswering(Task):
    """Where the answer begins and where it ends; [CLS] for both if there is none.

    Args:
        tokenizer, options: as of `Task`.
        unanswerable: whether a question may have no answer (SQuAD 2.0).
        null_threshold: in nats: by how much "no answer" must be more probable than the
            best answer to be predicted; None until an evaluation has tuned it.
    """

    name = "question_answering"
    architecture = "BertForQuestionAnswering"
    pipeline = "question-answering"
    metric = "f1"
    soft = "softmax"
    card_record = '{"question": "…", "context": "…"}'
    example_inputs = ("first", "second", "label")
    cuts_records = True
    read = staticmethod(read_questions)
    read_lines = staticmethod(read_question_lines)

    @dataclasses.dataclass(frozen=True)
    class Options(WindowOptions):
        doc_stride: int = option(
            128, "Tokens that two windows of a context share, at most half a window."
        )
        max_answer_length: int = option(30, "Longest answer in tokens.")
        top_k: int = option(
            1,
            "Answers for each question; above 1 they are in n_best.",
            use="prediction",
        )

        def __post_init__(self):
            super().__post_init__()
            for name in ("doc_stride", "max_answer_length", "top_k"):
                at_least(self, name, 1)

    def __init__(
        self, tokenizer, options=None, *, unanswerable=False, null_threshold=None
    ):
        super().__init__(tokenizer, options)
        self.unanswerable = unanswerable
        self.null_threshold = null_threshold

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Finds out whether a question may have no answer.

        Raises:
            ValueError: no answer is at its place in its context.
        """
        if not any(a["start"] is not None for r in table.records for a in r["answers"]):
            raise ValueError(
                f"{table.path}: no answer is found in its context, so there is nothing "
                "to learn. Does answer_start count characters, from 0?"
            )
        unanswerable = any(not record["answers"] for record in table.records)
        return cls(tokenizer, options, unanswerable=unanswerable)

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = super().restore(tokenizer, config, settings)
        task.unanswerable = remembered(settings, "unanswerable", bool, False)
        task.null_threshold = remembered(settings, "null_threshold", float, None)
        return task

    def settings(self, scores):
        """Adds the threshold that the evaluation of the folder's weights tuned."""
        threshold = scores.get("eval_null_threshold", self.null_threshold)
        return super().settings(scores) | {
            "unanswerable": self.unanswerable,
            "null_threshold": threshold,
        }

    def columns(self, table):
        """Returns `id`, `question`, `context` and, if labelled, `answers`, objects [N]."""
        return object_columns(table, ("id", "question", "context", "answers"))

    def examples(self, columns):
        """Cuts contexts into windows, see `cut_questions`."""
        return cut_questions(self, columns)

    def features(self, columns):
        """Frames question and window; `places`, int32 [B, K], are all of its tokens."""
        example = frame(
            columns["first"],
            columns["second"],
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.options.max_seq_length,
        )
        xp = operations(example["input_ids"])
        lengths = xp.cast(example["input_ids"].row_lengths(), xp.int32)
        example["places"] = xp.ragged.range(lengths).to_tensor(NO_TOKEN)
        if "label" in columns:
            example["label"] = columns["label"]
        return example

    def build(self, backbone):
        return finetuning.SpanPredictor(backbone)

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, outputs):
        """The mean of two cross-entropies over the tokens of a window: begin and end."""
        begins, ends = (
            keras.losses.sparse_categorical_crossentropy(
                rows["label"][:, side], outputs[name], from_logits=True
            )
            for side, name in enumerate(("start_logits", "end_logits"))
        )
        return {self.name: (begins + ends) / 2}

    def soft_outputs(self, rows, outputs):
        return {self.name: [outputs["start_logits"], outputs["end_logits"]]}

    def label_blindly(self, record):
        return record | {"answers": []}

    def collect(self, columns, examples, outputs):
        """Finds the best spans of each question in all windows of its context.

        Args:
            outputs: dict with `start_logits` and `end_logits`, for each window float32
                [K or more].

        Returns:
            dict with `spans`, objects [N]: [(log-probability, start, end), …], the best
            first, in characters of the context; and `null`, float64 [N]: the
            log-probability that there is no answer, the lowest of all windows, as
            published. If the examples have labels also `losses`, objects [N]: those of
            the windows, in nats, as `losses` defines them.
        """
        spans = [[] for _ in columns["question"]]
        null = np.full(len(spans), np.inf)
        losses = [[] for _ in spans] if "label" in examples else None
        lengths = np.asarray(examples["first"].row_lengths())
        for number, record in enumerate(examples["record"]):
            places = examples["spans"][number]
            own = lengths[number] + SPECIAL_TOKENS + len(places)
            sides = [
                outputs[f"{side}_logits"][number][:own] for side in ("start", "end")
            ]
            logs = log_softmax(np.array(sides, np.float64))  # [2, own]
            null[record] = min(null[record], float(logs[:, 0].sum()))
            if losses:
                label = examples["label"][number]
                losses[record].append(-float(logs[[0, 1], label].mean()))
            begin = lengths[number] + 2
            spans[record] += best_spans(
                places,
                logs[:, begin : own - 1],
                examples["own"][number] - examples["begin"][number],
                self.options.max_answer_length,
            )
        # Windows that overlap give equal spans twice; the first of equals counts.
        best = [dict.fromkeys(sorted(s, key=lambda s: (-s[0], s[1:]))) for s in spans]
        collected = {"spans": objects([list(s)[:N_BEST] for s in best]), "null": null}
        return collected | ({"losses": objects(losses)} if losses else {})

    def predict(self, outputs, columns):
        """Returns `answer`, `start`, `end` and `score` for each question.

        The answer is context[start:end], "" if there is none. The score is its
        probability. With `top_k` above 1, `n_best` has as many answers.

        Args:
            outputs, columns: as `collect` and `columns` return them.
        """
        return [
            self._predict(context, spans, null)
            for context, spans, null in zip(
                columns["context"], outputs["spans"], outputs["null"].tolist()
            )
        ]

    def _predict(self, context, spans, null):
        answers = [
            {
                "answer": context[start:end],
                "start": start,
                "end": end,
                "score": float(np.exp(log)),
            }
            for log, start, end in spans
        ]
        threshold = self.null_threshold or 0.0
        if not spans or (self.unanswerable and gain_of_none(spans, null) > threshold):
            score = float(np.exp(null))
            answers.insert(0, {"answer": "", "start": 0, "end": 0, "score": score})
        prediction = dict(answers[0])
        if self.options.top_k > 1:
            prediction["n_best"] = answers[: self.options.top_k]
        return prediction

    def hits(self, columns, outputs):
        """Returns float [N]: the F1 of each answer."""
        return judge_answers(*self._compare(columns, outputs))[1]

    def score(self, columns, outputs):
        """Exact match and F1 as SQuAD's script has them, but as fractions.

        If questions may have no answer, the threshold is the one with the best scores
        for these questions, unless the task has one already.

        Returns:
            dict with `exact_match` and `f1`; if some questions have no answer also
            `has_answer_exact_match`, `has_answer_f1`, `no_answer_accuracy` and
            `null_threshold`; and `loss`, in nats, the mean over windows.
        """
        return {
            **score_answers(*self._compare(columns, outputs)),
            "loss": float(np.mean(np.concatenate(outputs["losses"]))),
        }

    def _compare(self, columns, outputs):
        """Returns the arguments of `judge_answers`."""
        truths = [
            [answer["text"] for answer in answers] or [""]
            for answers in columns["answers"]
        ]
        best = [
            context[slice(*spans[0][1:])] if spans else ""
            for context, spans in zip(columns["context"], outputs["spans"])
        ]
        gains = None
        if self.unanswerable or [""] in truths:
            gains = np.array(list(map(gain_of_none, outputs["spans"], outputs["null"])))
        return truths, best, gains, self.null_threshold
