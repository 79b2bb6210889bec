"""One number for a text or a pair of texts, such as the similarity from 0 to 5 in STS-B.

The model returns the raw number, and the loss is its squared error, as in Hugging Face's
BertForSequenceClassification with one output.

Shapes: N records, B examples of a batch.
"""

import numpy as np

from bert_tf.data.records.faults import Faults
from bert_tf.data.records.labels import parse_number
from bert_tf.ground import lazy
from bert_tf.models.labels import describe_labels
from bert_tf.tasks.base import Task
from bert_tf.tasks.options import TextOptions
from bert_tf.tasks.texts import example_weights, is_labelled, text_columns

ops = lazy("keras.ops")
stats = lazy("scipy.stats")
finetuning = lazy("bert_tf.models.finetuning")


class Regression(Task):
    """A single text or a pair, one number."""

    name = "regression"
    label_type = float
    problem_type = "regression"
    metric = "pearson"  # GLUE ranks STS-B by it; unlike mse, higher is better.
    soft = "square"
    Options = TextOptions

    @classmethod
    def read_options(cls, options):
        return {"number_labels": True}

    @classmethod
    def learn(cls, tokenizer, table, options):
        """Checks that the numbers differ.

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
        return cls(tokenizer, options)

    def describe(self):
        # transformers counts the labels to find the number of outputs.
        return describe_labels(["LABEL_0"]) | {"problem_type": self.problem_type}

    def columns(self, table):
        """Returns `text` [N], `text_pair` [N] of pairs, and `label`, float32 [N], if labelled.

        Raises:
            ValueError: a label that is not a number; names file and line.
        """
        columns = text_columns(table)
        if is_labelled(table):
            columns["label"] = np.array(read_numbers(table), dtype=np.float32)
        return columns

    def build(self, backbone):
        return finetuning.Classifier(backbone, 1)

    def weights(self, rows):
        return {"regression": example_weights(rows)}

    def losses(self, rows, outputs):
        return {"regression": ops.square(outputs["logits"][:, 0] - rows["label"])}

    def label_blindly(self, record):
        return record | {"label": "0"}

    def predict(self, outputs, columns):
        """Returns {"score": number} of each record.

        Args:
            outputs: dict with `logits`, float [N, 1].
        """
        return [{"score": score} for score in outputs["logits"][:, 0].tolist()]

    def score(self, columns, outputs):
        """Compares `logits`, float [N, 1], with the labels.

        Returns:
            dict with the correlations `pearson` and `spearman` (of ranks), from -1 to 1,
            0 if either side is constant; `mse`, the mean squared error; and `loss`,
            which is the same.
        """
        truth = columns["label"].astype(np.float64)
        predicted = outputs["logits"][:, 0].astype(np.float64)
        mse = float(np.mean(np.square(predicted - truth)))
        return {
            "pearson": correlation(stats.pearsonr, truth, predicted),
            "spearman": correlation(stats.spearmanr, truth, predicted),
            "mse": mse,
            "loss": mse,
        }


def read_numbers(table):
    """Returns the labels of a table as numbers; an error names file and lines."""
    faults = Faults(table.path, table.unit)
    labels = [record["label"] for record in table.records]
    numbers, _ = faults.read(parse_number, labels, table.lines)
    faults.settle(len(numbers))
    return numbers


def correlation(function, truth, predicted):
    """Returns a correlation of scipy.stats, 0 if either side is constant."""
    if np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(function(truth, predicted).statistic)
