"""One label for a text or a pair of texts (Devlin et al., 2019, 4.1).

Shapes: N records, B examples of a batch, C labels.
"""

import math

import keras
import numpy as np
from keras import ops
from sklearn import metrics

from bert_tf.data.packing import frame
from bert_tf.models.finetuning import Classifier


class Classification:
    """Single sentence or pair, one label out of several.

    Args:
        tokenizer: `BertTokenizer`.
        labels: names in the order of their ids.
        max_seq_length: pieces of an example, special ones included; the rest is cut.
    """

    name = "classification"
    architecture = "BertForSequenceClassification"
    metric = "accuracy"

    def __init__(self, tokenizer, labels, *, max_seq_length):
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.max_seq_length = max_seq_length

    @classmethod
    def learn(cls, tokenizer, table, *, max_seq_length):
        """Takes the labels that occur, numbers in their order, words in the alphabet's.

        Raises:
            ValueError: all records have the same label.
        """
        found = {record["label"] for record in table.records}
        if len(found) < 2:
            raise ValueError(
                f"{table.path}: every record has the label {found.pop()!r}; a "
                "classifier needs at least two. Is the label column the right one "
                f"({table.columns['label']!r})?"
            )
        return cls(tokenizer, sorted(found, key=_rank), max_seq_length=max_seq_length)

    @classmethod
    def restore(cls, tokenizer, config, *, max_seq_length):
        """Takes the labels that config.json names (`id2label`)."""
        names = config.extra.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
        labels = [names[key] for key in sorted(names, key=int)]
        return cls(tokenizer, labels, max_seq_length=max_seq_length)

    def describe(self):
        return {
            "id2label": {str(number): name for number, name in enumerate(self.labels)},
            "label2id": {name: number for number, name in enumerate(self.labels)},
            "problem_type": "single_label_classification",
        }

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], perhaps `label`, int32 [N].

        Raises:
            ValueError: a label that the model does not know; names file and line.
        """
        records = table.records
        columns = {
            name: np.array([record[name] for record in records], dtype=object)
            for name in ("text", "text_pair")
            if records and name in records[0]
        }
        if records and "label" in records[0]:
            ids = {name: number for number, name in enumerate(self.labels)}
            for record, line in zip(records, table.lines):
                if record["label"] not in ids:
                    raise ValueError(
                        f"{table.path}, line {line}: label {record['label']!r} is not "
                        f"one of the model's: {', '.join(map(repr, self.labels))}."
                    )
            columns["label"] = np.array(
                [ids[record["label"]] for record in records], dtype=np.int32
            )
        return columns

    def features(self, columns):
        """Turns string tensors [B] into framed pieces; the label goes along."""
        pair = columns.get("text_pair")
        example = frame(
            self.tokenizer.tokenize(columns["text"]),
            None if pair is None else self.tokenizer.tokenize(pair),
            cls_id=self.tokenizer.cls_id,
            sep_id=self.tokenizer.sep_id,
            max_seq_length=self.max_seq_length,
        )
        return example | {
            name: columns[name] for name in columns.keys() & {"label", "weight"}
        }

    def build(self, backbone):
        return Classifier(backbone, len(self.labels))

    def weights(self, rows):
        weight = rows.get("weight")
        if weight is None:
            weight = ops.ones_like(rows["label"], dtype="float32")
        return {"classification": weight}

    def losses(self, rows, logits):
        return {
            "classification": keras.losses.sparse_categorical_crossentropy(
                rows["label"], logits, from_logits=True
            )
        }

    def predict(self, logits):
        """Returns for each of float [N, C] a `label` and `scores`, {label: probability}."""
        probabilities = np.exp(_log_softmax(logits))
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
            `mcc` (Matthews, 1975), `loss` (mean, in nats), all fractions or plain
            numbers; `per_class`, {label: precision, recall, f1, support}; and
            `confusion_matrix`, a row for each true label.
        """
        truth, answers = columns["label"], np.argmax(logits, axis=-1)
        ids = range(len(self.labels))
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            truth, answers, labels=ids, zero_division=0
        )
        per_class = {
            label: {"precision": p, "recall": r, "f1": f, "support": int(s)}
            for label, p, r, f, s in zip(
                self.labels, *(x.tolist() for x in (precision, recall, f1, support))
            )
        }
        return {
            "accuracy": float(np.mean(truth == answers)),
            "macro_f1": float(
                metrics.f1_score(truth, answers, average="macro", zero_division=0)
            ),
            "mcc": float(metrics.matthews_corrcoef(truth, answers)),
            "loss": float(-np.mean(_log_softmax(logits)[np.arange(len(truth)), truth])),
            "per_class": per_class,
            "confusion_matrix": metrics.confusion_matrix(
                truth, answers, labels=ids
            ).tolist(),
        }


def _rank(label):
    """Sorts "2" before "10", and numbers before words."""
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # "nan" reads as a number that has no place in an order: a word, then.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)


def _log_softmax(logits):
    logits = np.asarray(logits, dtype=np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
