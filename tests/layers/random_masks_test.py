"""Random masks: published values of Threefry, rates, independence, few sizes."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.layers import random_masks
from bert_tf.layers.random_masks import dropout_mask, threefry

SEED = tf.constant([7, 11])

# (key, counter, result of 13 rounds), from kat_vectors of the authors' Random123.
KNOWN = [
    ((0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
    ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0xFD36D048, 0x2D17272C)),
    (
        (0x13198A2E, 0x03707344),
        (0x243F6A88, 0x85A308D3),
        (0xBA3E4725, 0xF27D669E),
    ),
]


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
@pytest.mark.parametrize("compiled", [False, True])
def test_threefry_gives_the_published_values(key, counter, expected, compiled):
    words = [tf.constant(pair, tf.uint32) for pair in (key, counter)]
    function = tf.function(
        lambda key, counter: threefry(tf.unstack(key), tf.unstack(counter)),
        jit_compile=compiled,
    )
    assert tuple(int(word) for word in function(*words)) == expected


def mask(shape=(101, 103), rate=0.3, seed=SEED, dtype="float32"):
    return dropout_mask(shape, rate, seed, dtype)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.999])
def test_rate_and_scale(rate):
    values = mask((64, 64, 64), rate).numpy()
    deviation = (rate * (1 - rate) / values.size) ** 0.5
    assert np.mean(values == 0) == pytest.approx(rate, abs=5 * deviation)
    np.testing.assert_allclose(np.unique(values), [0, 1 / (1 - rate)], rtol=1e-6)


def test_dtype():
    values = mask(dtype="bfloat16")
    assert values.dtype == tf.bfloat16
    np.testing.assert_array_equal(values != 0, mask() != 0)


def test_static_and_dynamic_shapes_give_the_same_mask():
    """The padded size, which may differ, does not matter."""
    graph = tf.function(
        lambda rows: dropout_mask((rows, 103), 0.3, SEED, "float32"),
        input_signature=[tf.TensorSpec([], tf.int32)],
    )
    np.testing.assert_array_equal(graph(101), mask())


def test_neighbours_are_independent():
    """In a row, between rows, and between the two words of a counter."""
    kept = mask((1024, 64), 0.5).numpy().astype(bool)
    for first, second in (
        (kept[:, 1:], kept[:, :-1]),
        (kept[1:], kept[:-1]),
        (kept[:512], kept[512:]),
    ):
        # 5 standard deviations of the fraction of at least 32,768 values.
        assert np.mean(first == second) == pytest.approx(0.5, abs=0.014)


@pytest.mark.parametrize("change", [(0, 1), (1, 0)])
def test_neighbouring_seeds_are_independent(change):
    other = mask((256, 256), 0.5, SEED + change)
    same = np.mean(mask((256, 256), 0.5).numpy() == other.numpy())
    assert same == pytest.approx(0.5, abs=0.01)


def test_empty_shape():
    assert mask((0, 7)).shape == (0, 7)


@pytest.mark.parametrize(
    ("count", "size"), [(1, 4096), (4096, 4096), (4097, 6144), (7_077_888, 8_388_608)]
)
def test_few_sizes_are_compiled(count, size):
    assert random_masks._padded_size(count) == size
    assert random_masks._padded_size(tf.constant(count)) == size
