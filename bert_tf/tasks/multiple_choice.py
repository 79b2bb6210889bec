"""One of several choices for a text (Devlin et al., 2019, 4.4).

Shapes: N questions, B of a batch, C choices of one.
"""

import numpy as np

from bert_tf.data.records.choices import read_choice_lines, read_choices
from bert_tf.ground import lazy
from bert_tf.tasks.base import Task
from bert_tf.tasks.classification import cross_entropy
from bert_tf.tasks.options import TextOptions
from bert_tf.tasks.probabilities import softmax
from bert_tf.tasks.texts import example_weights
from bert_tf.tokenization.arrays import operations

keras = lazy("keras")
finetuning = lazy("bert_tf.models.finetuning")


class MultipleChoice(Task):
    """Each choice is a pair with the text; the pair with the highest number wins."""

    name = "multiple_choice"
    architecture = "BertForMultipleChoice"
    pipeline = "multiple-choice"
    metric = "accuracy"
    soft = "softmax"
    card_record = '{"question": "…", "choices": ["…", "…"]}'
    Options = TextOptions
    read = staticmethod(read_choices)
    read_lines = staticmethod(read_choice_lines)

    def columns(self, table):
        """Returns `text` [N], `choices` [N, C] and, if labelled, `label`, int32 [N]."""
        columns = {
            name: np.array([record[name] for record in table.records], dtype=object)
            for name in ("text", "choices")
        }
        if "label" in table.records[0]:
            labels = [record["label"] for record in table.records]
            columns["label"] = np.array(labels, np.int32)
        return columns

    def features(self, columns):
        """Frames B·C pairs; `choices`, int32 [B, C], are those of each question."""
        choices = columns["choices"]
        xp = operations(choices)
        flat, shape = xp.reshape(choices, [-1]), xp.shape(choices)
        example = super().features(
            {
                "text": xp.repeat(columns["text"], shape[1]),
                "text_pair": flat,
            }
        )
        numbers = xp.range(xp.size(flat), dtype=xp.int32)
        example["choices"] = xp.reshape(numbers, shape)
        if "label" in columns:
            example["label"] = columns["label"]
        return example

    def build(self, backbone):
        return finetuning.ChoiceScorer(backbone)

    def weights(self, rows):
        return {self.name: example_weights(rows)}

    def losses(self, rows, outputs):
        return {
            self.name: keras.losses.sparse_categorical_crossentropy(
                rows["label"], outputs["logits"], from_logits=True
            )
        }

    def label_blindly(self, record):
        return record | {"label": 0}

    def predict(self, outputs, columns):
        """Returns `choice`, its text, and `scores`, the probabilities in order.

        Args:
            outputs: dict with `logits`, float [N, C].
            columns: as `columns` returns them.
        """
        probabilities = softmax(outputs["logits"].astype(np.float64))
        return [
            {"choice": choices[int(np.argmax(row))], "scores": row.tolist()}
            for choices, row in zip(columns["choices"], probabilities)
        ]

    def as_rows(self, predictions):
        """Adds `score`, the probability of the choice."""
        return [row | {"score": max(row["scores"])} for row in predictions]

    def hits(self, columns, outputs):
        """Returns float [N]: 1 for a right prediction, else 0."""
        predicted = np.argmax(outputs["logits"], axis=-1)
        return (columns["label"] == predicted).astype(float)

    def score(self, columns, outputs):
        """Returns `accuracy` and `loss`, the mean cross-entropy in nats."""
        return {
            "accuracy": float(self.hits(columns, outputs).mean()),
            "loss": cross_entropy(outputs["logits"], columns["label"]),
        }
