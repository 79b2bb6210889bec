"""Writes a model as a TFLite file that needs built-in operations only."""

import tempfile

import tensorflow as tf

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.serving.padded import TASK_LIBRARY, make_function, trace
from bert_tf.serving.probe import import_interpreter
from bert_tf.serving.saved_model import write_functions
from bert_tf.serving.tflite_metadata import attach

# Input of the signature: its name in the metadata.
_IN_METADATA = dict(zip(TASK_LIBRARY, ("ids", "mask", "segment_ids")))


def write_tflite(path, task, model, *, length, quantize, files, text_input=False):
    """Writes a TFLite file that computes one example per call.

    Args:
        path: `pathlib.Path` of the file.
        task: `Task`.
        model: Keras model of the task.
        length: S, tokens of a padded example; None for any number without padding.
        quantize: "int8" for 8-bit weights (dynamic range), "float16" for 16-bit
            weights that are converted to float32 before use, "" for float32.
        files: {kind: path} of text files to store in the file, see `attach`.
        text_input: True for a file that takes a string. The program that runs it must
            register TensorFlow Text's operations (SELECT_TFTEXT_OPS).

    Raises:
        ValueError: the task cannot be written as TFLite, or not with `text_input`.
    """
    if text_input and not ADAPTERS[task.name].takes_one_text:
        raise ValueError(
            f"text_input takes a single text, but {task.name} reads two; leave it out."
        )
    if text_input and (prompt := ADAPTERS[task.name].prompt(task)):
        raise ValueError(
            f"text_input takes a text as it is, but the model puts the prompt {prompt!r} "
            "before each text; leave it out."
        )
    if text_input and length is None:
        raise ValueError(
            "text_input takes a single text of a fixed length; drop dynamic_length."
        )
    if text_input:
        function = _trace_text(task, model, length)
    else:
        function = trace(task, model, [1, length], TASK_LIBRARY, tf.int32)
    with tempfile.TemporaryDirectory() as folder:
        write_functions(folder, model, {"serving_default": function}, files=[])
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        # With other operations allowed, a phone would need additional libraries.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = text_input
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
    if text_input:  # The Task Library, which reads metadata, passes ids.
        return
    attach(
        path,
        name=path.stem,
        inputs=[_IN_METADATA[name] for name in _list_names(path, "input")],
        outputs=_list_names(path, "output"),
        files=files,
    )


def _trace_text(task, model, length):
    """Returns a `tf.function`, text [1] → {name: tensor}, that TFLite can convert."""
    tokenizer, function = task.tokenizer, make_function(task, model)

    def from_text(text):
        tokens = tokenizer.tokenize_with_kernels(text)
        # Slices of ragged tensors would become an operation that TFLite does not know.
        body = tokens.to_tensor(0, shape=[1, length - 2])
        count = tf.reduce_sum(tf.cast(body != 0, tf.int32))
        ids = tf.pad(body, [[0, 0], [1, 1]])
        ids += tokenizer.cls_id * tf.one_hot([0], length, dtype=tf.int32)
        ids += tokenizer.sep_id * tf.one_hot([count + 1], length, dtype=tf.int32)
        mask = tf.cast(tf.range(length)[None] < count + 2, tf.int32)
        return function(ids, mask, tf.zeros_like(ids))

    spec = tf.TensorSpec([1], tf.string, name="text")
    return tf.function(from_text, input_signature=[spec], autograph=False)


def _list_names(path, side):
    """Returns the signature's names of the file's tensors, in the order of the file.

    Args:
        side: "input" or "output".
    """
    interpreter = import_interpreter().Interpreter(str(path))
    signature = interpreter.get_signature_runner("serving_default")
    tensors, named = (
        getattr(owner, f"get_{side}_details")() for owner in (interpreter, signature)
    )
    names = {tensor["index"]: name for name, tensor in named.items()}
    return [names[tensor["index"]] for tensor in tensors]
