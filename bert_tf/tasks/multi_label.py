"""Several labels, or none, for a text or a pair of texts: a yes or a no for each label.

Shapes: N records, B examples of a batch, C labels.
"""

import dataclasses

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.labels import class_scores, in_order, label_ids
from bert_tf.tasks.options import TextOptions, option, remembered
from bert_tf.tasks.probabilities import sigmoid
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns

keras = lazy("keras")
ops = lazy("keras.ops")
finetuning = lazy("bert_tf.models.finetuning")


class MultiLabel(Task):
    """A single text or a pair, any number of labels out of several.

    Args:
        tokenizer, options, labels: as of `Task`.
        threshold: lowest probability at which a label is predicted. None until an
            evaluation has tuned it; predictions use 0.5 until then.
    """

    name = "multi_label"
    label_type = list
    problem_type = "multi_label_classification"
    metric = "micro_f1"
    has_labels = True
    soft = "sigmoid"

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        label_separator: str = option(
            "",
            "What separates the labels of a record, such as |. Empty: detect it.",
        )

    def __init__(self, tokenizer, options=None, *, labels, threshold=None):
        super().__init__(tokenizer, options, labels=labels)
        self.threshold = threshold

    @classmethod
    def read_options(cls, options):
        separator = options.get("label_separator") or None
        return {"many_labels": True, "label_separator": separator}

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Takes the labels that occur, or those that have a column each.

        Raises:
            ValueError: no record has a label.
        """
        names = {label for record in table.records for label in record["label"]}
        if not names:
            raise ValueError(
                f"{table.path}: no record has any label. Is the label column the right "
                f"one ({table.columns['label']!r})?"
            )
        columns = table.columns["label"]
        if isinstance(columns, tuple):
            labels = [str(column) for column in columns]
        else:
            labels = in_order(names)
        return cls(tokenizer, options, labels=labels)

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = super().restore(tokenizer, config, settings)
        task.threshold = remembered(settings, "threshold", float, 0.5)
        return task

    def settings(self, scores):
        """Adds the threshold that the evaluation of the folder's weights tuned."""
        threshold = scores.get("eval_threshold", 0.5)
        return super().settings(scores) | {"threshold": threshold}

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `label`, uint8 [N, C], if labelled.

        Raises:
            ValueError: a label that the model does not know; names file and line.
        """
        columns = text_columns(table)
        if is_labelled(table):
            names = [record["label"] for record in table.records]
            columns["label"] = np.zeros([len(names), len(self.labels)], np.uint8)
            for row, ids in zip(columns["label"], label_ids(table, names, self.labels)):
                row[ids] = 1
        return columns

    def build(self, backbone):
        return finetuning.Classifier(backbone, len(self.labels))

    def weights(self, rows):
        return {"multi_label": example_weights(rows)}

    def losses(self, rows, outputs):
        """Binary cross-entropy, the mean over labels."""
        truth = ops.cast(rows["label"], "float32")
        return {
            "multi_label": keras.losses.binary_crossentropy(
                truth, outputs["logits"], from_logits=True
            )
        }

    def label_blindly(self, record):
        return record | {"label": []}

    def predict(self, outputs, columns):
        """Returns `labels` and `scores`, {label: probability}, of each record.

        Args:
            outputs: dict with `logits`, float [N, C].
        """
        threshold = 0.5 if self.threshold is None else self.threshold
        return [
            {
                "labels": [
                    name for name, yes in zip(self.labels, row >= threshold) if yes
                ],
                "scores": dict(zip(self.labels, row.tolist())),
            }
            for row in _probabilities(outputs)
        ]

    def counts(self, columns, outputs):
        """Returns int [N, 3]: labels predicted rightly, predicted, and true."""
        truth, predicted, _ = self._decide(columns, outputs)
        sides = (truth & predicted, predicted, truth)
        return np.stack([side.sum(axis=1) for side in sides], axis=1)

    def _decide(self, columns, outputs):
        """Returns true and predicted labels, bool [N, C], and the threshold."""
        truth = columns["label"].astype(bool)
        probabilities = _probabilities(outputs)
        threshold = self.threshold
        if threshold is None:
            threshold = tune_threshold(truth, probabilities)
        return truth, probabilities >= threshold, threshold

    def as_rows(self, predictions):
        """Gives the probability of each label a column of its own."""
        return [
            {name: x for name, x in row.items() if name != "scores"}
            | {f"score_{label}": x for label, x in row["scores"].items()}
            for row in predictions
        ]

    def score(self, columns, outputs):
        """Compares `logits`, float [N, C], with the labels.

        A task without a threshold uses the best one for these records, so its scores
        are those of a threshold tuned on the same records. A task restored from a model
        folder keeps the folder's threshold.

        Returns:
            dict with `micro_f1`, over all decisions; `macro_f1`, the mean over labels (0
            for one that neither occurs nor is predicted); `threshold`; `loss`, the mean
            binary cross-entropy in nats; and `per_class`, {label: precision, recall,
            f1, support}.
        """
        truth, predicted, threshold = self._decide(columns, outputs)
        counts = [marks.sum(axis=0) for marks in (truth & predicted, predicted, truth)]
        per_class = class_scores(self.labels, *counts)
        right, given, true = (int(count.sum()) for count in counts)
        logits = outputs["logits"].astype(np.float64)
        f1_scores = [scores["f1"] for scores in per_class.values()]
        return {
            "micro_f1": 2 * right / max(given + true, 1),
            "macro_f1": float(np.mean(f1_scores)),
            "threshold": threshold,
            "loss": float(np.mean(np.logaddexp(0, np.where(truth, -logits, logits)))),
            "per_class": per_class,
        }


def tune_threshold(truth, probabilities):
    """Returns the threshold with the best micro F1.

    Among equally good thresholds it is the nearest to 0.5. It lies halfway between two
    probabilities that occur, so that rounding of the last digits cannot change it.

    Args:
        truth: bool, of any shape.
        probabilities: float of the same shape, in [0, 1].
    """
    probabilities = np.ravel(probabilities)
    order = np.argsort(-probabilities, kind="stable")
    descending = np.concatenate([probabilities[order], [0.0]])
    right = np.cumsum(np.ravel(truth)[order])
    # The first 1, 2, … predicted: F1 = 2 right / (predicted + true).
    scores = 2 * right / (np.arange(1, len(order) + 1) + right[-1])
    scores[
        descending[:-1] == descending[1:]
    ] = -1.0  # No threshold splits equal values.
    middles = (descending[:-1] + descending[1:]) / 2
    best = np.flatnonzero(scores == scores.max())
    if right[-1] == 0:
        return 0.5
    return float(middles[best[np.argmin(np.abs(middles[best] - 0.5))]])


def _probabilities(outputs):
    return sigmoid(outputs["logits"].astype(np.float64))
