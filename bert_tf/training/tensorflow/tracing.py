"""One trace of a function for arrays of all shapes."""

import tensorflow as tf


def trace_once(function):
    """Returns a function of arrays, or dicts of them, compiled for arrays of any shapes.

    `tf.function` alone traces for the shapes of the first batch, and once or twice more
    before it takes all shapes, which takes seconds each time for a BERT.

    Args:
        function: function(arrays or tensors, or {name: these}, …) → tensors. It is traced
            in the graph, with shapes of which only the ranks are known.

    Example:
        >>> import numpy as np
        >>> from bert_tf.training.tensorflow.tracing import trace_once
        >>> double = trace_once(lambda batch: 2 * batch["ids"])
        >>> [double({"ids": np.ones(n)}).shape[0] for n in (2, 3)]
        [2, 3]
    """
    compiled = tf.function(function, autograph=False)

    def call(*arguments):
        arguments = tf.nest.map_structure(tf.convert_to_tensor, arguments)
        specs = tf.nest.map_structure(
            lambda tensor: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype),
            arguments,
        )
        return compiled.get_concrete_function(*specs)(*arguments)

    return call
