"""Writes a model as an ONNX file, which takes what the tokenizers of transformers return."""

import tensorflow as tf

from bert_tf.serving.padded import TRANSFORMERS, trace

OPSET = 17  # Of 2022. tf2onnx writes LayerNorm and GELU with older operators anyway.
_AXES = ("batch", "sequence")


def write_onnx(path, task, model):
    """Writes an ONNX file.

    Its inputs are `input_ids`, `attention_mask` and `token_type_ids`, int64
    [batch, sequence]; the last is absent for DistilBERT, which does not read it. The first
    axis of its outputs is called batch, too.

    Args:
        path: `pathlib.Path` of the file.
        task: `Task`.
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
    function = trace(task, model, [None, None], TRANSFORMERS, tf.int64)
    converted, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    if not model.backbone.config.architecture.has_segments:
        _remove_segments(converted.graph)
    for value in (*converted.graph.input, *converted.graph.output):
        _name_axes(value.type.tensor_type.shape.dim)
    path.write_bytes(converted.SerializeToString())


def _remove_segments(graph):
    """Removes the input of segments, which the tokenizer of DistilBERT does not return."""
    for value in [x for x in graph.input if x.name == TRANSFORMERS[-1]]:
        graph.input.remove(value)


def _name_axes(axes):
    """Names the axes of any size: the first is the batch, the second the tokens."""
    for axis, name in zip(axes, _AXES):
        if not axis.HasField("dim_value") or axis.dim_value < 0:
            axis.dim_param = name
