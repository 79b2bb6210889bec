"""Runs an artefact in a process of its own, without the model that it was made from.

    python -m bert_tf.serving.probe saved_model PATH < inputs.json

Inputs are {name: a list, one entry a text}; prints a JSON object with `outputs`, {name:
list}, and what a call takes. A SavedModel goes through TensorFlow's session loader, which
assigns variables by the graph alone, as servers do.
"""

import json
import os
import statistics
import sys
import time
import warnings

BATCH, SINGLE_CALLS, BATCH_CALLS = 32, 100, 5


def load_saved_model(path):
    """Returns function({name: list}) → {name: list} of serving_default."""
    import tensorflow as tf

    import bert_tf.tokenization  # noqa: F401 (The text kernels.)
    from bert_tf.serving.gathering import as_text

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], path)
    signature = loaded.signature_def["serving_default"]
    fetches = {name: info.name for name, info in signature.outputs.items()}

    def call(inputs):
        feeds = {signature.inputs[name].name: x for name, x in inputs.items()}
        found = session.run(fetches, feeds)
        return {name: as_text(array.tolist()) for name, array in found.items()}

    return call


def measure(call, inputs):
    """Returns the outputs for all inputs, and seconds: p50, p99 of one, texts a second."""
    count = len(next(iter(inputs.values())))

    def some(begin, size):
        return {name: x[begin : begin + size] for name, x in inputs.items()}

    def seconds(begin, size):
        start = time.perf_counter()
        call(some(begin, size))
        return time.perf_counter() - start

    outputs = {}
    for begin in range(0, count, BATCH):
        for name, found in call(some(begin, BATCH)).items():
            outputs.setdefault(name, []).extend(found)
    for number in range(min(count, 10)):
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


def interpreters():
    """The module of LiteRT's interpreters; without its package, TensorFlow's older one."""
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        from tensorflow.lite.python import interpreter

        # It asks for the other package, which few people need.
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter")
    return interpreter


def load_tflite(path):
    """Returns function({name: list of ids, or texts}) → {name: list}, one at a time."""
    import numpy as np

    from bert_tf.tokenization import tflite_ops

    interpreter = interpreters().InterpreterWithCustomOps(
        custom_op_registerers=tflite_ops(),
        model_path=os.path.join(path, "model.tflite"),
        num_threads=2,
    )
    runner = interpreter.get_signature_runner("serving_default")

    def call(inputs):
        found = {}
        for row in zip(*inputs.values()):
            given = {
                name: np.array([x], object if isinstance(x, str) else np.int32)
                for name, x in zip(inputs, row)
            }
            for name, array in runner(**given).items():
                found.setdefault(name, []).append(array[0].tolist())
        return found

    return call


def load_onnx(path):
    """Returns function({name: list of ids}) → {name: list}; pads to the longest."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(
        os.path.join(path, "model.onnx"), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def call(inputs):
        feeds = {}
        for name, rows in inputs.items():
            feeds[name] = np.zeros([len(rows), max(map(len, rows))], np.int32)
            for array, row in zip(feeds[name], rows):
                array[: len(row)] = row
        found = session.run(names, feeds)
        return {name: array.tolist() for name, array in zip(names, found)}

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


if __name__ == "__main__":
    main()
