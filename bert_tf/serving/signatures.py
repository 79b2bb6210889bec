"""The signatures of a SavedModel: names of inputs, and what is computed of them.

Shapes: B records, C choices, S tokens.
"""

import tensorflow as tf

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.requests import LISTS


def make_signatures(task, model, *, pairs):
    """Returns {name: `tf.function` of named tensors, with its input signature}.

    `serving_default` takes strings, `examples` serialized tf.Example of the same names,
    `token_ids` what the published model takes: `input_ids`, `input_mask` and
    `segment_ids`, int32 [B, S], padded with 0. A task may have others, too.

    Args:
        task: `Task`.
        model: Keras model of it.
        pairs: whether the texts are pairs.
    """
    made = ADAPTERS[task.name].signatures(task, model, pairs)
    signatures = {
        name: _compile(function, [_string_spec(input_) for input_ in inputs])
        for name, (inputs, function) in made.items()
    }
    signatures["token_ids"] = _serve_ids(task, model)
    signatures["examples"] = _serve_examples(*made["serving_default"])
    return signatures


def _string_spec(name):
    shape = [None, None] if name in LISTS else [None]
    return tf.TensorSpec(shape, tf.string, name=name)


def _compile(function, specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _serve_ids(task, model):
    adapter = ADAPTERS[task.name]

    def from_ids(input_ids, input_mask, segment_ids):
        shape = tf.shape(input_ids)
        batch = {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": segment_ids,
        }
        flat = [tf.reduce_prod(shape[:-1]), shape[-1]]
        batch = {name: tf.reshape(x, flat) for name, x in batch.items()}
        if adapter.has_choices:
            batch["choices"] = tf.reshape(tf.range(flat[0]), shape[:2])
        return adapter.outputs(task, task.infer(model, adapter.complete(task, batch)))

    rank = 3 if adapter.has_choices else 2
    specs = [
        tf.TensorSpec([None] * rank, tf.int32, name=name)
        for name in ("input_ids", "input_mask", "segment_ids")
    ]
    return _compile(from_ids, specs)


def _serve_examples(names, function):
    """Takes serialized tf.Example whose features have the names of the strings."""

    def from_examples(examples):
        features = {
            name: tf.io.VarLenFeature(tf.string)
            if name in LISTS
            else tf.io.FixedLenFeature([], tf.string)
            for name in names
        }
        parsed = tf.io.parse_example(examples, features)
        columns = {
            name: tf.sparse.to_dense(x, "") if isinstance(x, tf.SparseTensor) else x
            for name, x in parsed.items()
        }
        return function(**columns)

    return _compile(from_examples, [tf.TensorSpec([None], tf.string, name="examples")])
