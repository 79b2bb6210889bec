"""A model as numbers in, numbers out: padded ids, and outputs by name.

TFLite and ONNX files hold this form. The program that runs them tokenizes the text and
interprets the outputs.
"""

import tensorflow as tf

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.tokenization.framing import frame

# Model Maker's names, which the Task Library expects.
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


def make_function(task, model):
    """Returns function(ids, mask, segments, int32 [B, S]) → {name: tensor}.

    Raises:
        ValueError: the task has no such form.
    """
    adapter = ADAPTERS[task.name]
    if adapter.padded is None:
        raise ValueError(
            f"{task.name} has no form of numbers alone; pass --format=saved_model."
        )

    def compute(input_word_ids, input_mask, input_type_ids):
        batch = {
            "input_ids": input_word_ids,
            "input_mask": input_mask,
            "segment_ids": input_type_ids,
        }
        if adapter.has_choices:
            batch["num_choices"] = tf.constant(1)
        outputs = model(adapter.complete(task, batch), training=False)
        return adapter.padded(task.named(outputs))

    return compute


def trace(task, model, batch_size, length):
    """Returns `make_function` as a `tf.function` with B = `batch_size`, S = `length`.

    None stands for any size.
    """
    shape = [batch_size, length]
    specs = [tf.TensorSpec(shape, tf.int32, name=name) for name in INPUTS]
    compute = make_function(task, model)
    return tf.function(compute, input_signature=specs, autograph=False)


def expected(model, inputs, dynamic_length):
    """Returns inputs for the file and the outputs that the model in memory gives.

    Args:
        model: `bert_tf.Model`.
        inputs: {name: list of strings}, see `parity.read_texts`.
        dynamic_length: whether examples are not padded.

    Returns:
        {input: list of ids of examples} and {output: list of arrays}, without padding.
    """
    task, length = model.task, model.task.options.max_seq_length
    fields = [inputs[name] for name in ADAPTERS[task.name].fields if name in inputs]
    # Of several choices the first, with its question, is an example.
    texts = [[x if isinstance(x, str) else x[0] for x in field] for field in fields]
    framed = frame(
        *(task.tokenizer.tokenize(tf.constant(strings)) for strings in texts),
        cls_id=task.tokenizer.cls_id,
        sep_id=task.tokenizer.sep_id,
        max_seq_length=length,
    )
    mask = tf.ones_like(framed["input_ids"])
    ragged = dict(zip(INPUTS, (framed["input_ids"], mask, framed["segment_ids"])))
    if dynamic_length:
        ids = {name: x.to_list() for name, x in ragged.items()}
    else:
        padded = {n: x.to_tensor(shape=[None, length]) for n, x in ragged.items()}
        ids = {name: x.numpy().tolist() for name, x in padded.items()}
    outputs = {}
    compute = make_function(task, model.keras_model)
    for row in zip(*(x.to_list() for x in ragged.values())):
        for name, x in compute(*(tf.constant([ids]) for ids in row)).items():
            outputs.setdefault(name, []).append(x.numpy()[0])
    return ids, outputs
