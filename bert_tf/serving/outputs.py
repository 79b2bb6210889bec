"""Outputs of a model as the outputs of a signature, all of it in the graph; and back again.

Their names are those of `Task.predict`. They are dense tensors with a row a record: where a
record has several values, rows are padded with "" or -1.

Shapes: B records, W windows of them, T words, L tokens, C labels, choices or passages, H
hidden size,
P and K the most of a batch.
"""

from bert_tf.data.records.words_in_graph import split_words
from bert_tf.data.rows.packing import pack
from bert_tf.ground import lazy
from bert_tf.serving.decode_entities import find_entities
from bert_tf.tasks.texts import frame_texts

tf = lazy("tensorflow")

_ABSENT = -1


def run(task, model, example):
    """Returns the outputs of a model by name, for framed examples."""
    return task.infer(model, pack(example, trim_one=True))


def compute(task, model, columns):
    """Returns the outputs of a model by name, for columns of strings, [B] or [B, C]."""
    return run(task, model, task.features(columns))


def softmax(named):
    """Returns `probability` of `logits` of labels that exclude each other."""
    return {"probability": tf.nn.softmax(named["logits"])}


def sigmoid(named):
    """Returns `probability` of `logits` of labels that do not exclude each other."""
    return {"probability": tf.sigmoid(named["logits"])}


def of_labels(task, named):
    """Returns `logits`, `scores` and `label`, the most probable, of `logits` [B, C]."""
    logits = named["logits"]
    scores = tf.nn.softmax(logits)
    label = tf.gather(tf.constant(task.labels), tf.argmax(logits, axis=-1))
    if least := getattr(task.options, "abstain_below", 0.0):
        label = tf.where(tf.reduce_max(scores, axis=-1) < least, "", label)
    return {"logits": logits, "scores": scores, "label": label}


def of_many_labels(task, named):
    """Returns `logits`, `scores` and `labels`, string [B, P], of `logits` [B, C]."""
    logits = named["logits"]
    scores = tf.sigmoid(logits)
    threshold = 0.5 if task.threshold is None else task.threshold
    given = tf.where(scores >= threshold)
    labels = tf.RaggedTensor.from_value_rowids(
        tf.gather(tf.constant(task.labels), given[:, 1]),
        given[:, 0],
        nrows=tf.shape(logits, tf.int64)[0],
    )
    return {"logits": logits, "scores": scores, "labels": labels.to_tensor("")}


def without_padded_labels(row):
    """Returns a row of `of_many_labels` as `MultiLabel.predict` has it."""
    return row | {"labels": [label for label in row["labels"] if label]}


def of_number(task, named):
    """Returns `score` [B] of `logits` [B, 1]."""
    return {"score": named["logits"][:, 0]}


def of_choices(task, named):
    """Returns `logits` and `scores`, [B, C]."""
    return {"logits": named["logits"], "scores": tf.nn.softmax(named["logits"])}


def of_relevance(task, named):
    """Returns `score` [B] of `logits` [B, 1]: of a pair of query and passage."""
    logits = named["logits"][:, 0]
    return {"score": tf.sigmoid(logits) if task.activation == "sigmoid" else logits}


def rank_passages(task, model, queries, passages):
    """Returns `index` and `score`, [B, C], of passages [B, C] for queries [B].

    The best comes first, and of equal ones the first.
    """
    shape = tf.shape(passages)
    columns = {
        "text": tf.repeat(queries, shape[1]),
        "text_pair": tf.reshape(passages, [-1]),
    }
    named = compute(task, model, columns)
    logits = tf.reshape(named["logits"], shape)
    # By logits, since scores near 1 may be equal although logits differ.
    order = tf.argsort(-logits, axis=-1, stable=True)
    scores = tf.reshape(of_relevance(task, named)["score"], shape)
    return {"index": order, "score": tf.gather(scores, order, batch_dims=1)}


def as_ranking(row):
    """Returns a row of `rank_passages` as `Reranking.predict` has it."""
    pairs = zip(row["index"], row["score"])
    return {"ranking": [{"index": int(n), "score": x} for n, x in pairs if n >= 0]}


