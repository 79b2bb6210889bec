"""Texts longer than the model: their beginning, both of their ends, or all in windows.

All of it is TensorFlow graph, so that training and serving run the same lines.

Shapes: B records, W windows of them all, L pieces.
"""

import tensorflow as tf

from bert_tf.data.rows.packing import frame
from bert_tf.data.rows.windows import cut, take

LONG_TEXTS = ("truncate", "head_tail", "windows")


def check_long_text(long_text, choices=LONG_TEXTS):
    """Returns `long_text`, or the first of the choices where it is empty."""
    if long_text and long_text not in choices:
        raise ValueError(
            f"long_text must be one of {', '.join(choices)}; received {long_text!r}."
        )
    return long_text or choices[0]


def frame_long(texts, *, long_text, max_seq_length, **special):
    """Frames texts, or pairs of texts, of any length.

    Args:
        texts: one or two int32 ragged [B, (L)].
        long_text: "truncate" keeps the beginning, "head_tail" both ends, "windows" all.
        max_seq_length, special: as in `frame`.

    Returns:
        What `frame` returns, of [B]; or of [W], with `record`, int32 [W], rising, whose
        window each is, and `num_records`, B, int32 scalar.
    """
    options = special | {"max_seq_length": max_seq_length}
    if long_text != "windows":
        return frame(*texts, head_tail=long_text == "head_tail", **options)
    record, windows = cut_into_windows(texts, max_seq_length - 1 - len(texts))
    return frame(*windows, **options) | {
        "record": tf.cast(record, tf.int32),
        "num_records": tf.cast(texts[0].nrows(), tf.int32),
    }


def cut_into_windows(texts, room):
    """Cuts texts into windows that overlap by a quarter.

    Of a pair the longer text goes in windows, and the other stands beside each of them,
    cut to half the room.

    Args:
        texts: one or two int32 ragged [B, (L)].
        room: pieces that a window may have, with what stands beside it.

    Returns:
        int64 [W], the record of each window; and one or two int32 ragged [W, (L)].
    """
    room = tf.constant(room, tf.int64)
    lengths = [pieces.row_lengths() for pieces in texts]
    longest = tf.reduce_max(lengths, axis=0)
    most = room - tf.minimum(tf.add_n(lengths) - longest, room // 2)
    numbers, window = cut(longest, most, most // 4)
    record = numbers.value_rowids()
    # Of two equals the second goes in windows, as it is the one that is cut first.
    stays = [lengths[0] < longest if len(texts) == 1 else lengths[0] <= lengths[-1]]
    stays += [~stays[0]] if len(texts) == 2 else []

    def windows_of(pieces, stays):
        whole = tf.gather(tf.minimum(pieces.row_lengths(), room // 2), record)
        stays = tf.gather(stays, record)
        begin = tf.where(stays, tf.zeros_like(record), window["begin"])
        return take(pieces, record, begin, tf.where(stays, whole, window["end"]))

    return record, [windows_of(*of) for of in zip(texts, stays)]
