"""One label for a text or a pair of texts (Devlin et al., 2019, 4.1).

Shapes: N records, B examples of a batch, C labels.
"""

import collections

import keras
import numpy as np
from keras import ops
from sklearn import metrics

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks.labels import (
    class_scores,
    describe_labels,
    in_order,
    parse_weights,
    refuse_unknown,
    restore_labels,
)
from bert_tf.tasks.texts import (
    example_weights,
    frame_texts,
    has_labels,
    text_columns,
)


class Classification:
    """Single sentence or pair, one label out of several.

    Args:
        tokenizer: `BertTokenizer`.
        labels: names in the order of their ids.
        max_seq_length: pieces of an example, special ones included.
        long_text: what happens to the rest: "truncate", "head_tail" or "windows", see
            `frame_long`.
        class_weights: of each label in the training loss; 1 where None.
        label_smoothing: share of the target that is spread evenly over all labels, in
            [0, 1) (Szegedy et al., 2016, 7); of the training loss alone.
    """

    name = "classification"
    architecture = "BertForSequenceClassification"
    problem_type = "single_label_classification"
    pipeline = "text-classification"
    metric = "accuracy"
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)
    options = ("long_text", "class_weights", "label_smoothing")

    def __init__(
        self,
        tokenizer,
        labels,
        *,
        max_seq_length,
        long_text="",
        class_weights=None,
        label_smoothing=0.0,
    ):
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1); received {label_smoothing}."
            )
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)
        self.class_weights = np.ones(len(self.labels), np.float32)
        if class_weights is not None:
            self.class_weights = np.asarray(class_weights, np.float32)
        self.label_smoothing = label_smoothing

    @classmethod
    def learn(
        cls,
        tokenizer,
        table,
        *,
        max_seq_length,
        long_text="",
        class_weights="",
        label_smoothing=0.0,
    ):
        """Takes the labels that occur, numbers in their order, words in the alphabet's.

        Args:
            class_weights: "", "balanced" or "label=2.5,label=1".

        Raises:
            ValueError: all records have the same label; an option is wrong.
        """
        found = collections.Counter(record["label"] for record in table.records)
        if len(found) < 2:
            raise ValueError(
                f"{table.path}: every record has the label {next(iter(found))!r}; a "
                "classifier needs at least two. Is the label column the right one "
                f"({table.columns['label']!r})?"
            )
        labels = in_order(found)
        return cls(
            tokenizer,
            labels,
            max_seq_length=max_seq_length,
            long_text=long_text,
            class_weights=parse_weights(
                class_weights, labels, [found[label] for label in labels]
            ),
            label_smoothing=label_smoothing,
        )

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        """Takes the labels that config.json names (`id2label`)."""
        return cls(
            tokenizer,
            restore_labels(config),
            max_seq_length=max_seq_length,
            long_text=settings.get("long_text", ""),
        )

    def describe(self):
        return describe_labels(self.labels) | {"problem_type": self.problem_type}

    def settings(self, scores):
        return {"long_text": self.long_text}

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], perhaps `label`, int32 [N].

        Raises:
            ValueError: a label that the model does not know; names file and line.
        """
        columns = text_columns(table)
        if has_labels(table):
            ids = {name: number for number, name in enumerate(self.labels)}
            for number, record in enumerate(table.records):
                if record["label"] not in ids:
                    refuse_unknown(table.where(number), record["label"], self.labels)
            columns["label"] = np.array(
                [ids[record["label"]] for record in table.records], dtype=np.int32
            )
        return columns

    def features(self, columns):
        """Turns string tensors [B] into framed pieces; the label goes along."""
        return frame_texts(columns, self.tokenizer, self.max_seq_length, self.long_text)

    def build(self, backbone):
        return Classifier(backbone, len(self.labels))

    def weights(self, rows):
        own = ops.take(self.class_weights, rows["label"])
        return {"classification": own * example_weights(rows)}

    def losses(self, rows, logits):
        """Cross-entropy, as torch.nn.CrossEntropyLoss(weight, label_smoothing) has it.

        What is smoothed over the labels has their weights, but the sum is divided by
        the weights of the true labels alone; so each loss, which the caller multiplies
        by the weight of its label, is divided by it here.
        """
        losses = keras.losses.sparse_categorical_crossentropy(
            rows["label"], logits, from_logits=True
        )
        if self.label_smoothing:
            surprises = -ops.log_softmax(logits, axis=-1)  # [B, C]
            spread = ops.mean(surprises * self.class_weights, axis=-1)
            own = ops.take(self.class_weights, rows["label"])
            share = self.label_smoothing
            losses = (1 - share) * losses + share * spread / own
        return {"classification": losses}

    def predict(self, logits, columns=None):
        """Returns for each of float [N, C] a `label` and `scores`, {label: probability}."""
        probabilities = np.exp(log_softmax(logits))
        return [
            {
                "label": self.labels[int(np.argmax(row))],
                "scores": dict(zip(self.labels, row.tolist())),
            }
            for row in probabilities
        ]

    def hits(self, columns, logits):
        """Returns float [N], 1 where the answer is right; their mean is `metric`."""
        return (columns["label"] == np.argmax(logits, axis=-1)).astype(float)

    def score(self, columns, logits):
        """Compares logits, float [N, C], with the labels; see scikit-learn's metrics.

        Returns:
            dict with `accuracy`, `macro_f1` (over labels that occur or are answered),
            `mcc` (Matthews, 1975), `loss` (mean, in nats, without class weights and
            smoothing), all fractions or plain numbers; `per_class`, {label: precision,
            recall, f1, support}; and `confusion_matrix`, a row for each true label.
        """
        truth, answers = columns["label"], np.argmax(logits, axis=-1)
        confusion = metrics.confusion_matrix(
            truth, answers, labels=range(len(self.labels))
        )
        return {
            "accuracy": float(np.mean(truth == answers)),
            "macro_f1": float(
                metrics.f1_score(truth, answers, average="macro", zero_division=0)
            ),
            "mcc": float(metrics.matthews_corrcoef(truth, answers)),
            "loss": float(-np.mean(log_softmax(logits)[np.arange(len(truth)), truth])),
            "per_class": class_scores(
                self.labels, confusion.diagonal(), confusion.sum(0), confusion.sum(1)
            ),
            "confusion_matrix": confusion.tolist(),
        }


def log_softmax(logits):
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
