"""Long texts in windows that overlap, each of its pieces answered by one of them.

All of it is TensorFlow graph, so that training and serving run the same lines.

Shapes: B texts, W windows of them all, L pieces, T words of them all, K words of a
window.
"""

import tensorflow as tf


def cut(lengths, most, overlap, long_text="windows"):
    """Places the windows of texts, at least one of each.

    A piece belongs to the window in which it has most context: of two that overlap, the
    border lies in the midst (Devlin et al., 2019, in run_squad.py: maximum context).

    Args:
        lengths: int64 [B], pieces of each text.
        most: pieces that a window has at most, an int or int64 [B].
        overlap: pieces that two neighbours share, below `most`; an int or int64 [B].
        long_text: "windows" or "truncate"; "truncate" gives the first window alone.

    Returns:
        int64 ragged [B, (windows)], the number of each window in its text; and a dict of
        int64 [W]: a window has the pieces [`begin`, `end`) of its text, of which
        [`first`, `last`) are its own to answer.
    """
    most, overlap = (
        tf.broadcast_to(tf.cast(x, tf.int64), tf.shape(lengths))
        for x in (most, overlap)
    )
    if long_text == "truncate":
        lengths = tf.minimum(lengths, most)
    stride = most - overlap
    beyond = tf.maximum(lengths - most, 0)
    counts = 1 + (beyond + stride - 1) // stride
    numbers = tf.ragged.range(counts)
    text, number = numbers.value_rowids(), numbers.values
    counts, lengths, most, stride, half = (
        tf.gather(x, text) for x in (counts, lengths, most, stride, overlap // 2)
    )
    begin = number * stride
    return numbers, {
        "begin": begin,
        "end": tf.minimum(begin + most, lengths),
        "first": tf.where(number == 0, begin, begin + half),
        "last": tf.where(number == counts - 1, lengths, begin + stride + half),
    }


def take(values, text, begin, end):
    """The pieces [begin, end) of texts, of any rows of a ragged tensor.

    Args:
        values: ragged [B, (L)].
        text, begin, end: int64 [W].

    Returns:
        ragged [W, (L)].
    """
    starts = tf.gather(values.row_starts(), text)
    places = tf.ragged.range(starts + begin, starts + end)
    return places.with_values(tf.gather(values.values, places.values))


def cut_words(pieces, splits, most, long_text="windows"):
    """Cuts texts of words into windows that overlap by a quarter.

    Args:
        pieces: int32 ragged [T, (L)], of each word; a word may have none.
        splits: int64 [B + 1], where the words of each text begin and end.
        most, long_text: as in `cut`.

    Returns:
        dict with `pieces`, int32 ragged [W, (L)]; `places`, of the first piece of each
        of its own words among them, and `words`, the word's number in the text, int32
        ragged [W, (K)]; and `record`, int64 [W], the text. A word without pieces, or
        beyond what is seen, is in none.
    """
    words = tf.RaggedTensor.from_row_splits(tf.range(pieces.nrows()), splits)
    texts = tf.RaggedTensor.from_row_splits(
        pieces.values, tf.gather(pieces.row_splits, splits)
    )
    numbers, window = cut(texts.row_lengths(), most, most // 4, long_text)
    text = words.value_rowids()
    first = pieces.row_starts() - tf.gather(texts.row_starts(), text)
    # The last window that begins to own before the word.
    number = (first - most // 4 // 2) // (most - most // 4)
    last = tf.gather(numbers.row_lengths(), text) - 1
    index = tf.gather(numbers.row_starts(), text) + tf.clip_by_value(number, 0, last)
    asked = (pieces.row_lengths() > 0) & (first < tf.gather(window["last"], index))
    index, first, word = (
        tf.boolean_mask(x, asked)
        for x in (index, first, words.values - tf.gather(words.row_starts(), text))
    )

    def of_windows(values):
        return tf.RaggedTensor.from_value_rowids(
            tf.cast(values, tf.int32), index, nrows=tf.size(numbers.values, tf.int64)
        )

    record = numbers.value_rowids()
    return {
        "pieces": take(texts, record, window["begin"], window["end"]),
        "places": of_windows(first - tf.gather(window["begin"], index)),
        "words": of_windows(word),
        "record": record,
    }
