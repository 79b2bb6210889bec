"""Several labels, or none, for a text or a pair of texts: each is a yes or a no.

Shapes: N records, B examples of a batch, C labels.
"""

import keras
import numpy as np
from keras import ops
from scipy import special

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks.labels import (
    class_scores,
    describe_labels,
    in_order,
    refuse_unknown,
    restore_labels,
)
from bert_tf.tasks.texts import (
    example_weights,
    frame_texts,
    has_labels,
    text_columns,
)


class MultiLabel:
    """Single sentence or pair, any number of labels out of several.

    Args:
        tokenizer: `BertTokenizer`.
        labels: names in the order of their ids.
        max_seq_length: pieces of an example, special ones included.
        long_text: what happens to the rest: "truncate", "head_tail" or "windows", see
            `frame_long`.
        threshold: probability from which on a label is given; None until an evaluation
            has chosen it, and 0.5 for answers until then.
    """

    name = "multi_label"
    architecture = "BertForSequenceClassification"
    problem_type = "multi_label_classification"
    pipeline = "text-classification"
    metric = "micro_f1"
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)
    options = ("long_text", "label_separator")

    def __init__(
        self, tokenizer, labels, *, max_seq_length, long_text="", threshold=None
    ):
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)
        self.threshold = threshold

    @classmethod
    def read_options(cls, options):
        separator = options.get("label_separator") or None
        return {"many_labels": True, "label_separator": separator}

    @classmethod
    def learn(
        cls, tokenizer, table, *, max_seq_length, long_text="", label_separator=""
    ):
        """Takes the labels that occur, or those that have a column each.

        Args:
            label_separator: what the table was read with.

        Raises:
            ValueError: no record has a label.
        """
        found = {label for record in table.records for label in record["label"]}
        if not found:
            raise ValueError(
                f"{table.path}: no record has any label. Is the label column the right "
                f"one ({table.columns['label']!r})?"
            )
        columns = table.columns["label"]
        if isinstance(columns, tuple):
            labels = [str(column) for column in columns]
        else:
            labels = in_order(found)
        return cls(
            tokenizer, labels, max_seq_length=max_seq_length, long_text=long_text
        )

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        """Takes the labels of config.json, and the threshold chosen in training."""
        return cls(
            tokenizer,
            restore_labels(config),
            max_seq_length=max_seq_length,
            long_text=settings.get("long_text", ""),
            threshold=settings.get("threshold", 0.5),
        )

    def describe(self):
        return describe_labels(self.labels) | {"problem_type": self.problem_type}

    def settings(self, scores):
        """What a folder remembers; the threshold is that of an evaluation's scores."""
        return {
            "threshold": scores.get("eval_threshold", 0.5),
            "long_text": self.long_text,
        }

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], perhaps `label`, uint8 [N, C].

        Raises:
            ValueError: a label that the model does not know; names file and line.
        """
        columns = text_columns(table)
        if has_labels(table):
            ids = {name: number for number, name in enumerate(self.labels)}
            marks = np.zeros([len(table.records), len(ids)], np.uint8)
            for number, record in enumerate(table.records):
                for label in record["label"]:
                    if label not in ids:
                        refuse_unknown(table.where(number), label, self.labels)
                    marks[number, ids[label]] = 1
            columns["label"] = marks
        return columns

    def features(self, columns):
        """Turns string tensors [B] into framed pieces; the labels go along."""
        return frame_texts(columns, self.tokenizer, self.max_seq_length, self.long_text)

    def build(self, backbone):
        return Classifier(backbone, len(self.labels))

    def weights(self, rows):
        return {"multi_label": example_weights(rows)}

    def losses(self, rows, logits):
        truth = ops.cast(rows["label"], "float32")
        return {  # The mean over labels.
            "multi_label": keras.losses.binary_crossentropy(
                truth, logits, from_logits=True
            )
        }

    def predict(self, logits, columns=None):
        """Returns for each of float [N, C] `labels` and `scores`, {label: probability}."""
        probabilities = _probabilities(logits)
        threshold = 0.5 if self.threshold is None else self.threshold
        return [
            {
                "labels": [
                    name for name, yes in zip(self.labels, row >= threshold) if yes
                ],
                "scores": dict(zip(self.labels, row.tolist())),
            }
            for row in probabilities
        ]

    def counts(self, columns, logits):
        """Returns int [N, 3], of each text right, answered and true labels: of F1."""
        truth, answers, _ = self._decide(columns, logits)
        sides = (truth & answers, answers, truth)
        return np.stack([side.sum(axis=1) for side in sides], axis=1)

    def _decide(self, columns, logits):
        """Returns the true labels and those given, bool [N, C], and the threshold."""
        truth = columns["label"].astype(bool)
        probabilities = _probabilities(logits)
        threshold = self.threshold
        if threshold is None:
            threshold = tune_threshold(truth, probabilities)
        return truth, probabilities >= threshold, threshold

    def score(self, columns, logits):
        """Compares logits, float [N, C], with the labels.

        A task without a threshold takes the best for these data, so that the scores
        are those of a threshold tuned on the very data; one that a folder remembers
        keeps its own.

        Returns:
            dict with `micro_f1` (over all decisions), `macro_f1` (mean over labels; 0
            for one that neither occurs nor is answered),
            `threshold`, `loss` (binary cross-entropy, mean, in nats) and `per_class`,
            {label: precision, recall, f1, support}.
        """
        truth, answers, threshold = self._decide(columns, logits)
        counts = [marks.sum(axis=0) for marks in (truth & answers, answers, truth)]
        per_class = class_scores(self.labels, *counts)
        right, answered, true = (int(count.sum()) for count in counts)
        logits = np.asarray(logits, dtype=np.float64)
        return {
            "micro_f1": 2 * right / max(answered + true, 1),
            "macro_f1": float(np.mean([of["f1"] for of in per_class.values()])),
            "threshold": threshold,
            "loss": float(np.mean(np.logaddexp(0, np.where(truth, -logits, logits)))),
            "per_class": per_class,
        }


def tune_threshold(truth, probabilities):
    """Returns the probability from which on a yes gives the best micro F1.

    Of equally good ones it is the nearest to 0.5; it lies in the middle between two
    probabilities that occur, so that it does not hang on their last digits.

    Args:
        truth: bool [any shape].
        probabilities: float [the same], in [0, 1].
    """
    probabilities = np.ravel(probabilities)
    order = np.argsort(-probabilities, kind="stable")
    found = np.concatenate([probabilities[order], [0.0]])  # Falling.
    right = np.cumsum(np.ravel(truth)[order])
    # With the first 1, 2, … as yes: F1 = 2 right / (yes + true).
    scores = 2 * right / (np.arange(1, len(order) + 1) + right[-1])
    scores[found[:-1] == found[1:]] = -1.0  # No threshold parts equals.
    middles = (found[:-1] + found[1:]) / 2
    best = np.flatnonzero(scores == scores.max())
    if right[-1] == 0:
        return 0.5
    return float(middles[best[np.argmin(np.abs(middles[best] - 0.5))]])


def _probabilities(logits):
    return special.expit(np.asarray(logits, dtype=np.float64))
