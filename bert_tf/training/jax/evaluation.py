"""The outputs of a model for a whole stream of rows, in the order of the examples, or as sums."""

import jax
import keras

from bert_tf.data.rows.fixed_shapes import round_up_rows
from bert_tf.training.collecting import Collector
from bert_tf.training.jax.compilations import counts


def make_predictor(model, named=lambda outputs: outputs):
    """Returns function(stream of packed rows, number of examples N) -> outputs.

    The function is compiled once for each shape of rows, of which there are few. Rows carry
    `example_number`, int32 [B], −1 for padding. Outputs are as TensorFlow's `make_predictor`
    returns them.

    Args:
        model: Keras model, called with (rows, training).
        named: function(outputs of the model) -> outputs to return.
    """
    compute = _compile(model, lambda rows, outputs: named(outputs))

    def predict(stream, count, progress=lambda batches: batches):
        collector = Collector(count)
        for rows, outputs in _run(compute, stream, progress):
            collector.add(rows["example_number"], outputs)
        return collector.outputs()

    return predict


def make_summer(model, measure):
    """Returns function(stream of packed rows) -> {name: float}, sums over its batches.

    Args:
        model: Keras model, called with (rows, training).
        measure: function(rows, outputs) -> {name: float32 scalar}, compiled.
    """
    compute = _compile(model, measure)

    def add_up(stream, progress=lambda batches: batches):
        totals = {}
        for _, sums in _run(compute, stream, progress):
            for name, value in sums.items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return add_up


def _compile(model, finish):
    """Returns function(rows) -> what `finish(rows, outputs)` returns, compiled."""

    def compute(values, rows):
        with keras.StatelessScope(zip(model.variables, values)):
            return finish(rows, model(rows, training=False))

    compiled = jax.jit(counts.counted("evaluation", compute))
    # The values of now: a compiled function would keep those of its first call.
    return lambda rows: compiled([v.value for v in model.variables], rows)


def _run(compute, stream, progress):
    """Yields the rows of each batch, and what `compute` returns for them."""
    batches, last = iter(stream), None
    for _ in progress(range(len(stream))):
        rows = round_up_rows(next(batches))
        # The devices compute these while the outputs before them are read.
        last, ready = (rows, compute(rows)), last
        if ready:
            yield ready
    if last:
        yield last


def compile_features(function):
    """Returns the function that frames examples as it is: NumPy computes it."""
    return function
