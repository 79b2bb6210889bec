"""Running text into words in the graph: what `data.words.split_words` does in Python.

Shapes: B texts, N characters of them all, spaces left out, W words of them all.
"""

import sys

import numpy as np
import tensorflow as tf

from bert_tf.tokenization.characters import CHINESE, PUNCTUATION

_SPACES = frozenset(c for c in range(sys.maxunicode + 1) if chr(c).isspace())
_DOT = ord(".")
_APOSTROPHES = tuple(map(ord, "'’"))
_ENDS_OF_ONE = tuple(map(ord, "sSmMdD"))
_ENDS_OF_TWO = ("ll", "LL", "re", "RE", "ve", "VE")
_ENDS_OF_NOT = ("nt", "NT")  # With the apostrophe between.


def split_words(texts):
    """Strings [B] → where the words of each begin and end.

    Returns:
        int32 ragged [B, (words)] starts and ends, in characters; and the words, strings
        ragged [B, (words)].
    """
    points = tf.strings.unicode_decode(texts, "UTF-8")
    row = points.value_rowids()
    offsets = tf.cast(
        tf.range(tf.size(row, tf.int64)) - tf.gather(points.row_starts(), row), tf.int32
    )
    shown = ~_among(points.values, _SPACES)
    # A space before a character, or the begin of a text, begins a part.
    free = tf.concat([[True], ~shown[:-1] | (row[1:] != row[:-1])], axis=0)[
        : tf.size(row)
    ]
    row, points, offsets, free = (
        tf.boolean_mask(x, shown) for x in (row, points.values, offsets, free)
    )
    begins = _begins(points, free)
    word = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    starts = tf.boolean_mask(offsets, begins)
    ends = tf.math.segment_max(offsets, word) + 1
    of_text = tf.boolean_mask(row, begins)
    words = tf.RaggedTensor.from_value_rowids(points, word, nrows=tf.size(starts))
    words = tf.strings.unicode_encode(words, "UTF-8")

    def of_texts(values):
        return tf.RaggedTensor.from_value_rowids(
            values, of_text, nrows=tf.size(texts, tf.int64)
        )

    return of_texts(starts), of_texts(ends), of_texts(words)


def _begins(points, free):
    """Whether a word begins at each character, bool [N].

    Args:
        points: int32 [N], code points.
        free: bool [N], whether a space, or nothing, stands before.
    """
    count = tf.size(points)
    place = tf.range(count)
    chinese, mark = _among(points, CHINESE), _among(points, PUNCTUATION)
    after_chinese = tf.concat([[False], chinese[:-1]], axis=0)[:count]
    part = tf.cumsum(tf.cast(free | chinese | after_chinese, tf.int32)) - 1

    def of_part(reduce, values):
        return tf.gather(reduce(values, part), part)

    # A part is marks, each a word; a core, from its first to its last other character;
    # and marks again.
    core_begin = of_part(tf.math.segment_min, tf.where(mark, count, place))
    last = of_part(tf.math.segment_max, tf.where(mark, -1, place))
    dot = tf.cast(points == _DOT, tf.int32)
    dots = tf.cumsum(dot, exclusive=True)
    # A point that ends U.S. belongs to it: there is another one before.
    before = dots - tf.gather(dots, tf.minimum(core_begin, count - 1))
    belongs = (place > last) & (dot == 1) & (before > 0)
    kept = of_part(tf.math.segment_max, tf.where(belongs, place, -1))
    core_end = tf.maximum(last, kept) + 1
    ending = _ending(points, core_begin, core_end)
    return (
        (place < core_begin)
        | (place == core_begin)
        | (place == ending)
        | (place >= core_end)
    )


def _ending(points, begin, end):
    """Where 's, n't and the like begin that end a core; -1 where none does, int32 [N]."""

    def at(back):
        return tf.gather(points, tf.clip_by_value(end - back, 0, tf.size(points) - 1))

    def is_one(point, of):
        return tf.reduce_any(point[:, None] == tf.constant(of), axis=1)

    def are_two(first, second, pairs):
        return tf.reduce_any(
            [(first == ord(a)) & (second == ord(b)) for a, b in pairs], axis=0
        )

    one = is_one(at(2), _APOSTROPHES) & is_one(at(1), _ENDS_OF_ONE)
    two = is_one(at(3), _APOSTROPHES) & are_two(at(2), at(1), _ENDS_OF_TWO)
    two |= is_one(at(2), _APOSTROPHES) & are_two(at(3), at(1), _ENDS_OF_NOT)
    return tf.where(
        one & (end - 2 > begin), end - 2, tf.where(two & (end - 3 > begin), end - 3, -1)
    )


def _among(points, characters):
    """Whether each code point is one of the set: a search among its ranges."""
    ordered = np.array(sorted(characters), np.int32)
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    firsts = ordered[np.concatenate([[0], breaks + 1])]
    lasts = ordered[np.concatenate([breaks, [len(ordered) - 1]])]
    found = tf.searchsorted(tf.constant(firsts), points, side="right") - 1
    return (found >= 0) & (points <= tf.gather(lasts, tf.maximum(found, 0)))
