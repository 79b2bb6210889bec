"""A model folder as a TFLite file: ids in, built-in operations only."""

import tempfile

import tensorflow as tf

from bert_tf.data.packing import frame
from bert_tf.serving.saved_model import write_functions
from bert_tf.serving.tflite_metadata import attach

# As Model Maker named them, and the Task Library looks for them.
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
_IN_METADATA = {
    "input_word_ids": "ids",
    "input_mask": "mask",
    "input_type_ids": "segment_ids",
}
OUTPUTS = {
    "classification": ("probability",),
    "multi_label": ("probability",),
    "regression": ("score",),
    "token_classification": ("probability",),
    "question_answering": ("end_logits", "start_logits"),
    "multiple_choice": ("logit",),
    "similarity": ("embedding",),
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
    if task.name not in OUTPUTS:
        raise ValueError(
            f"there is no TFLite form of {task.name}; take --format=saved_model."
        )
    make = _text_function if text_input else _function
    function = make(task, model, length)
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


def _function(task, model, length):
    """The same as a `tf.function` for S = `length`, or any where it is None."""
    specs = [tf.TensorSpec([1, length], tf.int32, name=name) for name in INPUTS]
    answer = _answer(task, model)
    return tf.function(answer, input_signature=specs, autograph=False)


def _text_function(task, model, length):
    """text [1] → {name: tensor}, a `tf.function` by operations that TFLite can have."""
    tokenizer, answer = task.tokenizer, _answer(task, model)

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


def _answer(task, model):
    """Returns function(ids, mask, segments, int32 [1, S]) → {name: tensor}."""

    def answer(input_word_ids, input_mask, input_type_ids):
        batch = {
            "input_ids": input_word_ids,
            "input_mask": input_mask,
            "segment_ids": input_type_ids,
        }
        if task.name == "multiple_choice":
            batch["num_choices"] = tf.constant(1)
        if task.name in ("token_classification", "question_answering"):
            places = tf.range(tf.shape(input_word_ids)[1])[None]
            batch["places"] = tf.where(input_mask > 0, places, -1)
        return _OUTPUTS_OF[task.name](model(batch, training=False))

    return answer


_OUTPUTS_OF = {
    "classification": lambda x: {"probability": tf.nn.softmax(x)},
    "multi_label": lambda x: {"probability": tf.sigmoid(x)},
    "regression": lambda x: {"score": x},
    "token_classification": lambda x: {"probability": tf.nn.softmax(x)},
    "question_answering": lambda x: {
        "end_logits": x[:, :, 1],
        "start_logits": x[:, :, 0],
    },
    "multiple_choice": lambda x: {"logit": x},
    "similarity": lambda x: {"embedding": x[:, 0]},
}


def _names(path, side):
    """Names of the signature's tensors in the order of the file's own."""
    interpreter = tf.lite.Interpreter(str(path))
    details = getattr(interpreter, f"get_{side[:-1]}_details")()
    signature = interpreter.get_signature_runner("serving_default")
    named = getattr(signature, f"get_{side[:-1]}_details")()
    of_index = {detail["index"]: name for name, detail in named.items()}
    return [of_index[detail["index"]] for detail in details]


def expected(model, inputs, dynamic_length):
    """What the file is asked and should answer, of the model in memory.

    Args:
        model: `bert_tf.Model`.
        inputs: {name: list of strings}, see `parity.read_texts`.
        dynamic_length: whether examples are not padded.

    Returns:
        {input: list of ids of examples} and {output: list of arrays}, without padding.
    """
    task, length = model.task, model.task.max_seq_length
    names = ["text", "text_pair"]
    if "question" in inputs:
        names = ["question", "context"]
    texts = [inputs[name] for name in names if name in inputs]
    if "choices" in inputs:  # Each with its question is an example.
        texts = [inputs["question"], [choices[0] for choices in inputs["choices"]]]
    framed = frame(
        *(task.tokenizer.tokenize(tf.constant(strings)) for strings in texts),
        cls_id=task.tokenizer.cls_id,
        sep_id=task.tokenizer.sep_id,
        max_seq_length=length,
    )
    mask = tf.ones_like(framed["input_ids"])
    ragged = dict(zip(INPUTS, (framed["input_ids"], mask, framed["segment_ids"])))
    shape = None if dynamic_length else [None, length]
    asked = {name: x.to_list() for name, x in ragged.items()}
    if not dynamic_length:
        padded = {name: x.to_tensor(shape=shape) for name, x in ragged.items()}
        asked = {name: x.numpy().tolist() for name, x in padded.items()}
    answers = {}
    answer = _answer(task, model.model)
    for row in zip(*(x.to_list() for x in ragged.values())):
        for name, x in answer(*(tf.constant([ids]) for ids in row)).items():
            answers.setdefault(name, []).append(x.numpy()[0])
    return asked, answers
