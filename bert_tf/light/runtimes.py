"""Runs the file of an export: TFLite on LiteRT, or ONNX on ONNX Runtime.

Shapes: B examples, L tokens of an example, S tokens of the longest one.
"""

import os
import pathlib

import numpy as np

from bert_tf.quiet import hidden

# Names of ids, mask and segments in the files.
_TFLITE = ("input_word_ids", "input_mask", "input_type_ids")
_ONNX = ("input_ids", "attention_mask", "token_type_ids")


def load(path, threads=None):
    """Returns the `Runtime` of the file in a folder.

    Args:
        path: folder that `bert-tf export` wrote.
        threads: threads of a computation; None for all processors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the package that runs it is not installed.
    """
    path, threads = pathlib.Path(path), threads or os.cpu_count()
    for name, make in (("model.tflite", TFLite), ("model.onnx", ONNX)):
        if (path / name).is_file():
            return make(path / name, threads)
    raise FileNotFoundError(
        f"{path} holds no model.tflite and no model.onnx; write one by bert-tf export "
        "--format=tflite."
    )


class TFLite:
    """A TFLite file, which computes one example at a time.

    Attributes:
        batch_size: examples that are computed at once.
    """

    batch_size = 1

    def __init__(self, path, threads):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise ValueError(
                "a TFLite file needs LiteRT: run pip install ai-edge-litert."
            ) from None
        with hidden():  # It tells of its kernels, when it is made or first called.
            interpreter = Interpreter(str(path), num_threads=threads)
            self._runner = interpreter.get_signature_runner("serving_default")
            shape = self._runner.get_input_details()[_TFLITE[0]]["shape_signature"]
            self._length = int(shape[-1])  # -1 for any.
            nothing = [np.zeros(1, np.int32)]
            self(nothing, nothing)

    def __call__(self, ids, segments):
        """Returns {name: list of arrays}, the outputs of examples, without padding.

        Args:
            ids, segments: lists of B arrays, int32 [L].
        """
        outputs = {}
        for own, types in zip(ids, segments):
            feeds = np.ones((3, 1, len(own)), np.int32)
            feeds[0], feeds[2] = own, types
            if self._length > len(own):
                feeds = np.pad(feeds, [(0, 0), (0, 0), (0, self._length - len(own))])
            for name, array in self._runner(**dict(zip(_TFLITE, feeds))).items():
                outputs.setdefault(name, []).append(array[0])
        return outputs


class ONNX:
    """An ONNX file, which computes examples padded to the longest of them."""

    batch_size = 32

    def __init__(self, path, threads):
        try:
            import onnxruntime
        except ImportError:
            raise ValueError(
                "an ONNX file needs ONNX Runtime: run pip install onnxruntime."
            ) from None
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]
        self._inputs = {value.name for value in self._session.get_inputs()}

    def __call__(self, ids, segments):
        """Returns what `TFLite` returns."""
        feeds = np.zeros((3, len(ids), max(map(len, ids))), np.int64)
        for number, (own, types) in enumerate(zip(ids, segments)):
            feeds[:, number, : len(own)] = own, np.ones_like(own), types
        named = {n: x for n, x in zip(_ONNX, feeds) if n in self._inputs}
        arrays = self._session.run(self._names, named)
        return {name: list(array) for name, array in zip(self._names, arrays)}
