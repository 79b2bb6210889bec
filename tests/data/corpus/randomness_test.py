"""Random numbers: those of SplitMix64, each a function of its integers only."""

import numpy as np

from bert_tf.data.corpus.randomness import random_bits, random_integers, random_uniform

MASK = 2**64 - 1


def mixed(*names):
    """Returns `random_bits` computed with Python's integers."""
    bits = 0
    for name in names:
        bits = (bits + name + 0x9E3779B97F4A7C15) & MASK
        bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK
        bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK
        bits ^= bits >> 31
    return bits


def test_the_published_sequence():
    # The first number of the author's C code for seed 1234567.
    first = 6457827717110365317
    assert mixed(1234567) == first
    assert int(random_bits(1234567)) == first


def test_bits_are_a_function_of_the_integers():
    places = np.arange(5)
    received = random_bits(7, places, 2).tolist()
    assert received == [mixed(7, place, 2) for place in range(5)]
    large = np.array([MASK, 2**63], np.uint64)
    assert random_bits(large).tolist() == [mixed(MASK), mixed(2**63)]


def test_the_order_of_the_integers_matters():
    assert int(random_bits(1, 2)) != int(random_bits(2, 1))


def test_uniform():
    values = random_uniform(3, np.arange(100_000))
    assert values.dtype == np.float32
    assert values[11] == np.float32((mixed(3, 11) >> 40) / 2**24)
    assert 0 <= values.min() and values.max() < 1
    # Five standard deviations of the mean of 100,000 numbers.
    assert abs(values.mean() - 0.5) < 5 * (1 / 12 / 100_000) ** 0.5
    neighbours = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert abs(neighbours) < 5 / 100_000**0.5


def test_integers():
    values = random_integers(7, 3, np.arange(70_000))
    assert values[5] == (mixed(3, 5) >> 32) * 7 >> 32
    counts = np.bincount(values, minlength=7)
    assert len(counts) == 7
    assert abs(counts - 10_000).max() < 5 * (10_000 * 6 / 7) ** 0.5
