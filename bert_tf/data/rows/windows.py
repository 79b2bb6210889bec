"""Cuts long texts into overlapping windows; one window owns each token.

The prediction for a token comes from the window that owns it. Tensors and NumPy arrays
run the same text, see `bert_tf.tokenization.arrays`, and so do training and serving.

Shapes: B texts, W windows of all texts, L tokens, T words of all texts, K words of a
window.
"""

from bert_tf.tokenization.arrays import operations


def cut(lengths, most, overlap, long_text="windows"):
    """Computes the windows of texts, at least one for each text.

    A token is owned by the window in which it has most context ("maximum context" in
    run_squad.py of google-research/bert): where two windows overlap, each owns one half.

    Args:
        lengths: int64 [B], number of tokens of each text.
        most: most tokens of a window, an int or int64 [B].
        overlap: number of tokens that two neighboring windows share, below `most`; an int
            or int64 [B].
        long_text: "windows", or "truncate" for the first window of each text only.

    Returns:
        The number of each window in its text, int64 ragged [B, (windows)]; and a dict of
        int64 [W]: a window has the tokens [`begin`, `end`) of its text and owns the
        tokens [`first`, `last`).
    """
    xp = operations(lengths)
    most, overlap = (
        xp.broadcast_to(xp.cast(x, xp.int64), xp.shape(lengths))
        for x in (most, overlap)
    )
    if long_text == "truncate":
        lengths = xp.minimum(lengths, most)
    stride = most - overlap
    beyond = xp.maximum(lengths - most, 0)
    counts = 1 + (beyond + stride - 1) // stride
    numbers = xp.ragged.range(counts)
    text, number = numbers.value_rowids(), numbers.values
    counts, lengths, most, stride, half = (
        xp.gather(x, text) for x in (counts, lengths, most, stride, overlap // 2)
    )
    begin = number * stride
    return numbers, {
        "begin": begin,
        "end": xp.minimum(begin + most, lengths),
        "first": xp.where(number == 0, begin, begin + half),
        "last": xp.where(number == counts - 1, lengths, begin + stride + half),
    }


def take(values, text, begin, end):
    """Returns the values [begin, end) of rows of a ragged tensor, ragged [W, (L)].

    Args:
        values: ragged [B, (L)].
        text: int64 [W], indices of rows, in any order.
        begin, end: int64 [W].
    """
    xp = operations(values.values)
    starts = xp.gather(values.row_starts(), text)
    places = xp.ragged.range(starts + begin, starts + end)
    return places.with_values(xp.gather(values.values, places.values))


def cut_words(pieces, splits, most, long_text="windows"):
    """Cuts texts of words into windows that overlap by a quarter.

    A window owns the words whose first token it owns. No window owns a word that has no
    tokens or that `long_text` cuts off.

    Args:
        pieces: int32 ragged [T, (L)], the tokens of each word; a word may have none.
        splits: int64 [B + 1]; the words of text n are [splits[n], splits[n + 1]).
        most, long_text: as in `cut`.

    Returns:
        dict with `pieces`, int32 ragged [W, (L)], the tokens of each window; `places`,
        int32 ragged [W, (K)], where the first token of each owned word stands in the
        window; `words`, int32 ragged [W, (K)], the index of this word in its text; and
        `record`, int64 [W], the index of the text.
    """
    xp = operations(pieces.values)
    words = xp.RaggedTensor.from_row_splits(xp.range(pieces.nrows()), splits)
    texts = xp.RaggedTensor.from_row_splits(
        pieces.values, xp.gather(pieces.row_splits, splits)
    )
    numbers, window = cut(texts.row_lengths(), most, most // 4, long_text)
    text = words.value_rowids()
    first = pieces.row_starts() - xp.gather(texts.row_starts(), text)
    # The last window that owns the word's first token or a token before it.
    number = (first - most // 4 // 2) // (most - most // 4)
    last = xp.gather(numbers.row_lengths(), text) - 1
    index = xp.gather(numbers.row_starts(), text) + xp.clip_by_value(number, 0, last)
    owned = (pieces.row_lengths() > 0) & (first < xp.gather(window["last"], index))
    index, first, word = (
        xp.boolean_mask(x, owned)
        for x in (index, first, words.values - xp.gather(words.row_starts(), text))
    )

    def by_window(values):
        return xp.RaggedTensor.from_value_rowids(
            xp.cast(values, xp.int32), index, nrows=xp.size(numbers.values, xp.int64)
        )

    record = numbers.value_rowids()
    return {
        "pieces": take(texts, record, window["begin"], window["end"]),
        "places": by_window(first - xp.gather(window["begin"], index)),
        "words": by_window(word),
        "record": record,
    }
