"""A model as numbers in, numbers out: padded ids, and outputs by name.

What TFLite and ONNX files hold; pieces are cut, and answers read, by who runs them.
"""

import tensorflow as tf

from bert_tf.data.rows.packing import frame

# As Model Maker named them, and the Task Library looks for them.
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
# Of a task: the model's outputs → {name: tensor}.
OUTPUTS = {
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


def make_function(task, model):
    """Returns function(ids, mask, segments, int32 [B, S]) → {name: tensor}.

    Raises:
        ValueError: a task that has no such form.
    """
    if task.name not in OUTPUTS:
        raise ValueError(
            f"{task.name} has no form of numbers alone; take --format=saved_model."
        )

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
        return OUTPUTS[task.name](model(batch, training=False))

    return answer


def trace(task, model, batch_size, length):
    """`make_function` as a `tf.function` of B = `batch_size`, S = `length`; None is any."""
    shape = [batch_size, length]
    specs = [tf.TensorSpec(shape, tf.int32, name=name) for name in INPUTS]
    answer = make_function(task, model)
    return tf.function(answer, input_signature=specs, autograph=False)


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
    if dynamic_length:
        asked = {name: x.to_list() for name, x in ragged.items()}
    else:
        padded = {n: x.to_tensor(shape=[None, length]) for n, x in ragged.items()}
        asked = {name: x.numpy().tolist() for name, x in padded.items()}
    answers = {}
    answer = make_function(task, model.keras_model)
    for row in zip(*(x.to_list() for x in ragged.values())):
        for name, x in answer(*(tf.constant([ids]) for ids in row)).items():
            answers.setdefault(name, []).append(x.numpy()[0])
    return asked, answers
