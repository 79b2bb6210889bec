"""Random numbers as functions of integers, such as (seed, epoch, example, position).

`tf.random.stateless_uniform` takes one seed for a whole tensor, so that a value depends on
the rest of the batch. Here every number depends only on its own integers: an example gets
the same random numbers however examples are batched, skipped or divided among workers.
"""

from bert_tf.ground import lazy

tf = lazy("tensorflow")


_GOLDEN = 0x9E3779B97F4A7C15


def random_bits(*names):
    """Returns 64 random bits, uint64 in the common shape of the arguments.

    Applies the mixing function of SplitMix64 (Steele et al., 2014) once for each argument.

    Args:
        names: integers, or integer tensors that broadcast. Their order matters.
    """
    bits = tf.constant(0, tf.uint64)
    for name in names:
        bits += tf.cast(name, tf.uint64) + _uint64(_GOLDEN)
        bits = (bits ^ _shift(bits, 30)) * _uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ _shift(bits, 27)) * _uint64(0x94D049BB133111EB)
        bits ^= _shift(bits, 31)
    return bits


def random_uniform(*names):
    """Returns float32 in [0, 1) from the upper 24 bits of `random_bits`."""
    return tf.cast(_shift(random_bits(*names), 40), tf.float32) * 2.0**-24


def random_integers(limit, *names):
    """Returns int32 in [0, limit) from the upper 32 bits of `random_bits`."""
    upper = tf.cast(_shift(random_bits(*names), 32), tf.int64)
    return tf.cast(_shift(upper * tf.cast(limit, tf.int64), 32), tf.int32)


def _shift(bits, distance):
    return tf.bitwise.right_shift(bits, tf.cast(distance, bits.dtype))


def _uint64(number):
    return tf.constant(number, tf.uint64)
