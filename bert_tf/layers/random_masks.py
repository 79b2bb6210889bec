"""Random masks that are a function of their seed alone, the same on every machine.

Bits come from Threefry-2x32 (Salmon et al., 2011, "Parallel random numbers: as easy as
1, 2, 3"), whose additions, rotations and exclusive ors are exact wherever they run.
TensorFlow's own generator takes one number after the other, a fifth of an update whose
rows have 384 tokens; compiled by XLA, Threefry takes as many at once as a processor can.
"""

import math

import keras
from keras import ops

ROUNDS = 13  # The fewest that pass the tests of randomness, by its authors.
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA  # Of the key's third word.
# What is drawn at once: 2^k or 3·2^k. Each size is compiled anew, a quarter of a second.
_SIZES = sorted(base << k for k in range(30) for base in (2, 3) if base << k >= 4096)


def threefry(key, counter):
    """Returns two words of random bits for each place of a counter.

    Args:
        key: two uint32 tensors that broadcast.
        counter: two uint32 tensors of one shape.

    Returns:
        two uint32 tensors of that shape.
    """
    parity = ops.bitwise_xor(ops.bitwise_xor(*key), _word(_PARITY))
    keys = (*key, parity)
    first, second = counter[0] + keys[0], counter[1] + keys[1]
    for number in range(ROUNDS):
        first += second
        second = ops.bitwise_xor(_rotate(second, _ROTATIONS[number % 8]), first)
        injection, rest = divmod(number + 1, 4)
        if not rest:
            first += keys[injection % 3]
            second += keys[(injection + 1) % 3] + _word(injection)
    return first, second


def _word(number):
    return ops.convert_to_tensor(number, dtype="uint32")


def _rotate(words, count):
    high = ops.left_shift(words, _word(count))
    return ops.bitwise_or(high, ops.right_shift(words, _word(32 - count)))


def dropout_mask(shape, rate, seed, dtype):
    """Returns a tensor of 0, for a share of it, and what makes up for that elsewhere.

    Args:
        shape: ints or int32 scalars.
        rate: share of zeros, in (0, 1); kept to 2^-32.
        seed: integers [2].
        dtype: of the mask.

    Returns:
        0 or 1 / (1 - rate), of the given shape and type.
    """
    count = math.prod(shape)
    return ops.reshape(_draw(_room(count), rate, seed, dtype)[:count], shape)


def _room(count):
    """The smallest of `_SIZES` that has room for `count`."""
    if isinstance(count, int):
        return next(size for size in _SIZES if size >= count)
    sizes = ops.convert_to_tensor(_SIZES, dtype="int32")
    return ops.take(sizes, ops.searchsorted(sizes, count[None])[0])


def _compiled(function):
    """As one kernel of XLA. Backends other than TensorFlow compile whole steps."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


@_compiled
def _draw(size, rate, seed, dtype):
    """A mask of one axis, `size` even."""
    places = ops.cast(ops.arange(size // 2, dtype="int32"), "uint32")
    key = ops.cast(seed, "uint32")
    words = threefry((key[0], key[1]), (places, ops.zeros_like(places)))
    dropped = ops.concatenate(words) < _word(round(rate * 2**32))
    return ops.where(dropped, 0.0, ops.cast(1.0 / (1.0 - rate), dtype))
