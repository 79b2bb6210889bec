"""Writes a SavedModel for TensorFlow Serving, which maps strings to predictions."""

import pathlib

import tensorflow as tf

from bert_tf.ground import one_of, path_without_pattern
from bert_tf.serving import protobuf as messages
from bert_tf.serving.signatures import make_signatures

_WARM_UP_NAME = "model"  # A server replaces it by the name that it serves.
_BUILT_IN_OPS = frozenset(dir(tf.raw_ops))


class _Served(tf.Module):
    """The objects that a SavedModel stores: each weight once, and the files.

    It holds TensorFlow variables instead of the Keras model, because TensorFlow
    Serving's C++ loader does not restore Keras variables. Keras' ExportArchive would
    write each weight twice.
    """

    def __init__(self, model, files):
        super().__init__()
        self.weights = [variable.value for variable in model.variables]
        self.files = [tf.saved_model.Asset(str(path)) for path in files]


def write_saved_model(path, task, model, *, files, pairs, signatures=(), warm_up=None):
    """Writes a SavedModel with the signatures of a task.

    Args:
        path: folder to create.
        task: `Task`.
        model: Keras model of the task.
        files: paths of files to store as assets, such as the vocabulary.
        pairs: True if a record is a pair of texts.
        signatures: names of the signatures to write; empty for all.
        warm_up: inputs of `serving_default`, {name: list of strings}, that a server
            computes before it accepts requests; None for no warm-up.

    Returns:
        {signature: sorted names of the custom operations that it needs}.

    Raises:
        ValueError: a signature does not exist.
    """
    functions = make_signatures(task, model, pairs=pairs)
    for name in signatures:
        one_of("signatures", name, functions)
    if signatures:
        functions = {name: functions[name] for name in signatures}
    concrete = write_functions(path, model, functions, files=files)
    if warm_up and "serving_default" in functions:
        _write_warm_up(pathlib.Path(path), warm_up)
    return {name: list_custom_ops(function) for name, function in concrete.items()}


def write_functions(path, model, functions, *, files):
    """Writes a SavedModel with given functions as signatures.

    Args:
        path: folder to create.
        model: Keras model whose variables the functions use.
        functions: {signature: `tf.function` with an input signature}.
        files: paths of files to store as assets.

    Returns:
        {signature: concrete function}.
    """
    concrete = {name: f.get_concrete_function() for name, f in functions.items()}
    pathlib.Path(path).mkdir(exist_ok=True)
    with path_without_pattern(path) as plain:
        tf.saved_model.save(
            _Served(model, files),
            str(plain),
            signatures=concrete,
            options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
    return concrete


def list_custom_ops(function):
    """Returns the sorted names of operations that TensorFlow does not have built in."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node]
    for inner in graph.library.function:
        nodes += inner.node_def
    inner_names = {inner.signature.name for inner in graph.library.function}
    return sorted({node.op for node in nodes} - _BUILT_IN_OPS - inner_names)


def _write_warm_up(path, inputs):
    request = messages.predict_request(_WARM_UP_NAME, "serving_default", inputs)
    log = messages.message("PredictionLog")(predict_log={"request": request})
    extra = path / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
