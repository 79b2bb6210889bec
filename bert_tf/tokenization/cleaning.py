"""Takes out of texts what a reader does not see, and writes look-alikes in plain letters.

Invisible characters are dropped. Text that is shown from right to left by an override
(U+202E) is written in the order that a reader sees. A letter in another style, such as a
fullwidth one, becomes the plain letter. A letter of another script that looks like a
Latin one (`lookalikes`) becomes that letter in two cases:
  * the rest of its word is Latin: each letter is Latin or looks so, and one is Latin;
  * each letter of the word looks Latin, and the text has Latin letters but no letter of
    these scripts that looks otherwise. So Russian and Greek stay. A single Greek letter
    stays, too: it may be a symbol.

The characters of a text are ragged code points, a `tf.RaggedTensor`, in the graph, too,
or a `Ragged` of NumPy. A function returns the kind that it is given.

Shapes: B texts, C characters of a text, T characters of all texts.
"""

import functools
import itertools

import numpy as np

from bert_tf.ground import lazy
from bert_tf.tokenization import lookalikes
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.ragged import Ragged

tf = lazy("tensorflow")

_UNSEEN = (lookalikes.INVISIBLE, lookalikes.BIDI, lookalikes.OVERRIDE)


def clean(points):
    """Returns texts without what a reader does not see, and where each character was.

    Args:
        points: int32 ragged [B, (C)], code points.

    Returns:
        The code points that remain, and the index of each in its text, int32 ragged
        [B, (C)] both.
    """
    xp = operations(points)
    starts, kinds, letters = map(xp.constant, lookalikes.table())
    rows = points.value_rowids()
    entries = xp.searchsorted(starts, points.values, side="right") - 1
    order = _reading_order(xp.gather(kinds, entries), rows)
    entries = xp.gather(entries, order)
    seen = ~_is_any(xp.gather(kinds, entries), _UNSEEN)
    rows, order, entries = (xp.boolean_mask(x, seen) for x in (rows, order, entries))
    values, kind = xp.gather(points.values, order), xp.gather(kinds, entries)
    replaced = _find_replaced(kind, rows)
    values = xp.where(replaced, xp.gather(letters, entries), values)
    order = xp.cast(order, xp.int32) - xp.cast(
        xp.gather(points.row_starts(), rows), xp.int32
    )
    count = points.nrows()
    join = functools.partial(
        xp.RaggedTensor.from_value_rowids,
        value_rowids=rows,
        nrows=count,
        validate=False,
    )
    return join(values), join(order)


def place_offsets(source, ids, starts, ends):
    """Returns starts and ends of pieces in the original texts.

    Args:
        source: of `clean`.
        ids, starts, ends: int32 ragged [B, (pieces)], places in the cleaned texts.
    """
    xp = operations(ids)
    shift = xp.cast(xp.gather(source.row_starts(), ids.value_rowids()), xp.int32)
    first = xp.gather(source.values, shift + starts.values)
    last = xp.gather(source.values, shift + ends.values - 1)
    # What was shown from right to left begins at its last character.
    return (
        ids.with_values(xp.minimum(first, last)),
        ids.with_values(xp.maximum(first, last) + 1),
    )


def clean_tensor(texts):
    """Returns strings [B], a tensor, cleaned, and where each character was, int32 ragged."""
    # Bytes that are not UTF-8 do not match either, and are dropped.
    ranges = "".join(rf"\x{{{a:x}}}-\x{{{b:x}}}" for a, b in lookalikes.changing())
    needed = ~tf.reduce_all(tf.strings.regex_full_match(texts, f"[^{ranges}]*"))

    def change():
        points = tf.strings.unicode_decode(texts, "UTF-8")
        points, source = clean(points)
        return (
            tf.strings.unicode_encode(points, "UTF-8"),
            source.values,
            source.row_splits,
        )

    def keep():
        lengths = tf.strings.length(texts, unit="UTF8_CHAR")
        source = tf.ragged.range(lengths)
        return texts, source.values, source.row_splits

    cleaned, values, splits = tf.cond(needed, change, keep)
    cleaned = tf.ensure_shape(cleaned, texts.shape)
    return cleaned, tf.RaggedTensor.from_row_splits(values, splits, validate=False)


def clean_strings(texts):
    """Returns a list of strings cleaned, and where each character was, `Ragged` int32 [B, (C)].

    Example:
        >>> from bert_tf.tokenization.cleaning import clean_strings
        >>> texts, source = clean_strings(["a g\\u043e\\u200bod film"])
        >>> texts[0], source[0].tolist()
        ('a good film', [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])
    """
    points = Ragged.from_row_lengths(
        np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.int32),
        np.array([len(text) for text in texts], np.int64),
    )
    points, source = clean(points)
    text = points.values.tobytes().decode("utf-32-le", "surrogatepass")
    splits = points.row_splits
    return [text[a:b] for a, b in itertools.pairwise(splits)], source


def _is_any(kinds, wanted):
    """Returns which of the kinds [T] are among `wanted`, bool [T]."""
    found = kinds == wanted[0]
    for kind in wanted[1:]:
        found |= kinds == kind
    return found


def _reading_order(kinds, rows):
    """Returns the place of the character that a reader sees at each place, int [T]."""
    xp = operations(kinds)
    begins = _differ(rows) | _is_any(
        kinds, (lookalikes.BIDI, lookalikes.OVERRIDE, lookalikes.LINE_END)
    )
    segment = xp.cumsum(xp.cast(begins, xp.int32)) - 1
    lengths = xp.math.segment_sum(xp.ones_like(segment), segment)
    first = xp.gather(xp.cumsum(lengths) - lengths, segment)
    places = xp.range(xp.size(kinds))
    # The override, which begins its segment, stays there.
    turned = (xp.gather(kinds, first) == lookalikes.OVERRIDE) & (places > first)
    return xp.where(turned, 2 * first + xp.gather(lengths, segment) - places, places)


def _find_replaced(kinds, rows):
    """Returns which characters become the letter they look like, bool [T]."""
    xp = operations(kinds)
    ends = kinds < lookalikes.INSIDE  # Each such character is a word here.
    after = xp.concat([ends[:1], ends[:-1]], axis=0)
    word = xp.cumsum(xp.cast(_differ(rows) | ends | after, xp.int32)) - 1

    def count(found, groups):
        """Returns for each character how many of its group are found."""
        return xp.gather(xp.math.segment_sum(xp.cast(found, xp.int32), groups), groups)

    latin = _is_any(kinds, (lookalikes.LATIN, lookalikes.STYLED))
    foreign, symbol = (kinds == k for k in (lookalikes.FOREIGN, lookalikes.SYMBOL))
    alike = symbol | (kinds == lookalikes.LOOKALIKE)
    in_latin_text = (count(latin, rows) > 0) & (count(foreign, rows) == 0)
    is_symbol = symbol & (count(alike, word) == 1)
    return (kinds == lookalikes.STYLED) | (
        alike
        & (count(foreign, word) == 0)
        & ((count(latin, word) > 0) | (in_latin_text & ~is_symbol))
    )


def _differ(rows):
    """Returns which characters are of another text than the one before, bool [T]."""
    xp = operations(rows)
    return xp.concat(
        [xp.ones_like(rows[:1], dtype=bool), rows[1:] != rows[:-1]], axis=0
    )
