"""One number for a text or a pair of texts, such as STS-B's likeness from 0 to 5.

The model gives the raw number, and the loss is its squared error, as in Hugging Face's
BertForSequenceClassification with one output.

Shapes: N records, B examples of a batch.
"""

import math

import numpy as np
from keras import ops
from scipy import stats

from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.rows.long_texts import check_long_text
from bert_tf.ground import quote
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks.labels import describe_labels
from bert_tf.tasks.texts import (
    example_weights,
    frame_texts,
    has_labels,
    text_columns,
)


class Regression:
    """Single sentence or pair, one number.

    Args:
        tokenizer: `BertTokenizer`.
        max_seq_length: pieces of an example, special ones included.
        long_text: what happens to the rest: "truncate", "head_tail" or "windows", see
            `frame_long`.
    """

    name = "regression"
    architecture = "BertForSequenceClassification"
    problem_type = "regression"
    pipeline = "text-classification"
    metric = "pearson"  # As GLUE ranks STS-B; unlike mse, more of it is better.
    read = staticmethod(read_table)
    read_lines = staticmethod(read_texts)
    options = ("long_text",)

    def __init__(self, tokenizer, *, max_seq_length, long_text=""):
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.long_text = check_long_text(long_text)

    @classmethod
    def learn(cls, tokenizer, table, *, max_seq_length, long_text=""):
        """There is nothing to learn, but for whether there is something to learn.

        Raises:
            ValueError: all records have the same number.
        """
        if len(set(read_numbers(table))) < 2:
            label = table.records[0]["label"]
            raise ValueError(
                f"{table.path}: every record has the number {label!r}; there is "
                "nothing to learn. Is the label column the right one "
                f"({table.columns['label']!r})?"
            )
        return cls(tokenizer, max_seq_length=max_seq_length, long_text=long_text)

    @classmethod
    def restore(cls, tokenizer, config, settings, *, max_seq_length):
        long_text = settings.get("long_text", "")
        return cls(tokenizer, max_seq_length=max_seq_length, long_text=long_text)

    def describe(self):
        # transformers counts these to know the number of outputs.
        return describe_labels(["LABEL_0"]) | {"problem_type": self.problem_type}

    def settings(self, scores):
        return {"long_text": self.long_text}

    def columns(self, table):
        """Returns `text` [N], perhaps `text_pair` [N], perhaps `label`, float32 [N].

        Raises:
            ValueError: a label that is no number; names file and line.
        """
        columns = text_columns(table)
        if has_labels(table):
            columns["label"] = np.array(read_numbers(table), dtype=np.float32)
        return columns

    def features(self, columns):
        """Turns string tensors [B] into framed pieces; the label goes along."""
        return frame_texts(columns, self.tokenizer, self.max_seq_length, self.long_text)

    def build(self, backbone):
        return Classifier(backbone, 1)

    def weights(self, rows):
        return {"regression": example_weights(rows)}

    def losses(self, rows, outputs):
        return {"regression": ops.square(outputs[:, 0] - rows["label"])}

    def predict(self, outputs, columns=None):
        """Returns {"score": number} for each of float [N, 1]."""
        return [{"score": score} for score in outputs[:, 0].tolist()]

    def score(self, columns, outputs):
        """Compares outputs, float [N, 1], with the labels.

        Returns:
            dict with the correlations `pearson` and `spearman` (of ranks), from -1 to
            1, and 0 where either side is constant; `mse`, mean squared error; and
            `loss`, which is the same.
        """
        truth = columns["label"].astype(np.float64)
        answers = outputs[:, 0].astype(np.float64)
        mse = float(np.mean(np.square(answers - truth)))
        return {
            "pearson": correlation(stats.pearsonr, truth, answers),
            "spearman": correlation(stats.spearmanr, truth, answers),
            "mse": mse,
            "loss": mse,
        }


def read_numbers(table):
    """Returns the labels of a table as numbers; an error names file and line."""
    return [
        _number(table.where(number), record["label"])
        for number, record in enumerate(table.records)
    ]


def _number(where, text):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"{where}: the label must be a number, for regression; received "
            f"{quote(text)}."
        )
    return number


def correlation(function, truth, answers):
    """A correlation of scipy.stats, 0 where either side is constant."""
    if np.ptp(truth) == 0 or np.ptp(answers) == 0:
        return 0.0
    return float(function(truth, answers).statistic)
