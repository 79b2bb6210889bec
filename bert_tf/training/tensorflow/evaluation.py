"""The outputs of a model for a whole data set, in the order of the examples, or as sums."""

import numpy as np

from bert_tf.training.collecting import Collector
from bert_tf.training.tensorflow.tracing import trace_once


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
    compute = trace_once(lambda rows: infer(model, rows))

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
    compute = trace_once(lambda rows: measure(rows, model(rows, training=False)))

    def add_up(stream, progress=lambda batches: batches):
        batches, totals = iter(stream), {}
        for _ in progress(range(len(stream))):
            for name, value in compute(next(batches)).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return add_up
