"""The outputs of a model for a whole data set, in the order of the examples, or as sums."""

import tensorflow as tf

from bert_tf.training.collecting import Collector


def call(model, rows):
    """Returns what a model computes for rows, as it is."""
    return model(rows, training=False)


def make_predictor(model, infer=call):
    """Returns function(data set of packed rows, number of examples N) -> outputs.

    The function is compiled once for all data sets. Rows carry `example_number`, int32
    [B]. Outputs are an array [N, …], or {name: array [N, …]} if the model returns {name:
    tensor [B, …]}, in the dtype of the model. An output with shapes that differ between
    batches becomes an array of N objects. Without batches, outputs are None.

    Args:
        model: function(rows, training) -> tensor or {name: tensor}, one entry an example.
        infer: function(model, rows) -> outputs to return, run in the graph.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def next_outputs(iterator):
        rows = next(iterator)
        return rows["example_number"], infer(model, rows)

    def predict(dataset, count, progress=lambda batches: batches):
        iterator, collector = iter(dataset), Collector(count)
        for _ in progress(range(dataset.cardinality().numpy())):
            numbers, outputs = next_outputs(iterator)
            collector.add(numbers.numpy(), outputs)
        return collector.outputs()

    return predict


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


def compile_features(function):
    """Returns the function that frames examples, traced once for all data sets."""
    return tf.function(function, reduce_retracing=True, autograph=False)
