"""Writes a model as an ONNX file, which takes padded ids in batches of any shape."""

from bert_tf.serving.padded import trace

OPSET = 17  # Of 2022. tf2onnx writes LayerNorm and GELU with older operators anyway.


def write_onnx(path, task, model):
    """Writes an ONNX file.

    Args:
        path: `pathlib.Path` of the file.
        task: one of `tasks.TASKS`.
        model: Keras model of the task.

    Raises:
        ValueError: the task cannot be written as ONNX, or packages are missing.
    """
    try:
        import onnxruntime  # noqa: F401 (The parity check needs it.)
        import tf2onnx
    except ImportError as error:
        raise ValueError(
            "ONNX needs tf2onnx and onnxruntime: run pip install 'bert_tf[onnx]'."
        ) from error
    function = trace(task, model, None, None)
    graph, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    path.write_bytes(graph.SerializeToString())
