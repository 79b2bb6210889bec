"""Vectors on disk, of 32, 16 or 8 bits a number, and the exact search for the nearest.

Shapes: Q queries, N texts, B texts of a block, D numbers of a vector.
"""

import numpy as np

DTYPES = ("float32", "float16", "int8")
BLOCK = 2**24  # Numbers of a block: 64 MB as float32.
QUERIES = 64  # Searched for at once, so that their scores fit into memory, too.
_CACHED = (
    2**18
)  # Numbers that are made float32 at once, so that they stay in the cache.
_HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)


def quantize(vectors, dtype):
    """Returns vectors in a type, and the scale of each, float32 [N]; None unless int8.

    Args:
        vectors: float32 [N, D].
        dtype: of `DTYPES`. The numbers of int8 times their scale are the vector, to half
            of 1/127 of its largest number.
    """
    if dtype != "int8":
        return vectors.astype(dtype), None
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def restore(vectors, scales):
    """Returns vectors as float32 [N, D]; the inverse of `quantize`, but for rounding."""
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors if scales is None else vectors * np.asarray(scales)[:, None]


def find_nearest(queries, vectors, scales, k, *, block=0):
    """Returns the places and the products of the k nearest vectors, the best first.

    Every vector is compared. Of equal ones the first comes first. Memory depends on the
    size of a block, not on the number of vectors.

    Args:
        queries: float32 [Q, D].
        vectors: [N, D], perhaps a memory map.
        scales: as `quantize` returns them.
        k: number of vectors to find; all if there are fewer.
        block: vectors to compare at once; 0 for as many as 64 MB hold.

    Returns:
        int64 [Q, k] and float32 [Q, k].
    """
    block = block or max(1, BLOCK // vectors.shape[1])
    parts = [
        _find(queries[begin : begin + QUERIES], vectors, scales, k, block)
        for begin in range(0, len(queries), QUERIES)
    ]
    places, scores = zip(*parts)
    return np.concatenate(places), np.concatenate(scores)


def choose_best(scores, k):
    """Returns the places of the k highest scores of [N], the best first.

    Of equal scores the first comes first.
    """
    if k < len(scores):
        least = np.partition(scores, -k)[-k]
        places = np.flatnonzero(scores >= least)  # More than k if there are equal ones.
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")[:k]]


def _find(queries, vectors, scales, k, block):
    places = np.zeros([len(queries), 0], np.int64)
    best = np.zeros([len(queries), 0], np.float32)
    for begin in range(0, len(vectors), block):
        own = None if scales is None else scales[begin : begin + block]
        products = _multiply(queries, vectors[begin : begin + block], own)
        # Those found so far come first, as their places do.
        numbers = np.arange(begin, begin + products.shape[1])
        numbers = np.broadcast_to(numbers, products.shape)
        products = np.concatenate([best, products], axis=1)
        numbers = np.concatenate([places, numbers], axis=1)
        chosen = np.stack([choose_best(row, k) for row in products])
        best = np.take_along_axis(products, chosen, axis=1)
        places = np.take_along_axis(numbers, chosen, axis=1)
    return places, best


def _multiply(queries, vectors, scales):
    """Returns the products of queries and stored vectors, float32 [Q, B]."""
    if vectors.dtype == np.float32:
        return queries @ np.asarray(vectors).T
    products = np.empty([len(queries), len(vectors)], np.float32)
    rows = max(1, _CACHED // vectors.shape[1])
    for begin in range(0, len(vectors), rows):
        own = vectors[begin : begin + rows]
        if own.dtype == np.float16:  # By a table: NumPy converts them one by one.
            own = np.take(_HALVES, own.view(np.uint16))
        else:
            own = own.astype(np.float32)
        products[:, begin : begin + rows] = queries @ own.T
    return products if scales is None else products * scales
