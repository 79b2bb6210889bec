"""The search for the nearest vectors: exact in every type, and at every size of a block."""

import numpy as np
import pytest

from bert_tf.retrieval import vectors
from bert_tf.retrieval.vectors import (
    DTYPES,
    choose_best,
    find_nearest,
    quantize,
    restore,
)

RANDOM = np.random.default_rng(1)
# Whole numbers are multiplied without rounding, so that ties are ties in every block.
VECTORS = RANDOM.integers(-3, 4, [101, 7]).astype(np.float32)
QUERIES = RANDOM.integers(-3, 4, [67, 7]).astype(np.float32)


def brute_force(given, k):
    scores = QUERIES.astype(np.float64) @ given.astype(np.float64).T
    places = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return places, np.take_along_axis(scores, places, axis=1)


@pytest.mark.parametrize("block", [1, 5, 100, 101, 0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("k", [1, 13, 101, 500])
def test_equals_brute_force_with_ties(dtype, block, k):
    stored, scales = quantize(VECTORS, dtype)
    assert (stored.dtype, scales) == (dtype, None)
    places, scores = find_nearest(QUERIES, stored, scales, k, block=block)
    expected, products = brute_force(VECTORS, k)
    assert places.tolist() == expected.tolist()
    np.testing.assert_array_equal(scores, products)


@pytest.mark.parametrize("block", [1, 5, 100, 101, 0])
def test_int8_is_compared_as_its_numbers_times_their_scale(block):
    given = RANDOM.normal(size=[101, 7]).astype(np.float32)
    stored, scales = quantize(given, "int8")
    assert (stored.dtype, scales.dtype) == (np.int8, np.float32)
    restored = stored.astype(np.float32) * scales[:, None]
    np.testing.assert_array_equal(restore(stored, scales), restored)
    places, scores = find_nearest(QUERIES, stored, scales, 13, block=block)
    expected, products = brute_force(restored, 13)
    assert places.tolist() == expected.tolist()
    np.testing.assert_allclose(scores, products, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_parts_of_a_block_that_fit_into_the_cache(monkeypatch, dtype):
    stored, scales = quantize(VECTORS, dtype)
    whole = find_nearest(QUERIES, stored, scales, 13)
    monkeypatch.setattr(vectors, "_CACHED", 4 * 7 + 1)
    places, scores = find_nearest(QUERIES, stored, scales, 13)
    assert places.tolist() == whole[0].tolist()
    np.testing.assert_array_equal(scores, whole[1])


@pytest.mark.parametrize(("dtype", "bits"), zip(DTYPES, (32, 16, 8)))
def test_size_and_rounding(dtype, bits):
    given = RANDOM.normal(size=[11, 13]).astype(np.float32)
    stored, scales = quantize(given, dtype)
    assert 8 * stored.nbytes == bits * given.size
    largest = np.abs(given).max(axis=1, keepdims=True)
    bound = {32: 0, 16: 2.0**-11, 8: 0.5001 / 127}[bits]
    assert (np.abs(restore(stored, scales) - given) <= bound * largest).all()


def test_a_vector_of_zeros_stays_one():
    stored, scales = quantize(np.zeros([2, 3], np.float32), "int8")
    assert not restore(stored, scales).any()


def test_of_equal_scores_the_first_comes_first():
    scores = np.array([1, 3, 2, 3, 3, 2], np.float32)
    assert choose_best(scores, 2).tolist() == [1, 3]
    assert choose_best(scores, 4).tolist() == [1, 3, 4, 2]
    assert choose_best(scores, 9).tolist() == [1, 3, 4, 2, 5, 0]
