"""Random numbers as functions of integers, such as (seed, epoch, example, position).

A generator's numbers depend on how many were drawn before. Here every number depends only
on its own integers: an example gets the same random numbers however examples are batched,
skipped or divided among workers, and under every engine.
"""

import numpy as np


def random_bits(*names):
    """Returns 64 random bits, uint64 in the common shape of the arguments.

    Applies the mixing function of SplitMix64 (Steele et al., 2014) once for each argument.

    Args:
        names: integers, or integer arrays that broadcast. Their order matters.
    """
    bits = np.zeros(np.broadcast_shapes(*map(np.shape, names)), np.uint64)
    for name in names:
        bits += np.asarray(name).astype(np.uint64)
        bits += np.uint64(0x9E3779B97F4A7C15)
        bits ^= bits >> 30
        bits *= np.uint64(0xBF58476D1CE4E5B9)
        bits ^= bits >> 27
        bits *= np.uint64(0x94D049BB133111EB)
        bits ^= bits >> 31
    return bits


def random_uniform(*names):
    """Returns float32 in [0, 1) from the upper 24 bits of `random_bits`."""
    return (random_bits(*names) >> 40).astype(np.float32) * np.float32(2.0**-24)


def random_integers(limit, *names):
    """Returns int32 in [0, limit) from the upper 32 bits of `random_bits`."""
    upper = (random_bits(*names) >> 32).astype(np.int64)
    return (upper * limit >> 32).astype(np.int32)
