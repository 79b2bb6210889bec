"""Random numbers that are a function of their names, such as (seed, epoch, example, place).

`tf.random.stateless_uniform` has one seed for a whole tensor, whose values then depend on
what else is in the batch. Here every number stands alone: however examples are batched,
skipped or divided, each meets the same chances.
"""

import tensorflow as tf

_GOLDEN = 0x9E3779B97F4A7C15


def random_bits(*names):
    """Returns uint64 of the names' common shape, each well mixed.

    SplitMix64's mixing (Steele et al., 2014), once for each name.

    Args:
        names: integers, or integer tensors that broadcast; order matters.
    """
    bits = tf.constant(0, tf.uint64)
    for name in names:
        bits += tf.cast(name, tf.uint64) + _uint64(_GOLDEN)
        bits = (bits ^ _shift(bits, 30)) * _uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ _shift(bits, 27)) * _uint64(0x94D049BB133111EB)
        bits ^= _shift(bits, 31)
    return bits


def random_uniform(*names):
    """Returns float32 in [0, 1), from the upper 24 of `random_bits`."""
    return tf.cast(_shift(random_bits(*names), 40), tf.float32) * 2.0**-24


def random_integers(limit, *names):
    """Returns int32 in [0, limit), from the upper 32 of `random_bits`."""
    upper = tf.cast(_shift(random_bits(*names), 32), tf.int64)
    return tf.cast(_shift(upper * tf.cast(limit, tf.int64), 32), tf.int32)


def _shift(bits, by):
    return tf.bitwise.right_shift(bits, tf.cast(by, bits.dtype))


def _uint64(number):
    return tf.constant(number, tf.uint64)
