"""What a model in training computes: its scores, and whether its outputs are finite."""

import numpy as np

from bert_tf.predictor import show_progress
from bert_tf.training import engine
from bert_tf.training.divergence import NotFinite


class Outputs:
    """The outputs of a model for the evaluation data; without these, for the training data.

    Args:
        job: `session.Job`.
        model: Keras model of its task.
        training: `TrainConfig`.
        train_examples: what `Task.examples` returns of the training data.
    """

    def __init__(self, job, model, training, train_examples):
        self._job, self._task, self._model = job, job.task, model
        self._examples = train_examples
        if job.evaluation is not None:
            self._examples = job.task.examples(job.evaluation)
        # Made once: a data set traces its functions again each time it is made.
        self._rows = job.task.evaluation_rows(
            self._examples, batch_size=training.per_device_eval_batch_size
        )
        task, evaluation = self._task, engine.part("evaluation")
        if task.sums_batches:
            self._add_up = evaluation.make_summer(
                model, lambda rows, outputs: task.measure(rows, task.named(outputs))
            )
        else:
            self._predict = evaluation.make_predictor(model, task.infer)

    def evaluate(self):
        """Returns {name: value}, the scores on the evaluation data.

        Raises:
            NotFinite: an output is infinite or NaN.
        """
        self._task.complete(self._model)
        columns = self._job.evaluation
        outputs = self._compute(show_progress)
        if not self._task.sums_batches:
            outputs = self._task.collect(columns, self._examples, outputs)
        scores = self._task.score(columns, outputs)
        self._job.on_scores(scores)
        return scores

    def probe(self):
        """Computes a single batch; raises `NotFinite` as `evaluate` does."""
        self._compute(lambda batches: batches[:1])

    def _compute(self, progress):
        """Returns the outputs of all examples, or their sums, checked."""
        if self._task.sums_batches:
            outputs = self._add_up(self._rows, progress)
        else:
            count = self._task.count(self._examples)
            outputs = self._predict(self._rows, count, progress)
        _check(outputs)
        return outputs


def _check(outputs):
    """Checks {name: array or float}; an array of objects holds arrays of any shapes."""
    for name, values in outputs.items():
        is_ragged = getattr(values, "dtype", None) == object
        for part in values if is_ragged else [values]:
            if not np.isfinite(part).all():
                raise NotFinite(f"the model computes infinite or NaN {name}")
