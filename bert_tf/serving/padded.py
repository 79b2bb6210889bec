"""A model as numbers in, numbers out: padded ids, and outputs by name.

TFLite and ONNX files hold this form. The program that runs them tokenizes the text and
interprets the outputs.
"""

import tensorflow as tf

from bert_tf.serving.adapters import ADAPTERS
from bert_tf.tokenization.framing import frame

# Names of ids, mask and segments: Model Maker's, which the Task Library expects of TFLite
# files, and those that the tokenizers of transformers return.
TASK_LIBRARY = ("input_word_ids", "input_mask", "input_type_ids")
TRANSFORMERS = ("input_ids", "attention_mask", "token_type_ids")


def check_options(task, options):
    """Raises a ValueError if options were given that a file does not have.

    Args:
        task: `Task`.
        options: {name: value} of the options of the task that were given.
    """
    for name in ADAPTERS[task.name].not_in_files:
        if name in options:
            raise ValueError(
                f"a TFLite or ONNX file of {task.name} chooses the most probable token "
                f"at each step, so {name} does not apply; received {options[name]!r}. "
                "Drop it, or pass --format=saved_model."
            )


def make_function(task, model, *, in_file=True):
    """Returns function(ids, mask, segments, integers [B, S]) → {name: tensor}.

    Args:
        task, model: `Task` and its Keras model.
        in_file: whether a file computes it, not the model in memory.

    Raises:
        ValueError: the task has no such form.
    """
    adapter = ADAPTERS[task.name]
    if adapter.padded is None:
        raise ValueError(
            f"{task.name} has no form of numbers alone; pass --format=saved_model."
        )

    def compute(ids, mask, segments):
        named = {"input_ids": ids, "input_mask": mask, "segment_ids": segments}
        batch = {name: tf.cast(x, tf.int32) for name, x in named.items()}
        if adapter.has_choices:
            batch["choices"] = tf.range(tf.shape(ids)[0])[:, None]
        batch = adapter.complete(task, batch)
        return adapter.padded(adapter.infer_padded(task, model, batch, in_file))

    return compute


def trace(task, model, shape, names, dtype, *, in_file=True):
    """Returns `make_function` as a `tf.function`.

    Args:
        task, model, in_file: as of `make_function`.
        shape: B and S, None for any size.
        names: names of the inputs, such as `TASK_LIBRARY`.
        dtype: of the inputs.
    """
    specs = [tf.TensorSpec(shape, dtype, name=name) for name in names]
    compute = make_function(task, model, in_file=in_file)
    return tf.function(compute, input_signature=specs, autograph=False)


def expected(model, inputs, names, dynamic_length):
    """Returns inputs for the file and the outputs that the model in memory gives.

    Args:
        model: `bert_tf.Model`.
        inputs: {name: list of strings}, see `parity.read_texts`.
        names: of the file's inputs, as of `trace`.
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
    ragged = dict(zip(names, (framed["input_ids"], mask, framed["segment_ids"])))
    if dynamic_length:
        ids = {name: x.to_list() for name, x in ragged.items()}
    else:
        padded = {n: x.to_tensor(shape=[None, length]) for n, x in ragged.items()}
        ids = {name: x.numpy().tolist() for name, x in padded.items()}
    outputs = {}
    compute = trace(
        *(task, model.keras_model, [None, None], names, tf.int32), in_file=False
    )
    for row in zip(*(x.to_list() for x in ragged.values())):
        for name, x in compute(*(tf.constant([ids]) for ids in row)).items():
            outputs.setdefault(name, []).append(x.numpy()[0])
    return ids, outputs
