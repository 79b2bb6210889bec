"""Few-shot training: an encoder from pairs of examples, a classifier from their embeddings.

SetFit (Tunstall et al., 2022, "Efficient Few-Shot Learning Without Prompts"). Embeddings of
examples with the same label become alike, those of others unlike; then a logistic regression
learns the labels from the embeddings.
"""

import collections
import logging

import numpy as np

from bert_tf.ground import count, lazy
from bert_tf.tasks import find_task
from bert_tf.tasks.contrast import pair_examples
from bert_tf.tasks.similarity import Similarity
from bert_tf.tasks.wrapper import TaskWrapper
from bert_tf.training import engine

linear_model = lazy("sklearn.linear_model")

TRAINING = {"num_train_epochs": 1.0}  # Of `TrainConfig`, where nothing else is given.
_MOST = 5_000  # Examples; all pairs of them are in memory.

_log = logging.getLogger(__name__)


def check(config):
    """Refuses settings of a `FinetuneConfig` that few-shot training does not have.

    Raises:
        ValueError: the task has not one label for each text; another setting excludes it.
    """
    if not config.few_shot:
        return
    if find_task(config.task).label_type is not str:
        raise ValueError(
            "few_shot is for classification, because it compares texts of the same label; "
            f"received task={config.task}. Drop it."
        )
    if config.from_scratch:
        raise ValueError(
            "few_shot needs an encoder that is trained already, because a few examples "
            "teach a random one nothing; drop from_scratch."
        )
    for name in ("counterfactual_file", "reweigh_column"):
        if value := getattr(config, name):
            raise ValueError(
                f"few_shot trains on pairs of examples, for which {name}={value} has no "
                "meaning; drop one of them."
            )
    if smoothing := config.task_options.label_smoothing:
        raise ValueError(
            "few_shot learns the labels by logistic regression, which has no "
            f"label_smoothing; received {smoothing}. Drop it."
        )


def begin(start):
    """Completes a `finetuning.Start` so that pairs of examples train the encoder."""

    def prepare(task, table):
        _check_examples(table)
        columns = task.columns(table)
        task.read_embeddings()
        first, second, label = pair_examples(columns["label"])
        start.figures["train_pairs"] = len(label)
        _log.info(
            "few_shot: %s make %s, half of them of the same label.",
            count(len(table.records), "example"),
            count(len(label), "pair"),
        )
        text = columns["text"]
        pairs = {"text": text[first], "text_pair": text[second], "label": label}
        return FewShot(task, columns), pairs

    start.prepare = prepare
    return start


def _check_examples(table):
    """Raises a ValueError for records that pairs cannot be made of."""
    if "text_pair" in table.records[0]:
        raise ValueError(
            f"{table.path}: few_shot compares single texts, but the records are pairs of "
            "texts; drop few_shot."
        )
    if len(table.records) > _MOST:
        raise ValueError(
            f"{table.path}: few_shot compares all examples with each other, so there may "
            f"be {_MOST:,} of them; received {len(table.records):,}. Drop few_shot: so "
            "many examples train a classifier as well."
        )
    counts = collections.Counter(record["label"] for record in table.records)
    label, least = min(counts.items(), key=lambda item: item[1])
    if least < 2:
        raise ValueError(
            f"{table.path}: the label {label!r} has one example, but few_shot compares "
            "examples of the same label; give at least 2 of each (8 to 64 are usual)."
        )


class FewShot(TaskWrapper):
    """A classification whose encoder learns from pairs; what is not here is its own.

    Args:
        task: `Classification` that reads embeddings.
        columns: of its training records, as `Task.columns` returns them.
    """

    def __init__(self, task, columns):
        super().__init__(task)
        self._columns = columns
        options = task.options
        self._pairs = Similarity(
            task.tokenizer,
            Similarity.Options(
                max_seq_length=options.max_seq_length, long_text=options.long_text
            ),
        )

    # Training is that of embeddings.

    def training_rows(self, examples, **plan):
        return self._pairs.training_rows(examples, **plan)

    def weights(self, rows):
        return self._pairs.weights(rows)

    def losses(self, rows, outputs):
        return self._pairs.losses(rows, outputs)

    # The head is computed, not trained.

    def complete(self, model):
        """Fits the classifier to the embeddings of the training records."""
        labels = self._columns["label"]
        regression = linear_model.LogisticRegression(max_iter=1000)
        regression.fit(self._embed(model), labels, self.task.class_weights[labels])
        kernel, bias = regression.coef_, regression.intercept_
        if len(kernel) == 1:  # Of two labels, scikit-learn has the difference alone.
            kernel, bias = (np.concatenate([-x, x]) / 2 for x in (kernel, bias))
        model.classifier.kernel.assign(kernel.T.astype(np.float32))
        model.classifier.bias.assign(bias.astype(np.float32))

    def _embed(self, model):
        """Returns the embeddings of the training records, float32 [N, H]."""
        evaluation = engine.part("evaluation")
        predict = evaluation.make_predictor(
            model, lambda model, rows: {"embeddings": model.embed(rows)}
        )
        examples = self.task.examples(self._columns)
        rows = self.task.evaluation_rows(examples, batch_size=128)
        return predict(rows, self.task.count(examples))["embeddings"]

    def trained(self, model):
        """Returns the model with the classifier of its last weights."""
        self.complete(model)
        return model
