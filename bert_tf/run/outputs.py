"""What a model in training computes: its scores, and whether its outputs are finite."""

import numpy as np

from bert_tf.predictor import show_progress
from bert_tf.training.divergence import NotFinite
from bert_tf.training.tensorflow.evaluation import make_predictor, make_summer


class Outputs:
    """The outputs of a model for the evaluation data; without these, for the training data.

    Args:
        job: `session.Job`.
        model: Keras model of its task.
        training: `TrainConfig`.
        train_examples: what `Task.examples` returns of the training data.
    """

    def __init__(self, job, model, training, train_examples):
        self._job, self._model, self._task = job, model, job.task
        self._examples = train_examples
        if job.evaluation is not None:
            self._examples = job.task.examples(job.evaluation)
        # Made once: a data set traces its functions again each time it is made.
        self._rows = job.task.evaluation_rows(
            self._examples, batch_size=training.per_device_eval_batch_size
        )
        if job.task.sums_batches:
            self._add_up = make_summer(self._compute, job.task.measure)
        else:
            self._predict = make_predictor(self._compute)

    def _compute(self, rows, training):
        return self._task.named(self._model(rows, training=training))

    def evaluate(self):
        """Returns {name: value}, the scores on the evaluation data.

        Raises:
            NotFinite: an output is infinite or NaN.
        """
        task, columns, examples = self._task, self._job.evaluation, self._examples
        if task.sums_batches:
            outputs = self._add_up(self._rows, show_progress)
            _check(outputs)
        else:
            outputs = self._predict(self._rows, task.count(examples), show_progress)
            _check(outputs)
            outputs = task.collect(columns, examples, outputs)
        scores = task.score(columns, outputs)
        self._job.on_scores(scores)
        return scores

    def probe(self):
        """Computes a single batch; raises `NotFinite` as `evaluate` does."""
        rows = next(iter(self._rows))
        outputs = self._compute(rows, training=False)
        _check({name: value.numpy() for name, value in outputs.items()})


def _check(outputs):
    """Checks {name: array or float}; an array of objects holds arrays of any shapes."""
    for name, values in outputs.items():
        is_ragged = getattr(values, "dtype", None) == object
        for part in values if is_ragged else [values]:
            if not np.isfinite(part).all():
                raise NotFinite(f"the model computes infinite or NaN {name}")
