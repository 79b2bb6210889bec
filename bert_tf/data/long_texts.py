"""Texts longer than the model: their beginning, both of their ends, or all in windows.

All of it is TensorFlow graph, so that training and serving run the same lines.

Shapes: B records, W windows of them all, L pieces.
"""

import tensorflow as tf

from bert_tf.data.packing import frame

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
    if len(texts) == 1:
        moves, limits = [tf.ones_like(lengths[0], bool)], [room + 0 * lengths[0]]
    else:
        moves = [lengths[0] > lengths[1], lengths[0] <= lengths[1]]
        limits = [
            tf.where(move, room - tf.minimum(other, room // 2), room // 2)
            for move, other in zip(moves, reversed(lengths))
        ]
    strides = [
        tf.where(move, tf.maximum(limit - limit // 4, 1), 0)
        for move, limit in zip(moves, limits)
    ]
    stride = tf.add_n(strides)  # Of the one that moves.
    beyond = tf.add_n(
        [
            tf.where(move, tf.maximum(length - limit, 0), 0)
            for move, length, limit in zip(moves, lengths, limits)
        ]
    )
    windows = tf.ragged.range(1 + (beyond + stride - 1) // stride)
    record, number = windows.value_rowids(), windows.values

    def cut(pieces, limit, stride):
        begins = tf.gather(stride, record) * number
        ends = tf.minimum(
            begins + tf.gather(limit, record), tf.gather(pieces.row_lengths(), record)
        )
        firsts = tf.gather(pieces.row_starts(), record)
        places = tf.ragged.range(firsts + begins, firsts + ends)
        return places.with_values(tf.gather(pieces.values, places.values))

    return record, [cut(*of) for of in zip(texts, limits, strides)]
