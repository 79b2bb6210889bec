"""How good an answer is, worked by hand after SQuAD's script."""

import numpy as np
import pytest

from bert_tf.tasks.metrics.squad import best_threshold, exact_match, normalize, token_f1


def test_normalize():
    assert normalize("The  Cat, an (old) one!") == "cat old one"
    assert normalize("Theatre") == "theatre"


@pytest.mark.parametrize(
    ("truth", "answer", "exact", "f1"),
    [
        ("the Tiber", "Tiber.", 1.0, 1.0),
        ("the river Tiber", "Tiber", 0.0, 2 / 3),
        ("a b b", "b b c", 0.0, 0.8),  # "a" is an article: 2 of 2 and of 3.
        ("Rome", "Paris", 0.0, 0.0),
        ("", "", 1.0, 1.0),
        ("", "Rome", 0.0, 0.0),
        ("the", "!", 1.0, 1.0),  # Nothing remains of either.
        ("北京大学", "北京", 0.0, 2 / 3),
    ],
)
def test_scores(truth, answer, exact, f1):
    assert exact_match(truth, answer) == exact
    assert token_f1(truth, answer) == pytest.approx(f1)


class TestThreshold:
    def test_parts_those_without_an_answer(self):
        gains = np.array([3.0, -1.0, 2.0, 0.5])
        lacks = np.array([True, False, True, False])
        scores = np.array([0.0, 1.0, 0.0, 1.0])
        assert best_threshold(gains, scores, lacks) == 1.25

    def test_at_the_ends(self):
        gains, scores = np.array([3.0, -1.0]), np.ones(2)
        assert best_threshold(gains, scores, np.array([False, False])) > 3
        assert best_threshold(gains, 0 * scores, np.array([True, True])) < -1

    def test_equals_are_not_parted(self):
        gains = np.array([1.0, 1.0, 0.0])
        lacks = np.array([True, False, False])
        scores = np.array([0.0, 0.9, 1.0])
        # Both of the equals as none: 1 + 0 + 1; neither: 0 + 0.9 + 1.
        assert best_threshold(gains, scores, lacks) == 0.5

    @pytest.mark.parametrize("seed", range(5))
    def test_is_the_best_of_all(self, seed):
        random = np.random.default_rng(seed)
        gains = random.integers(-3, 4, 30).astype(float)
        lacks = random.random(30) < 0.4
        scores = np.where(lacks, 0.0, random.random(30))

        def total(threshold):
            return np.where(gains > threshold, lacks, scores).sum()

        best = max(map(total, np.arange(-5, 5, 0.25)))
        assert total(best_threshold(gains, scores, lacks)) == pytest.approx(best)
