"""The outputs of a model for a whole stream of rows, in the order of the examples, or as sums."""

import jax
import keras

from bert_tf.data.rows.fixed_shapes import round_up_rows
from bert_tf.training.collecting import Collector
from bert_tf.training.jax.compilations import counts


def call(model, rows):
    """Returns what a model computes for rows, as it is."""
    return model(rows, training=False)


def make_predictor(model, infer=call):
    """Returns function(stream of packed rows, number of examples N) -> outputs.

    The function is compiled once for each shape of rows, of which there are few. Rows carry
    `example_number`, int32 [B], −1 for padding. Outputs are as TensorFlow's `make_predictor`
    returns them.

    Args:
        model: Keras model, called with (rows, training).
        infer: function(model, rows) -> outputs to return.
    """
    compute = _compile(model, infer)

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
    compute = _compile(model, lambda model, rows: measure(rows, call(model, rows)))

    def add_up(stream, progress=lambda batches: batches):
        totals = {}
        for _, sums in _run(compute, stream, progress):
            for name, value in sums.items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return add_up


def _compile(model, infer):
    """Returns function(rows) -> what `infer(model, rows)` returns, compiled."""

    def compute(values, rows):
        with keras.StatelessScope(zip(model.variables, values)):
            return infer(model, rows)

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
