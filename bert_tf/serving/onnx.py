"""A model folder as an ONNX file: padded ids in, any batch, any length."""

from bert_tf.serving.padded import trace

OPSET = 17  # Of 2022: LayerNorm and GELU are made of older operators all the same.


def write_onnx(path, task, model):
    """Writes an ONNX file.

    Args:
        path: `pathlib.Path` of the file.
        task: of `tasks.TASKS`.
        model: Keras model of it.

    Raises:
        ValueError: a task that has no such form, or the packages are missing.
    """
    try:
        import onnxruntime  # noqa: F401 (The report asks it.)
        import tf2onnx
    except ImportError as error:
        raise ValueError(
            "ONNX needs tf2onnx and onnxruntime; run pip install 'bert_tf[onnx]'."
        ) from error
    function = trace(task, model, None, None)
    graph, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    path.write_bytes(graph.SerializeToString())
