"""A model folder as a TFLite file: ids in, built-in operations only."""

import tempfile

import tensorflow as tf

from bert_tf.serving.padded import make_function, trace
from bert_tf.serving.probe import interpreters
from bert_tf.serving.saved_model import write_functions
from bert_tf.serving.tflite_metadata import attach

_IN_METADATA = {
    "input_word_ids": "ids",
    "input_mask": "mask",
    "input_type_ids": "segment_ids",
}


def write_tflite(
    path, task, model, *, length, quantize, vocabulary, labels, text_input=False
):
    """Writes a TFLite file for one example at a time.

    Args:
        path: `pathlib.Path` of the file.
        task: of `tasks.TASKS`.
        model: Keras model of it.
        length: S, tokens of the example, padded with 0; None for as many as it has.
        quantize: "int8" for weights in 8 bits (dynamic range), "float16" for weights in
            16 that are made float32 again where they are used, "" for float32.
        vocabulary, labels: paths of text files that go along.
        text_input: True for a string in, by `tokenize_with_kernels`: whoever runs it
            must register TensorFlow Text's operations (SELECT_TFTEXT_OPS).

    Raises:
        ValueError: a task that has no such form.
    """
    if text_input and (length is None or task.name in _OF_TWO_TEXTS):
        raise ValueError(
            "text_input takes a single text of a fixed length; drop dynamic_length, and "
            f"with {task.name} give ids."
        )
    if text_input:
        function = _trace_text(task, model, length)
    else:
        function = trace(task, model, 1, length)
    with tempfile.TemporaryDirectory() as folder:
        write_functions(folder, model, {"serving_default": function}, files=[])
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        # Nothing that a phone would have to link beside: an error, if it can't be.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = text_input
        if quantize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())
    if text_input:  # The Task Library gives ids.
        return
    attach(
        path,
        name=path.stem,
        inputs=[_IN_METADATA[name] for name in _names(path, "inputs")],
        outputs=_names(path, "outputs"),
        vocabulary=vocabulary,
        labels=labels,
    )


def _trace_text(task, model, length):
    """text [1] → {name: tensor}, a `tf.function` by operations that TFLite can have."""
    tokenizer, answer = task.tokenizer, make_function(task, model)

    def from_text(text):
        pieces = tokenizer.tokenize_with_kernels(text)
        # No slices of ragged tensors: they become an operation that is not registered.
        body = pieces.to_tensor(0, shape=[1, length - 2])
        count = tf.reduce_sum(tf.cast(body != 0, tf.int32))
        ids = tf.pad(body, [[0, 0], [1, 1]])
        ids += tokenizer.cls_id * tf.one_hot([0], length, dtype=tf.int32)
        ids += tokenizer.sep_id * tf.one_hot([count + 1], length, dtype=tf.int32)
        mask = tf.cast(tf.range(length)[None] < count + 2, tf.int32)
        return answer(ids, mask, tf.zeros_like(ids))

    spec = tf.TensorSpec([1], tf.string, name="text")
    return tf.function(from_text, input_signature=[spec], autograph=False)


_OF_TWO_TEXTS = ("question_answering", "multiple_choice")


def _names(path, side):
    """Names of the signature's tensors in the order of the file's own."""
    interpreter = interpreters().Interpreter(str(path))
    details = getattr(interpreter, f"get_{side[:-1]}_details")()
    signature = interpreter.get_signature_runner("serving_default")
    named = getattr(signature, f"get_{side[:-1]}_details")()
    of_index = {detail["index"]: name for name, detail in named.items()}
    return [of_index[detail["index"]] for detail in details]
