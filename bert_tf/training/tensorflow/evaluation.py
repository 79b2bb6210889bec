"""The outputs of a model for a whole data set, in the order of the examples, or as sums."""

import numpy as np
import tensorflow as tf


def make_predictor(model):
    """Returns function(data set of packed rows, number of examples N) -> outputs.

    The function is compiled once for all data sets. Rows carry `example_number`, int32
    [B]. Outputs are an array [N, …], or {name: array [N, …]} if the model returns {name:
    tensor [B, …]}, in the dtype of the model. An output with shapes that differ between
    batches becomes an array of N objects. Without batches, outputs are None.

    Args:
        model: function(rows, training) -> tensor or {name: tensor}, one entry an example.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def next_outputs(iterator):
        rows = next(iterator)
        return rows["example_number"], model(rows, training=False)

    def predict(dataset, count, progress=lambda batches: batches):
        iterator, arrays = iter(dataset), {}
        for _ in progress(range(dataset.cardinality().numpy())):
            numbers, outputs = next_outputs(iterator)
            named = outputs if isinstance(outputs, dict) else {None: outputs}
            for name, batch in named.items():
                arrays[name] = _place(
                    arrays.get(name), batch.numpy(), numbers.numpy(), count
                )
        return arrays.get(None, arrays or None)

    return predict


def _place(array, batch, numbers, count):
    """Returns the array [count, …], or a new one, with a batch [B, …] at its numbers."""
    if array is None:
        array = np.zeros((count, *batch.shape[1:]), batch.dtype)
    if array.dtype != object and array.shape[1:] != batch.shape[1:]:
        array = _as_objects(array)
    array[numbers] = _as_objects(batch) if array.dtype == object else batch
    return array


def _as_objects(batch):
    array = np.empty(len(batch), dtype=object)
    array[:] = list(batch)
    return array


def make_summer(model, measure):
    """Returns function(data set of packed rows) -> {name: float}, sums over its batches.

    Args:
        model: function(rows, training) -> outputs.
        measure: function(rows, outputs) -> {name: float32 scalar}, run in the graph.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def next_sums(iterator):
        rows = next(iterator)
        return measure(rows, model(rows, training=False))

    def add_up(dataset, progress=lambda batches: batches):
        iterator, totals = iter(dataset), {}
        for _ in progress(range(dataset.cardinality().numpy())):
            for name, value in next_sums(iterator).items():
                totals[name] = totals.get(name, 0.0) + float(value)
        return totals

    return add_up
