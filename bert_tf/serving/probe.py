"""Runs an exported model in a process of its own and times it.

`parity.probe` starts `main` there, with the kind and the path of the export as arguments.
The input on standard input is a JSON object {name: list with one entry per text}.
Prints a JSON object with `outputs`, {name: list}, and the times of `measure`. A SavedModel is loaded by
TensorFlow's session loader, which restores variables from the graph alone, as servers
do.
"""

import json
import os
import statistics
import sys
import time
import warnings

BATCH, SINGLE_CALLS, BATCH_CALLS = 32, 100, 5


def load_saved_model(path):
    """Returns serving_default as a function({name: list}) → {name: list}."""
    import tensorflow as tf

    import bert_tf.tokenization.tokenizer  # noqa: F401 (Registers the text operations.)
    from bert_tf.disk import literal
    from bert_tf.serving.gathering import as_text

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default(), literal(path) as plain:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(plain))
    signature = loaded.signature_def["serving_default"]
    fetches = {name: info.name for name, info in signature.outputs.items()}

    def call(inputs):
        feeds = {signature.inputs[name].name: x for name, x in inputs.items()}
        outputs = session.run(fetches, feeds)
        return {name: as_text(array.tolist()) for name, array in outputs.items()}

    return call


def measure(call, inputs):
    """Returns the outputs for all inputs, and the times of calls.

    Args:
        call: function({name: list}) → {name: list}.
        inputs: {name: list with one entry per text}.

    Returns:
        dict with `outputs`, {name: list}; `p50_ms` and `p99_ms`, median and 99th
        percentile of a call with one text; `texts_per_second` in calls with `BATCH`
        texts.
    """
    count = len(next(iter(inputs.values())))

    def select(begin, size):
        return {name: x[begin : begin + size] for name, x in inputs.items()}

    def seconds(begin, size):
        start = time.perf_counter()
        call(select(begin, size))
        return time.perf_counter() - start

    outputs = {}
    for begin in range(0, count, BATCH):
        for name, values in call(select(begin, BATCH)).items():
            outputs.setdefault(name, []).extend(values)
    for number in range(min(count, 10)):  # Warms up.
        seconds(number, 1)
    single = sorted(seconds(n % count, 1) for n in range(SINGLE_CALLS))
    size = min(BATCH, count)
    batch = [
        seconds(n * size % (count - size + 1), size) / size for n in range(BATCH_CALLS)
    ]
    return {
        "outputs": outputs,
        "p50_ms": 1e3 * statistics.median(single),
        "p99_ms": 1e3 * single[int(0.99 * len(single))],
        "texts_per_second": 1 / statistics.median(batch),
    }


def import_interpreter():
    """Returns LiteRT's module `interpreter`, or TensorFlow's if LiteRT is missing."""
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        from tensorflow.lite.python import interpreter

        # Its warning asks to install LiteRT, which is not needed here.
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter")
    return interpreter


def load_tflite(path):
    """Returns a function({name: list of ids or texts}) → {name: list}.

    It runs the file once per example.
    """
    import numpy as np

    from bert_tf.tokenization import tflite_ops

    interpreter = import_interpreter().InterpreterWithCustomOps(
        custom_op_registerers=tflite_ops(),
        model_path=os.path.join(path, "model.tflite"),
        num_threads=2,
    )
    runner = interpreter.get_signature_runner("serving_default")

    def call(inputs):
        outputs = {}
        for row in zip(*inputs.values()):
            arrays = {
                name: np.array([x], object if isinstance(x, str) else np.int32)
                for name, x in zip(inputs, row)
            }
            for name, array in runner(**arrays).items():
                outputs.setdefault(name, []).append(array[0].tolist())
        return outputs

    return call


def load_onnx(path):
    """Returns a function({name: list of ids}) → {name: list}.

    It pads the examples of a call to the longest one.
    """
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(
        os.path.join(path, "model.onnx"), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    read = {value.name for value in session.get_inputs()}

    def call(inputs):
        feeds = {}
        for name, rows in inputs.items():
            if name not in read:
                continue
            feeds[name] = np.zeros([len(rows), max(map(len, rows))], np.int64)
            for array, row in zip(feeds[name], rows):
                array[: len(row)] = row
        arrays = session.run(names, feeds)
        return {name: array.tolist() for name, array in zip(names, arrays)}

    return call


LOADERS = {
    "saved_model": load_saved_model,
    "tflite": load_tflite,
    "onnx": load_onnx,
}


def main():
    kind, path = sys.argv[1:]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    print(json.dumps(measure(LOADERS[kind](path), json.load(sys.stdin))))
