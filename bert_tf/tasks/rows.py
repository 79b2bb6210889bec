"""Chooses how packed rows reach the engine."""

import functools

from bert_tf.data.rows import pipeline, streams
from bert_tf.data.rows.fixed_shapes import choose_row_length
from bert_tf.ground import lazy
from bert_tf.tokenization.ragged import Ragged

keras = lazy("keras")
tf = lazy("tensorflow")


def choose_stream(name, max_seq_length, max_target_length=None):
    """Returns the function that streams rows to the engine, which Keras' backend determines.

    Args:
        name: of a function of `pipeline`, for TensorFlow's engine, and of `streams`, for
            others, whose rows all have one length, and in training few shapes.
        max_seq_length: length of the longest examples.
        max_target_length: length of the longest targets; None without targets.
    """
    if keras.backend.backend() == "tensorflow":
        return getattr(pipeline, name)
    lengths = {"row_length": choose_row_length(max_seq_length)}
    if max_target_length:
        lengths["target_row_length"] = choose_row_length(max_target_length)
    make_stream = functools.partial(getattr(streams, name), **lengths)
    if name not in ("training_rows", "pretraining_rows"):
        return make_stream
    return lambda *given, micro_batches=1, **plan: make_stream(
        *given, micro_batches=micro_batches, **plan
    ).in_few_shapes(micro_batches)


def make_ragged(values, lengths):
    """Returns an array [T] as rows of these lengths, of the kind that the streams take."""
    if keras.backend.backend() == "tensorflow":
        return tf.RaggedTensor.from_row_lengths(tf.constant(values), lengths)
    return Ragged.from_row_lengths(values, lengths)


def compile_features(function):
    """Returns the function that frames examples, traced once for all streams.

    NumPy computes it for other engines than TensorFlow's, as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    return tf.function(function, reduce_retracing=True, autograph=False)