def label_by_entailment(task, model, texts):
    """Returns `scores` [B, L], of the labels given, and `label`, the best, of texts [B]."""
    count = len(task.hypotheses)
    columns = {
        "text": tf.repeat(texts, count),
        "text_pair": tf.tile(tf.constant(task.hypotheses), tf.shape(texts)),
    }
    logits = compute(task, model, columns)["logits"]
    weighed = task.weigh(tf.reshape(logits, [-1, count, logits.shape[-1]]))
    normalize = tf.sigmoid if task.scores_alone else tf.nn.softmax
    label = tf.gather(tf.constant(task.labels), tf.argmax(weighed, axis=-1))
    return {"scores": normalize(weighed), "label": label}


def of_embeddings(task, named):
    """Returns `embedding` [B, H] of `embeddings` [B, 1, H]."""
    return {"embedding": named["embeddings"][:, 0]}


def predict_entities(task, model, texts):
    """Returns `start`, `end`, `type`, `text`, `score` of entities, [B, P], of texts [B]."""
    starts, ends, words = split_words(texts)
    logs = _tag_logs(task, model, words)
    return find_entities(task.labels, logs, texts, starts, ends)


def _tag_logs(task, model, words):
    """Returns log-probabilities of tags, float32 [T, C], as `TokenClassification.collect`.

    Args:
        words: strings ragged [B, (words)].
    """
    cut = task.cut(words.values, words.row_splits)
    example = task.features({name: cut[name] for name in ("pieces", "places")})
    logits = run(task, model, example)["logits"]
    logs = tf.nn.log_softmax(tf.boolean_mask(logits, example["places"] >= 0))
    # The others are O: words without tokens, or beyond max_seq_length.
    outside = tf.one_hot(task.labels.index("O"), len(task.labels), 0.0, -1e9)
    outside = tf.repeat(outside[None], tf.size(words.values), axis=0)
    text = tf.repeat(cut["record"], cut["words"].row_lengths())
    number = tf.gather(words.row_starts(), text) + tf.cast(
        cut["words"].values, tf.int64
    )
    return tf.tensor_scatter_nd_update(outside, number[:, None], logs)


def as_entities(row):
    """Returns a row of `predict_entities` as `TokenClassification.predict` has it."""
    columns = {name: row[name] for name in ("start", "end", "type", "text", "score")}
    entities = [dict(zip(columns, values)) for values in zip(*columns.values())]
    return {"entities": [entity for entity in entities if entity["start"] >= 0]}


def predict_masks(task, model, texts):
    """Returns `tokens` and `probabilities` of each mask, [B, P, K], of texts [B]."""
    options = task.options
    example = frame_texts({"text": texts}, task.tokenizer, options.max_seq_length)
    is_mask = example["input_ids"] == task.tokenizer.mask_id
    places = tf.where(is_mask.to_tensor(False))
    places = tf.RaggedTensor.from_value_rowids(
        tf.cast(places[:, 1], tf.int32), places[:, 0], nrows=is_mask.nrows()
    ).to_tensor(_ABSENT)
    return of_masks(task, run(task, model, example | {"mask_places": places}))


def of_masks(task, named):
    """Returns `tokens` and `probabilities`, [B, P, K], of ids and probabilities."""
    tokens = tf.gather(tf.constant(task.tokenizer.vocab), named["ids"])
    probabilities = named["probabilities"]
    return {
        "tokens": tf.where(probabilities > 0, tokens, ""),
        "probabilities": probabilities,
    }


def as_masks(row):
    """Returns a row of `of_masks` as `FillMask.predict` has it."""
    masks = zip(row["tokens"], row["probabilities"])
    return {
        "tokens": [
            [{"token": t, "probability": p} for t, p in zip(tokens, probabilities)]
            for tokens, probabilities in masks
            if tokens[0]
        ]
    }


def extract_states(task, model, texts):
    """Returns `tokens`, strings [B, P], and `layer_-1` and so on, float32 [B, P, H]."""
    example = task.frame_texts(texts)
    tokens = tf.gather(tf.constant(task.tokenizer.vocab), example["input_ids"])
    states = of_states(task, run(task, model, example))
    return {"tokens": tokens.to_tensor("")} | states


def of_states(task, named):
    """Returns `layer_-1` and so on, [B, P, H], of `hidden_states` [B, P, layers, H]."""
    states = named["hidden_states"]
    return {f"layer_{n}": states[:, :, i] for i, n in enumerate(task.layers)}


def as_states(row):
    """Returns a row of `extract_states` as `Features.predict` has it."""
    count = len([token for token in row["tokens"] if token])
    layers = {
        name.removeprefix("layer_"): states[:count]
        for name, states in row.items()
        if name != "tokens"
    }
    return {"tokens": row["tokens"][:count], "layers": layers}
