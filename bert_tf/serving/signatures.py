"""The signatures of a SavedModel: what goes in under which name, and what comes out.

Shapes: B records, C choices, S tokens.
"""

import tensorflow as tf

from bert_tf.serving import decode_spans as spans
from bert_tf.serving import outputs as answers


def make_signatures(task, model, *, pairs):
    """Returns {name: `tf.function` of named tensors, with its input signature}.

    `serving_default` takes strings, `examples` serialised tf.Example of the same names,
    `token_ids` ids as the published model takes them: `input_ids`, `input_mask` and
    `segment_ids`, int32 [B, S], padded with 0. Similarity has `pairs`, too.

    Args:
        task: of `tasks.ANSWERING`.
        model: Keras model of it.
        pairs: whether the texts are pairs.
    """
    made = _STRINGS[task.name](task, model, pairs)
    names, function = made["serving_default"]
    found = {
        name: _function(function, [_strings(input_) for input_ in inputs])
        for name, (inputs, function) in made.items()
    }
    found["token_ids"] = _token_ids(task, model)
    found["examples"] = _examples(names, function)
    return found


def _strings(name):
    shape = [None, None] if name == "choices" else [None]
    return tf.TensorSpec(shape, tf.string, name=name)


def _function(function, specs):
    return tf.function(function, input_signature=specs, autograph=False)


def _of_texts(shape_answers):
    """Of tasks that look at a text, or a pair of texts, as a whole."""

    def make(task, model, pairs):
        def single(text):
            return shape_answers(task, answers.of_texts(task, model, {"text": text}))

        def pair(text, text_pair):
            columns = {"text": text, "text_pair": text_pair}
            return shape_answers(task, answers.of_texts(task, model, columns))

        both = (["text", "text_pair"], pair)
        return {"serving_default": both if pairs else (["text"], single)}

    return make


def _of_words(task, model, pairs):
    return {
        "serving_default": (
            ["text"],
            lambda text: answers.entities(task, model, text),
        )
    }


def _of_questions(task, model, pairs):
    return {
        "serving_default": (
            ["question", "context"],
            lambda question, context: spans.answer(task, model, question, context),
        )
    }


def _of_choices(task, model, pairs):
    def choose(question, choices):
        columns = {"text": question, "choices": choices}
        logits = answers.of_texts(task, model, columns)
        return answers.of_choices(task, logits, choices)

    return {"serving_default": (["question", "choices"], choose)}


def _of_embeddings(task, model, pairs):
    def embed(text):
        return {"embedding": answers.of_texts(task, model, {"text": text})[:, 0]}

    def compare(text, text_pair):
        columns = {"text": text, "text_pair": text_pair}
        both = tf.math.l2_normalize(answers.of_texts(task, model, columns), axis=-1)
        return {"similarity": tf.reduce_sum(both[:, 0] * both[:, 1], axis=-1)}

    return {
        "serving_default": (["text"], embed),
        "pairs": (["text", "text_pair"], compare),
    }


def _of_masks(task, model, pairs):
    return {"serving_default": (["text"], lambda text: answers.fill(task, model, text))}


def _of_states(task, model, pairs):
    if task.long_text == "windows":
        raise ValueError(
            "features are served of a text's one example; take long_text=truncate or "
            "head_tail."
        )
    return {
        "serving_default": (["text"], lambda text: answers.states(task, model, text))
    }


_STRINGS = {
    "features": _of_states,
    "classification": _of_texts(answers.of_labels),
    "multi_label": _of_texts(answers.of_many_labels),
    "regression": _of_texts(answers.of_number),
    "token_classification": _of_words,
    "question_answering": _of_questions,
    "multiple_choice": _of_choices,
    "similarity": _of_embeddings,
    "fill_mask": _of_masks,
}


def _token_ids(task, model):
    rank = 3 if task.name == "multiple_choice" else 2

    def from_ids(input_ids, input_mask, segment_ids):
        shape = tf.shape(input_ids)
        batch = {
            "input_ids": input_ids,
            "input_mask": input_mask,
            "segment_ids": segment_ids,
        }
        flat = [tf.reduce_prod(shape[:-1]), shape[-1]]
        batch = {name: tf.reshape(x, flat) for name, x in batch.items()}
        if task.name == "multiple_choice":
            batch["num_choices"] = shape[1]
        places = tf.range(shape[-1])
        if task.name in ("token_classification", "question_answering", "features"):
            batch["places"] = tf.where(input_mask > 0, places, -1)
        if task.name == "fill_mask":
            is_mask = input_ids == task.tokenizer.mask_id
            batch["mask_places"] = tf.where(is_mask, places, -1)
        outputs = model(batch, training=False)
        return _OF_IDS[task.name](task, outputs)

    specs = [
        tf.TensorSpec([None] * rank, tf.int32, name=name)
        for name in ("input_ids", "input_mask", "segment_ids")
    ]
    return _function(from_ids, specs)


_OF_IDS = {
    "classification": answers.of_labels,
    "multi_label": answers.of_many_labels,
    "regression": answers.of_number,
    "token_classification": answers.of_labels,
    "question_answering": lambda task, logits: {
        "start_logits": logits[:, :, 0],
        "end_logits": logits[:, :, 1],
    },
    "multiple_choice": lambda task, logits: {
        "logits": logits,
        "scores": tf.nn.softmax(logits),
    },
    "similarity": lambda task, embeddings: {"embedding": embeddings[:, 0]},
    "fill_mask": answers.of_guesses,
    "features": answers.of_states,
}


def _examples(names, function):
    """Of serialised tf.Example whose features have the names of the strings."""

    def from_examples(examples):
        features = {
            name: tf.io.VarLenFeature(tf.string)
            if name == "choices"
            else tf.io.FixedLenFeature([], tf.string)
            for name in names
        }
        parsed = tf.io.parse_example(examples, features)
        columns = {
            name: tf.sparse.to_dense(x, "") if isinstance(x, tf.SparseTensor) else x
            for name, x in parsed.items()
        }
        return function(**columns)

    return _function(from_examples, [tf.TensorSpec([None], tf.string, name="examples")])
