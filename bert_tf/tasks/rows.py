"""Chooses how packed rows reach the engine."""

import functools

from bert_tf.data.rows import pipeline, streams
from bert_tf.data.rows.fixed_shapes import choose_row_length
from bert_tf.ground import lazy

keras = lazy("keras")


def choose_stream(name, max_seq_length, max_target_length=None):
    """Returns the function that streams rows to the engine, which Keras' backend determines.

    Args:
        name: of a function of `pipeline`, for TensorFlow's engine, and of `streams`, for
            others, whose rows all have one length.
        max_seq_length: length of the longest examples.
        max_target_length: length of the longest targets; None without targets.
    """
    if keras.backend.backend() == "tensorflow":
        return getattr(pipeline, name)
    lengths = {"row_length": choose_row_length(max_seq_length)}
    if max_target_length:
        lengths["target_row_length"] = choose_row_length(max_target_length)
    return functools.partial(getattr(streams, name), **lengths)
