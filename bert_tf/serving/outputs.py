"""Strings in, answers out, all of it in the graph: what a served model computes.

The fields are those of `tasks.*.predict`, as dense tensors, a row a record: where there
are several a record, rows are filled up with "" or -1.

Shapes: B records, W windows of them, T words, L pieces, C labels or choices, H hidden
size, P and K the most of a batch.
"""

import tensorflow as tf

from bert_tf.data.records.words_in_graph import split_words
from bert_tf.data.rows.packing import pack
from bert_tf.serving.decode_entities import find_entities
from bert_tf.tasks.texts import frame_texts

_ABSENT = -1


def of_labels(task, logits):
    """logits [B, C] → `logits`, `scores` and `label`, the likeliest."""
    best = tf.argmax(logits, axis=-1)
    return {
        "logits": logits,
        "scores": tf.nn.softmax(logits),
        "label": tf.gather(tf.constant(task.labels), best),
    }


def of_many_labels(task, logits):
    """logits [B, C] → `logits`, `scores` and `labels`, string [B, P], those given."""
    scores = tf.sigmoid(logits)
    threshold = 0.5 if task.threshold is None else task.threshold
    given = tf.where(scores >= threshold)
    labels = tf.RaggedTensor.from_value_rowids(
        tf.gather(tf.constant(task.labels), given[:, 1]),
        given[:, 0],
        nrows=tf.shape(logits, tf.int64)[0],
    )
    return {"logits": logits, "scores": scores, "labels": labels.to_tensor("")}


def of_number(task, outputs):
    return {"score": outputs[:, 0]}


def of_choices(task, logits, choices):
    best = tf.argmax(logits, axis=-1)
    return {
        "logits": logits,
        "scores": tf.nn.softmax(logits),
        "choice": tf.gather(choices, best, batch_dims=1),
    }


def of_texts(task, model, columns):
    """The model's outputs for columns of strings, [B] or [B, C]."""
    return model(pack(task.features(columns)), training=False)


def entities(task, model, texts):
    """texts [B] → `start`, `end`, `type`, `text`, `score` of entities, each [B, P]."""
    starts, ends, words = split_words(texts)
    logs = _tag_logs(task, model, words)
    return find_entities(task.labels, logs, texts, starts, ends)


def _tag_logs(task, model, words):
    """Log-probabilities of the tags of each word, float32 [T, C]; as `collect` has them.

    Args:
        words: strings ragged [B, (words)].
    """
    cut = task.cut(words)
    example = task.features({name: cut[name] for name in ("pieces", "places")})
    logits = model(pack(example), training=False)
    logs = tf.nn.log_softmax(tf.boolean_mask(logits, example["places"] >= 0))
    # The others are O: a word without pieces, or one that was cut off.
    silent = tf.one_hot(task.labels.index("O"), len(task.labels), 0.0, -1e9)
    silent = tf.repeat(silent[None], tf.size(words.values), axis=0)
    text = tf.repeat(cut["record"], cut["words"].row_lengths())
    number = tf.gather(words.row_starts(), text) + tf.cast(
        cut["words"].values, tf.int64
    )
    return tf.tensor_scatter_nd_update(silent, number[:, None], logs)


def fill(task, model, texts):
    """texts [B] → `tokens`, strings, and `probabilities` of each mask, [B, P, K]."""
    example = frame_texts({"text": texts}, task.tokenizer, task.max_seq_length)
    is_mask = example["input_ids"] == task.tokenizer.mask_id
    places = tf.where(is_mask.to_tensor(False))
    places = tf.RaggedTensor.from_value_rowids(
        tf.cast(places[:, 1], tf.int32), places[:, 0], nrows=is_mask.nrows()
    ).to_tensor(_ABSENT)
    outputs = model(pack(example | {"mask_places": places}), training=False)
    return of_guesses(task, outputs)


def states(task, model, texts):
    """texts [B] → `tokens`, strings [B, P], and `layer_-1` and so on, float32 [B, P, H]."""
    options = (task.tokenizer, task.max_seq_length, task.long_text)
    example = task.features(frame_texts({"text": texts}, *options))
    outputs = model(pack(example), training=False)
    tokens = tf.gather(tf.constant(task.tokenizer.vocab), example["input_ids"])
    return {"tokens": tokens.to_tensor("")} | of_states(task, outputs)


def of_states(task, outputs):
    """Outputs of `TokenStates` [B, P, layers, H] → `layer_-1` and so on, [B, P, H]."""
    return {f"layer_{n}": outputs[:, :, i] for i, n in enumerate(task.layers)}


def of_guesses(task, outputs):
    """Outputs of `MaskFiller` [B, P, 2, K] → `tokens` and `probabilities`, [B, P, K]."""
    pieces = tf.cast(outputs[:, :, 0], tf.int32)
    probabilities = outputs[:, :, 1]
    tokens = tf.gather(tf.constant(task.tokenizer.vocab), pieces)
    return {
        "tokens": tf.where(probabilities > 0, tokens, ""),
        "probabilities": probabilities,
    }
