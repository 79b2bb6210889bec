"""Splits running text into words in a TensorFlow graph.

Gives the same words as `bert_tf.data.records.words`, which is written in Python, so that
a served model reads texts as training did.

Shapes: B texts, N characters of all texts without spaces.
"""

import sys

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization.characters import CHINESE, PUNCTUATION

tf = lazy("tensorflow")

_SPACES = frozenset(c for c in range(sys.maxunicode + 1) if chr(c).isspace())
_FULL_STOP = ord(".")
_APOSTROPHES = tuple(map(ord, "'’"))
_ENDINGS_OF_ONE = tuple(map(ord, "sSmMdD"))
_ENDINGS_OF_TWO = ("ll", "LL", "re", "RE", "ve", "VE")
_ENDINGS_OF_NOT = ("nt", "NT")  # Around an apostrophe.


def split_words(texts):
    """Returns the starts, the ends and the strings of the words of texts, string [B].

    Returns:
        (starts, ends, words), each ragged [B, (words)]: int32, in characters of the text;
        int32; and string.
    """
    points = tf.strings.unicode_decode(texts, "UTF-8")
    row = points.value_rowids()
    offsets = tf.cast(
        tf.range(tf.size(row, tf.int64)) - tf.gather(points.row_starts(), row), tf.int32
    )
    visible = ~_contains(_SPACES, points.values)
    after_space = tf.concat([[True], ~visible[:-1] | (row[1:] != row[:-1])], axis=0)[
        : tf.size(row)
    ]
    row, points, offsets, after_space = (
        tf.boolean_mask(x, visible) for x in (row, points.values, offsets, after_space)
    )
    begins = _find_begins(points, after_space)
    word = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    starts = tf.boolean_mask(offsets, begins)
    ends = tf.math.segment_max(offsets, word) + 1
    text_of_word = tf.boolean_mask(row, begins)
    words = tf.RaggedTensor.from_value_rowids(points, word, nrows=tf.size(starts))
    words = tf.strings.unicode_encode(words, "UTF-8")

    def by_text(values):
        return tf.RaggedTensor.from_value_rowids(
            values, text_of_word, nrows=tf.size(texts, tf.int64)
        )

    return by_text(starts), by_text(ends), by_text(words)


def _find_begins(points, after_space):
    """Returns bool [N]: whether a word begins at each character.

    Args:
        points: int32 [N], code points.
        after_space: bool [N], whether a space or the beginning of the text comes before.
    """
    count = tf.size(points)
    place = tf.range(count)
    chinese, mark = _contains(CHINESE, points), _contains(PUNCTUATION, points)
    after_chinese = tf.concat([[False], chinese[:-1]], axis=0)[:count]
    part = tf.cumsum(tf.cast(after_space | chinese | after_chinese, tf.int32)) - 1

    def reduce_part(reduce, values):
        return tf.gather(reduce(values, part), part)

    # A part has three sections: punctuation marks, each of which is a word; a core, from
    # the first to the last character that is no mark; and marks again.
    core_begin = reduce_part(tf.math.segment_min, tf.where(mark, count, place))
    last = reduce_part(tf.math.segment_max, tf.where(mark, -1, place))
    stop = tf.cast(points == _FULL_STOP, tf.int32)
    stops = tf.cumsum(stop, exclusive=True)
    # The last full stop of U.S. belongs to the core, because the core has another one.
    before = stops - tf.gather(stops, tf.minimum(core_begin, count - 1))
    belongs = (place > last) & (stop == 1) & (before > 0)
    last_stop = reduce_part(tf.math.segment_max, tf.where(belongs, place, -1))
    core_end = tf.maximum(last, last_stop) + 1
    ending = _find_ending(points, core_begin, core_end)
    return (
        (place < core_begin)
        | (place == core_begin)
        | (place == ending)
        | (place >= core_end)
    )


def _find_ending(points, begin, end):
    """Returns where the ending ('s, n't) of each core begins, int32 [N]; -1 for none."""

    def from_end(distance):
        place = tf.clip_by_value(end - distance, 0, tf.size(points) - 1)
        return tf.gather(points, place)

    def is_one_of(point, points):
        return tf.reduce_any(point[:, None] == tf.constant(points), axis=1)

    def is_pair(first, second, pairs):
        return tf.reduce_any(
            [(first == ord(a)) & (second == ord(b)) for a, b in pairs], axis=0
        )

    third, second, last = from_end(3), from_end(2), from_end(1)
    of_two = is_one_of(second, _APOSTROPHES) & is_one_of(last, _ENDINGS_OF_ONE)
    of_three = is_one_of(third, _APOSTROPHES) & is_pair(second, last, _ENDINGS_OF_TWO)
    of_three |= is_one_of(second, _APOSTROPHES) & is_pair(third, last, _ENDINGS_OF_NOT)
    of_three &= end - 3 > begin
    return tf.where(
        of_two & (end - 2 > begin), end - 2, tf.where(of_three, end - 3, -1)
    )


def _contains(characters, points):
    """Returns bool [N]: whether each code point is in a set of characters."""
    # A search among the set's ranges, which are far fewer than its members.
    ordered = np.array(sorted(characters), np.int32)
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    firsts = ordered[np.concatenate([[0], breaks + 1])]
    lasts = ordered[np.concatenate([breaks, [len(ordered) - 1]])]
    index = tf.searchsorted(tf.constant(firsts), points, side="right") - 1
    return (index >= 0) & (points <= tf.gather(lasts, tf.maximum(index, 0)))
