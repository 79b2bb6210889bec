"""A model over packed rows: answers in the order of the input, or sums over all."""

import numpy as np
import tensorflow as tf


def make_predictor(model):
    """Returns function(data set of rows, number of examples) -> outputs [N, …].

    It is compiled once, however many data sets it sees. The rows carry
    `example_number`, int32 [B]; outputs are float32 NumPy arrays, one entry an example:
    one array of them all or, where their shapes differ by the batch, an array of objects.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def next_outputs(iterator):
        rows = next(iterator)
        return rows["example_number"], model(rows, training=False)

    def predict(dataset, count, progress=lambda batches: batches):
        iterator, answers = iter(dataset), None
        for _ in progress(range(dataset.cardinality().numpy())):
            numbers, outputs = (part.numpy() for part in next_outputs(iterator))
            if answers is None:
                answers = np.zeros((count, *outputs.shape[1:]), outputs.dtype)
            if answers.dtype != object and answers.shape[1:] != outputs.shape[1:]:
                answers = _objects(answers)
            if answers.dtype == object:
                outputs = _objects(outputs)
            answers[numbers] = outputs
        return answers

    return predict


def _objects(outputs):
    array = np.empty(len(outputs), dtype=object)
    array[:] = list(outputs)
    return array


def make_summer(model, measure):
    """Returns function(data set of rows) -> {name: float}, sums over its batches.

    Args:
        model: rows -> outputs.
        measure: function(rows, outputs) -> {name: float32 scalar}, in the graph.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def next_sums(iterator):
        rows = next(iterator)
        return measure(rows, model(rows, training=False))

    def total(dataset, progress=lambda batches: batches):
        iterator, totals = iter(dataset), {}
        for _ in progress(range(dataset.cardinality().numpy())):
            for name, value in next_sums(iterator).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return total
