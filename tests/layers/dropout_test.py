"""Dropout: the rate, the scale, and masks that are a function of the seed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from bert_tf.layers.dropout import Dropout, fold_in

SEED = tf.constant([7, 11])
ONES = tf.ones([101, 103])


@pytest.fixture
def dropout():
    return Dropout(0.3)


def mask(dropout, seed):
    return dropout(ONES, seed=seed, training=True).numpy()


def test_drops_at_the_rate_and_scales_the_rest(dropout):
    values = mask(dropout, SEED)
    # 10,403 values: 0.02 is more than four standard deviations.
    assert np.mean(values == 0) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(values[values != 0], 1 / 0.7, rtol=1e-6)


def test_the_same_seed_gives_the_same_mask(dropout):
    np.testing.assert_array_equal(mask(dropout, SEED), mask(Dropout(0.3), SEED))


def test_equal_inside_and_outside_of_a_graph(dropout):
    graph = tf.function(lambda seed: dropout(ONES, seed=seed, training=True))
    np.testing.assert_array_equal(graph(SEED), mask(dropout, SEED))


@pytest.mark.parametrize("seed", [[8, 11], [7, 12], [11, 7]])
def test_another_seed_gives_an_independent_mask(dropout, seed):
    first, second = mask(dropout, SEED) == 0, mask(dropout, tf.constant(seed)) == 0
    assert np.mean(first & second) == pytest.approx(0.09, abs=0.015)


def test_without_seed_each_call_draws_a_mask(dropout):
    first, second = mask(dropout, None), mask(dropout, None)
    assert np.mean((first == 0) & (second == 0)) == pytest.approx(0.09, abs=0.015)


@pytest.mark.parametrize("training", [False, None])
def test_off_in_inference(dropout, training):
    np.testing.assert_array_equal(dropout(ONES, seed=SEED, training=training), ONES)


def test_rate_0_draws_nothing():
    np.testing.assert_array_equal(Dropout(0.0)(ONES, training=True), ONES)


def test_gradient_has_the_same_mask(dropout):
    values = tf.Variable(ONES)
    with tf.GradientTape() as tape:
        dropped = dropout(values, seed=SEED, training=True)
    np.testing.assert_array_equal(tape.gradient(dropped, values), dropped)


class TestFoldIn:
    def test_no_seed_stays_none(self):
        assert fold_in(None, 3) is None

    def test_neighbouring_seeds_and_numbers_give_different_seeds(self):
        seeds = {
            tuple(fold_in(tf.constant([seed, batch]), part).numpy().tolist())
            for seed in range(5)
            for batch in range(3)
            for part in range(53)
        }
        assert len(seeds) == 5 * 3 * 53

    def test_nested_numbers_give_different_seeds(self):
        """The numbers are those of a backbone with 24 layers."""
        seed = tf.constant([1, 0])
        numbers = [fold_in(seed, part) for part in (0, 1)]
        for layer in range(1, 25):
            numbers += [fold_in(fold_in(seed, 16 * layer), part) for part in (1, 2, 3)]
        assert len({int(number[0]) for number in numbers}) == 2 + 24 * 3


class TestModel:
    """The seed of a batch determines every dropout of a model."""

    def test_every_layer_draws_another_mask(self, monkeypatch):
        used = []

        def spy(shape, rate, seed, dtype):
            used.append(tuple(seed.numpy().tolist()))
            return keras.ops.ones(shape, dtype)

        model = tiny.classifier(**tiny.dropping(0.3))
        monkeypatch.setattr("bert_tf.layers.dropout.dropout_mask", spy)
        batch = {"input_ids": np.array([[2, 7, 3]]), "dropout_seed": SEED}
        model(batch, training=True)
        # Embeddings, three in each layer, head. The last layer also runs for the first
        # tokens alone, with the same seeds.
        assert len(set(used)) == 1 + 3 * 2 + 1
        assert all(seed[1] == 11 for seed in used)

    def test_outputs_follow_the_seed(self):
        model = tiny.classifier(**tiny.dropping(0.3))
        batch = {"input_ids": np.array([[2, 7, 3]])}
        first, again, other = (
            model(batch | {"dropout_seed": tf.constant(seed)}, training=True).numpy()
            for seed in ([7, 11], [7, 11], [7, 12])
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-2
        # Without a seed, each call draws masks of its own.
        first, second = (model(batch, training=True).numpy() for _ in range(2))
        assert np.abs(first - second).max() > 1e-2
