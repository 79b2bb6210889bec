"""The outputs of a model for a whole data set, in the order of the examples, or as sums."""

import numpy as np
import tensorflow as tf

from bert_tf.training.collecting import Collector


def call(model, rows):
    """Returns what a model computes for rows, as it is."""
    return model(rows, training=False)


def make_predictor(model, infer=call):
    """Returns function(stream of packed rows, number of examples N) -> outputs.

    The function is compiled once for all streams. Rows carry `example_number`, int32
    [B]. Outputs are an array [N, …], or {name: array [N, …]} if the model returns {name:
    tensor [B, …]}, in the dtype of the model. An output with shapes that differ between
    batches becomes an array of N objects. Without batches, outputs are None.

    Args:
        model: function(rows, training) -> tensor or {name: tensor}, one entry an example.
        infer: function(model, rows) -> outputs to return, run in the graph.
    """
    compute = _trace_once(lambda rows: infer(model, rows))

    def predict(stream, count, progress=lambda batches: batches):
        batches, collector = iter(stream), Collector(count)
        for _ in progress(range(len(stream))):
            rows = next(batches)
            collector.add(np.asarray(rows["example_number"]), compute(rows))
        return collector.outputs()

    return predict


def make_summer(model, measure):
    """Returns function(stream of packed rows) -> {name: float}, sums over its batches.

    Args:
        model: function(rows, training) -> outputs.
        measure: function(rows, outputs) -> {name: float32 scalar}, run in the graph.
    """
    compute = _trace_once(lambda rows: measure(rows, model(rows, training=False)))

    def add_up(stream, progress=lambda batches: batches):
        batches, totals = iter(stream), {}
        for _ in progress(range(len(stream))):
            for name, value in compute(next(batches)).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return add_up


def _trace_once(function):
    """Returns a function of {name: array or tensor}, compiled for arrays of any shapes.

    Otherwise TensorFlow would trace it for the shapes of the first batch, and once more for
    all shapes.
    """
    compiled = tf.function(function, autograph=False)

    def call(rows):
        rows = {name: tf.convert_to_tensor(array) for name, array in rows.items()}
        specs = {
            name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)
            for name, tensor in rows.items()
        }
        return compiled.get_concrete_function(specs)(rows)

    return call
