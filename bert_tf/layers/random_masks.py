"""Random masks that depend on their seed alone and are equal on every machine.

The bits come from Threefry-2x32 (Salmon et al., 2011, "Parallel random numbers: as easy
as 1, 2, 3"). Its additions, rotations and exclusive ors give the same bits on any
hardware. TensorFlow's generator computes one number at a time, which takes a fifth of an
update at 384 tokens a row; compiled by XLA, Threefry computes many at once.
"""

import math

import keras
from keras import ops

ROUNDS = 13  # The fewest that pass the authors' statistical tests.
_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA  # Constant of the published algorithm, for the third key word.
# Masks are drawn in sizes of 2^k or 3·2^k, since XLA compiles each size once (0.25 s).
_SIZES = sorted(base << k for k in range(30) for base in (2, 3) if base << k >= 4096)


def threefry(key, counter):
    """Returns 64 random bits for each value of a counter.

    Args:
        key: two uint32 tensors that broadcast to the counter's shape.
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
    """Returns a random mask to multiply values by.

    Args:
        shape: ints or int32 scalars.
        rate: fraction of zeros, in (0, 1); exact to 2^-32.
        seed: integers [2].
        dtype: dtype of the mask.

    Returns:
        tensor of the given shape and dtype: 0 with probability `rate`, otherwise
        1 / (1 - rate).
    """
    return _reshaped(lambda size: _draw(size, rate, seed, dtype), shape)


def kept_mask(shape, rate, seed):
    """Returns where `dropout_mask` of the same arguments is not 0, bool."""
    return _reshaped(lambda size: _draw_kept(size, rate, seed), shape)


def _reshaped(draw, shape):
    count = math.prod(shape)
    return ops.reshape(draw(_padded_size(count))[:count], shape)


def _padded_size(count):
    """Returns the smallest of `_SIZES` that is at least `count`."""
    if isinstance(count, int):
        return next(size for size in _SIZES if size >= count)
    sizes = ops.convert_to_tensor(_SIZES, dtype="int32")
    return ops.take(sizes, ops.searchsorted(sizes, count[None])[0])


def _compiled(function):
    """Compiles with XLA on TensorFlow; other backends compile the whole step."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)


@_compiled
def _draw(size, rate, seed, dtype):
    """Returns a mask with one axis; `size` is even."""
    return ops.where(_keep(size, rate, seed), ops.cast(1.0 / (1.0 - rate), dtype), 0.0)


def _keep(size, rate, seed):
    counter = ops.cast(ops.arange(size // 2, dtype="int32"), "uint32")
    key = ops.cast(seed, "uint32")
    words = threefry((key[0], key[1]), (counter, ops.zeros_like(counter)))
    return ops.concatenate(words) >= _word(round(rate * 2**32))


_draw_kept = _compiled(_keep)
