"""One label for a text or a pair of texts (Devlin et al., 2019, 4.1).

Shapes: N records, B examples of a batch, C labels.
"""

import collections
import dataclasses
import logging

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.labels import (
    class_scores,
    in_order,
    label_ids,
    parse_weights,
)
from bert_tf.tasks.options import TextOptions, option, remembered
from bert_tf.tasks.probabilities import log_softmax, softmax
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns

keras = lazy("keras")
ops = lazy("keras.ops")
metrics = lazy("sklearn.metrics")
finetuning = lazy("bert_tf.models.finetuning")
embedding = lazy("bert_tf.models.embedding_classifier")

_log = logging.getLogger(__name__)
_OF_EMBEDDINGS = "EmbeddingClassifier"  # The architecture.


class Classification(Task):
    """A single text or a pair, one label out of several.

    Args:
        tokenizer, options, labels: as of `Task`.
        class_weights: float [C], of each label in the training loss; 1 if None.

    Attributes:
        architecture: also "EmbeddingClassifier", after `read_embeddings`.
        temperature: logits are divided by it in predictions, so that probabilities are as
            high as predictions are right (Guo et al., 2017); 1 until it is fitted.
    """

    name = "classification"
    label_type = str
    problem_type = "single_label_classification"
    metric = "accuracy"
    has_labels = True
    soft = "softmax"

    @dataclasses.dataclass(frozen=True)
    class Options(TextOptions):
        class_weights: str = option(
            "",
            "Weights of labels: balanced, or label=2.5,label=1. Empty: all 1.",
        )
        label_smoothing: float = option(
            0.0,
            "Fraction of the target to spread over all labels, in [0, 1).",
        )
        abstain_below: float = option(
            0.0,
            "Predict no label, an empty one, if its probability is lower. 0: always one.",
            use="prediction",
        )

        def __post_init__(self):
            super().__post_init__()
            if not 0 <= self.label_smoothing < 1:
                raise ValueError(
                    "label_smoothing must be in [0, 1); received "
                    f"{self.label_smoothing}."
                )
            if not 0 <= self.abstain_below <= 1:
                raise ValueError(
                    f"abstain_below must be in [0, 1]; received {self.abstain_below}."
                )

    def __init__(self, tokenizer, options=None, *, labels, class_weights=None):
        super().__init__(tokenizer, options, labels=labels)
        self.class_weights = np.ones(len(self.labels), np.float32)
        if class_weights is not None:
            self.class_weights = np.asarray(class_weights, np.float32)
        self.temperature = 1.0

    def read_embeddings(self):
        """Lets the classifier read embeddings of texts, in the place of the first token."""
        self.architecture = _OF_EMBEDDINGS

    def inherit(self, folder, table):
        """Takes over that the folder's classifier reads embeddings."""
        if _OF_EMBEDDINGS in (folder.config.extra.get("architectures") or ()):
            self.read_embeddings()
            _log.info("the classifier reads the mean of all tokens, as in the folder.")

    @classmethod
    def restore(cls, tokenizer, config, settings):
        task = super().restore(tokenizer, config, settings)
        if _OF_EMBEDDINGS in (config.extra.get("architectures") or ()):
            task.read_embeddings()
        task.temperature = remembered(settings, "temperature", float, 1.0)
        return task

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Takes the labels that occur: numbers in their order, words alphabetically.

        Raises:
            ValueError: all records have the same label; an option is wrong.
        """
        counts = collections.Counter(record["label"] for record in table.records)
        if len(counts) < 2:
            raise ValueError(
                f"{table.path}: every record has the label {next(iter(counts))!r}; a "
                "classifier needs at least two. Is the label column the right one "
                f"({table.columns['label']!r})?"
            )
        labels = in_order(counts)
        weights = parse_weights(
            options.class_weights, labels, [counts[label] for label in labels]
        )
        return cls(tokenizer, options, labels=labels, class_weights=weights)

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `label`, int32 [N], if labelled.

        Raises:
            ValueError: a label that the model does not know; names file and line.
        """
        columns = text_columns(table)
        if is_labelled(table):
            names = [[record["label"]] for record in table.records]
            ids = [ids[0] for ids in label_ids(table, names, self.labels)]
            columns["label"] = np.array(ids, dtype=np.int32)
        return columns

    def build(self, backbone):
        if self.architecture == _OF_EMBEDDINGS:
            return embedding.EmbeddingClassifier(backbone, len(self.labels))
        return finetuning.Classifier(backbone, len(self.labels))

    def infer(self, model, rows):
        named = super().infer(model, rows)
        if self.temperature == 1.0:
            return named
        return named | {"logits": named["logits"] / self.temperature}

    def weights(self, rows):
        own = ops.take(self.class_weights, rows["label"])
        return {"classification": own * example_weights(rows)}

    def soft_weights(self, rows):
        return {"classification": example_weights(rows)}

    def losses(self, rows, outputs):
        """Cross-entropy, as torch.nn.CrossEntropyLoss(weight, label_smoothing) has it.

        The smoothed term sums over all labels with their weights, but the total divides
        by the weights of the true labels alone. The caller multiplies each loss by the
        weight of its label, so that term is divided by it here.
        """
        logits = outputs["logits"]
        losses = keras.losses.sparse_categorical_crossentropy(
            rows["label"], logits, from_logits=True
        )
        smoothing = self.options.label_smoothing
        if smoothing:
            surprises = -ops.log_softmax(logits, axis=-1)  # [B, C]
            spread = ops.mean(surprises * self.class_weights, axis=-1)
            own = ops.take(self.class_weights, rows["label"])
            losses = (1 - smoothing) * losses + smoothing * spread / own
        return {"classification": losses}

    def predict(self, outputs, columns):
        """Returns `label` and `scores`, {label: probability}, of each record.

        The label is "" where its probability is below `abstain_below`.

        Args:
            outputs: dict with `logits`, float [N, C].
        """
        probabilities = softmax(outputs["logits"].astype(np.float64))
        least = self.options.abstain_below
        return [
            {
                "label": self.labels[int(np.argmax(row))] if row.max() >= least else "",
                "scores": dict(zip(self.labels, row.tolist())),
            }
            for row in probabilities
        ]

    def as_rows(self, predictions):
        """Adds `score`, the probability of the label; each label's has its own column."""
        return [
            {name: x for name, x in row.items() if name != "scores"}
            | {"score": max(row["scores"].values())}
            | {f"score_{label}": x for label, x in row["scores"].items()}
            for row in predictions
        ]

    def hits(self, columns, outputs):
        """Returns float [N]: 1 for a right prediction, else 0."""
        predicted = np.argmax(outputs["logits"], axis=-1)
        return (columns["label"] == predicted).astype(float)

    def score(self, columns, outputs):
        """Compares logits, float [N, C], with the labels; see scikit-learn's metrics.

        Returns:
            dict with `accuracy`; `macro_f1`, over labels that occur or are predicted;
            `mcc` (Matthews, 1975); `loss`, the mean cross-entropy in nats, without class
            weights and smoothing; `per_class`, {label: precision, recall, f1,
            support}; and `confusion_matrix`, a row for each true label.
        """
        truth, predicted = columns["label"], np.argmax(outputs["logits"], axis=-1)
        confusion = metrics.confusion_matrix(
            truth, predicted, labels=range(len(self.labels))
        )
        return {
            "accuracy": float(np.mean(truth == predicted)),
            "macro_f1": float(
                metrics.f1_score(truth, predicted, average="macro", zero_division=0)
            ),
            "mcc": float(metrics.matthews_corrcoef(truth, predicted)),
            "loss": cross_entropy(outputs["logits"], truth),
            "per_class": class_scores(
                self.labels, confusion.diagonal(), confusion.sum(0), confusion.sum(1)
            ),
            "confusion_matrix": confusion.tolist(),
        }


def cross_entropy(logits, truth):
    """Returns the mean cross-entropy in nats of float [N, C] and int [N], a float."""
    logs = log_softmax(logits.astype(np.float64))
    return float(-np.mean(logs[np.arange(len(truth)), truth]))
