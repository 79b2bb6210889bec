"""A model folder as a SavedModel that TensorFlow Serving loads: text in, answers out."""

import pathlib

import tensorflow as tf

from bert_tf.serving import protobuf as messages
from bert_tf.serving.signatures import make_signatures

_SERVED_AS = "model"  # The name in warm-up requests; the server takes its own.
_CORE = frozenset(dir(tf.raw_ops))


class _Served(tf.Module):
    """What a SavedModel holds: each weight once, and the files.

    Raw variables, not the Keras model: the C++ loader, which TensorFlow Serving is, does
    not restore Keras' own; and Keras' ExportArchive writes each weight twice.
    """

    def __init__(self, model, files):
        super().__init__()
        self.weights = [variable.value for variable in model.variables]
        self.files = [tf.saved_model.Asset(str(path)) for path in files]


def write_saved_model(path, task, model, *, files, pairs, signatures=(), warm_up=None):
    """Writes a SavedModel into a folder that is not there yet.

    Args:
        path: of it.
        task: of `tasks.ANSWERING`.
        model: Keras model of it.
        files: that go along as assets: the vocabulary, the labels.
        pairs: whether the texts are pairs.
        signatures: names; all where empty.
        warm_up: {name: list of strings}, inputs of `serving_default` that a server asks
            itself before it answers; None for none.

    Returns:
        {signature: names of the custom ops that it needs, in order}.
    """
    found = make_signatures(task, model, pairs=pairs)
    chosen = list(signatures) or list(found)
    unknown = [name for name in chosen if name not in found]
    if unknown:
        raise ValueError(
            f"signatures must be among {', '.join(found)}; received {unknown[0]!r}."
        )
    made = write_functions(path, model, {n: found[n] for n in chosen}, files=files)
    if warm_up and "serving_default" in chosen:
        _write_warm_up(pathlib.Path(path), warm_up)
    return {name: custom_ops(function) for name, function in made.items()}


def write_functions(path, model, functions, *, files):
    """Writes a SavedModel of functions of a model; returns them, concrete.

    Args:
        path: of it.
        model: Keras model whose variables the functions use.
        functions: {signature: `tf.function` with an input signature}.
        files: that go along as assets.
    """
    made = {name: f.get_concrete_function() for name, f in functions.items()}
    tf.saved_model.save(
        _Served(model, files),
        str(path),
        signatures=made,
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )
    return made


def custom_ops(function):
    """Names of the ops of a concrete function that TensorFlow itself has not, sorted."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node]
    for inner in graph.library.function:
        nodes += inner.node_def
    inner = {inner.signature.name for inner in graph.library.function}
    return sorted({node.op for node in nodes} - _CORE - inner)


def _write_warm_up(path, inputs):
    request = messages.predict_request(_SERVED_AS, "serving_default", inputs)
    log = messages.message("PredictionLog")(predict_log={"request": request})
    extra = path / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
