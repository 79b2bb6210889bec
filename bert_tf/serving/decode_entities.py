"""Entities in the tags of words, in the graph, as `tasks.metrics.entities` finds them in Python.

Shapes: B texts, T words of them all, C tags, P the most entities of a text.
"""

from bert_tf.ground import lazy

tf = lazy("tensorflow")

_PREFIXES = "OBIES"


def find_entities(labels, logs, texts, starts, ends):
    """Finds the entities of texts, given the most probable tag of each word.

    Args:
        labels: names of tags, in the order of ids.
        logs: float32 [T, C], log-probabilities.
        texts: strings [B].
        starts, ends: int32 ragged [B, (words)] of T words, in characters.

    Returns:
        dict of [B, P]: `start` and `end`, int32, padded with -1; `type` and `text`,
        strings, padded with ""; `score`, float32, the mean probability of the tags of
        the entity's words.
    """
    tag = tf.argmax(logs, axis=-1, output_type=tf.int32)
    probability = tf.exp(tf.reduce_max(logs, axis=-1))
    text = starts.value_rowids()
    names = sorted({label[2:] for label in labels})
    prefixes = tf.constant([_PREFIXES.index(label[0]) for label in labels])
    kinds = tf.constant([names.index(label[2:]) for label in labels])
    prefix, kind = tf.gather(prefixes, tag), tf.gather(kinds, tag)
    begins = _begins(prefix, kind, text)
    inside = prefix > 0
    entity = tf.boolean_mask(tf.cumsum(tf.cast(begins, tf.int32)) - 1, inside)
    words = tf.boolean_mask(tf.range(tf.size(tag)), inside)
    first = tf.boolean_mask(tf.range(tf.size(tag)), begins)
    last = tf.math.segment_max(words, entity)
    start, end = tf.gather(starts.values, first), tf.gather(ends.values, last)
    owner = tf.gather(text, first)
    entities = {
        "start": start,
        "end": end,
        "type": tf.gather(tf.constant(names), tf.gather(kind, first)),
        "text": cut_texts(texts, owner, start, end),
        "score": tf.math.segment_mean(tf.boolean_mask(probability, inside), entity),
    }
    fill = {"start": -1, "end": -1, "type": "", "text": "", "score": 0.0}

    def pad(name):
        values = tf.RaggedTensor.from_value_rowids(
            entities[name], owner, nrows=tf.size(texts, tf.int64)
        )
        return values.to_tensor(fill[name])

    return {name: pad(name) for name in entities}


def _begins(prefix, kind, text):
    """Returns whether an entity begins at each word, bool [T], as conlleval has it."""
    out, begin, _, end, single = range(len(_PREFIXES))
    first = tf.concat([[True], text[1:] != text[:-1]], axis=0)[: tf.size(text)]

    def before(values, nothing):
        moved = tf.concat([[nothing], values[:-1]], axis=0)[: tf.size(values)]
        return tf.where(first, nothing, moved)

    prefix_before, kind_before = before(prefix, out), before(kind, -1)
    over = (prefix_before == out) | (prefix_before == end) | (prefix_before == single)
    anew = (prefix == begin) | (prefix == single)
    return (prefix != out) & (anew | over | (kind != kind_before))


def cut_texts(texts, number, start, end):
    """Returns the characters [start, end) of texts[number], strings [entities]."""
    points = tf.strings.unicode_decode(texts, "UTF-8")
    shift = tf.gather(points.row_starts(), number)
    places = tf.ragged.range(
        shift + tf.cast(start, tf.int64), shift + tf.cast(end, tf.int64)
    )
    cut = places.with_values(tf.gather(points.values, places.values))
    return tf.strings.unicode_encode(cut, "UTF-8")
