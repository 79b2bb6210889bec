"""Shortens texts longer than the model's input, or cuts them into windows.

Tensors and NumPy arrays run the same text, see `bert_tf.tokenization.arrays`, and so do
training and serving.

Shapes: B records, W windows of all records, L tokens of a text.
"""

from bert_tf.data.rows.windows import cut, take
from bert_tf.tokenization.arrays import operations
from bert_tf.tokenization.framing import frame

LONG_TEXTS = ("truncate", "head_tail", "windows")


def frame_long(texts, *, long_text, max_seq_length, **special):
    """Frames texts, or pairs of texts, of any length.

    Args:
        texts: one or two int32 ragged [B, (L)].
        long_text: "truncate" keeps the beginning of a text, "head_tail" its beginning
            and end, "windows" all of it.
        max_seq_length, special: as in `frame`.

    Returns:
        The features of `frame` for B examples. For "windows", those of W examples;
        `record`, int32 [W], the index of the record each window came from, in
        non-decreasing order; and `records`, int32 [B], the indices of all records.
    """
    options = special | {"max_seq_length": max_seq_length}
    if long_text != "windows":
        return frame(*texts, head_tail=long_text == "head_tail", **options)
    xp = operations(texts[0])
    record, windows = cut_into_windows(texts, max_seq_length - 1 - len(texts))
    return frame(*windows, **options) | {
        "record": xp.cast(record, xp.int32),
        "records": xp.range(texts[0].nrows(), dtype=xp.int32),
    }


def cut_into_windows(texts, room):
    """Cuts texts into windows that overlap by a quarter.

    Of a pair, the longer text is cut into windows. The other text, truncated to half the
    room, is paired with each of them.

    Args:
        texts: one or two int32 ragged [B, (L)].
        room: most tokens of an example, without special tokens.

    Returns:
        The record of each window, int64 [W]; and a list of one or two texts, int32
        ragged [W, (L)].
    """
    xp = operations(texts[0])
    room = xp.constant(room, xp.int64)
    lengths = [text.row_lengths() for text in texts]
    longest = xp.reduce_max(lengths, axis=0)
    most = room - xp.minimum(xp.add_n(lengths) - longest, room // 2)
    numbers, window = cut(longest, most, most // 4)
    record = numbers.value_rowids()
    # Of two equally long texts the second is cut, as `pair_lengths` does.
    repeats = [lengths[0] < longest if len(texts) == 1 else lengths[0] <= lengths[-1]]
    repeats += [~repeats[0]] if len(texts) == 2 else []

    def take_windows(text, repeats):
        kept = xp.gather(xp.minimum(text.row_lengths(), room // 2), record)
        repeats = xp.gather(repeats, record)
        begin = xp.where(repeats, xp.zeros_like(record), window["begin"])
        return take(text, record, begin, xp.where(repeats, kept, window["end"]))

    return record, list(map(take_windows, texts, repeats))
