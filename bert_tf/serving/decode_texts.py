"""The texts that a model writes, in the graph, as `tasks.seq2seq` reads them in Python.

Shapes: B records, K texts that are returned for each, T most tokens of a text, S tokens of
a source.
"""

import dataclasses

from bert_tf.ground import lazy
from bert_tf.serving.outputs import compute
from bert_tf.tokenization import joining

tf = lazy("tensorflow")
decoding = lazy("bert_tf.models.decoding")
fixed = lazy("bert_tf.models.generation.fixed")

# What `str.strip` removes, as a regular expression of RE2.
_BLANK = r"[\s\p{Z}\x0b\x1c-\x1f\x{85}]*"
_BEST, _N_BEST = ("score",), ("n_best", "n_best_scores")


def predict_texts(task, model, columns):
    """Predicts a text for each source.

    Args:
        task: `Seq2Seq`.
        model: Keras model of it.
        columns: {name: strings [B]}, `text` and perhaps `text_pair`.

    Returns:
        dict with the text under the name `task.field`, string [B], and `score`, float32
        [B]; if several texts are asked for, also `n_best`, string [B, K], and
        `n_best_scores`, float32 [B, K], the best first, padded with "" and 0. Text and
        score are "" and 0 for an empty source.
    """
    named = compute(task, model, columns)
    texts, scores = _read(task, named["ids"]), named["scores"]
    source = tf.strings.reduce_join(list(columns.values()), axis=0)
    empty = tf.strings.regex_full_match(source, _BLANK)
    # There may be fewer possible texts than K.
    absent = empty[:, None] | (scores == float("-inf"))
    texts, scores = tf.where(absent, "", texts), tf.where(absent, 0.0, scores)
    best = {task.field: texts[:, 0], "score": scores[:, 0]}
    if task.options.num_return_sequences == 1:
        return best
    return best | dict(zip(_N_BEST, (texts, scores)))


def _read(task, ids):
    """Returns the texts, string [B, K], of ids [B, K, T]."""
    rows = tf.reshape(ids, [-1, task.options.max_target_length])
    is_word = (rows != 0) & (rows != task.target_tokenizer.sep_id)
    words = tf.ragged.boolean_mask(rows, is_word)
    strings = task.target_tokenizer.detokenize(words)
    return tf.reshape(joining.join(strings, task.joining), tf.shape(ids)[:2])


def as_texts(row):
    """Returns a row of `predict_texts` as `Seq2Seq.predict` has it."""
    if "n_best" not in row:
        return row
    texts, scores = (row[name] for name in _N_BEST)
    (field,) = row.keys() - {*_BEST, *_N_BEST}
    best = {field: row[field], "score": row["score"]}
    others = [
        {field: text, "score": score}
        for text, score in zip(texts[1:], scores[1:])
        if text or score
    ]
    return best | {"n_best": [best, *others]}


def as_ids(task, named):
    """Returns `output_ids`, int32 [B, K, T], and `scores`, float32 [B, K]."""
    return {"output_ids": named["ids"], "scores": named["scores"]}


def as_greedy_ids(named):
    """Returns `output_ids`, int32 [B, T], and `score`, float32 [B, 1]."""
    return {"output_ids": named["ids"][:, 0], "score": named["scores"]}


def search_greedily(task, model, batch, in_file):
    """Returns `ids`, int32 [B, 1, T], and `scores`, float32 [B, 1], of greedy search.

    Args:
        task, model: as of `predict_texts`.
        batch: dict of a padded batch, see `as_rows`.
        in_file: whether a TFLite file computes it; B is 1 then.
    """
    greedy = {"num_beams": 1, "num_return_sequences": 1, "do_sample": False}
    options = dataclasses.replace(task.options, **greedy)
    search = fixed.greedy_fixed if in_file else decoding.generate
    tokenizer = task.target_tokenizer
    return search(
        *(model, batch, options), start_id=tokenizer.cls_id, end_id=tokenizer.sep_id
    )


def count_tokens(options):
    """Returns the most tokens that are computed for the texts of a record."""
    drawn, kept = options.num_return_sequences, options.num_beams
    return options.max_target_length * (drawn if options.do_sample else kept)
