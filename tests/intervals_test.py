"""Intervals and tests against numbers worked by hand and SciPy's own."""

import numpy as np
import pytest
from scipy import stats

from bert_tf import intervals


class TestStudent:
    def test_four_values(self):
        # Deviations ±1.5, ±0.5: variance 5/3; t of 3 degrees is 3.18245 at 97.5 %.
        result = intervals.student([1, 2, 3, 4])
        assert result["mean"] == 2.5
        assert result["standard_deviation"] == pytest.approx(1.2909944)
        assert result["interval_95"] == pytest.approx([0.445739, 4.554261], abs=1e-5)

    def test_of_equal_values_there_is_no_doubt(self):
        assert intervals.student([0.5, 0.5]) == {
            "mean": 0.5,
            "standard_deviation": 0.0,
            "interval_95": [0.5, 0.5],
        }

    def test_of_one_there_is_none(self):
        with pytest.raises(ValueError, match="two runs or more; received 1"):
            intervals.student([0.5])


class TestWelch:
    def test_is_scipy_s(self):
        ours, theirs = [0.81, 0.84, 0.80, 0.83], [0.78, 0.70, 0.82]
        expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        assert intervals.welch(ours, theirs) == pytest.approx(list(expected))

    def test_of_equal_values_there_is_no_doubt(self):
        assert intervals.welch([0.75, 0.75], [0.5, 0.5, 0.5]) == [0.25, 0.25]


class TestBootstrap:
    # 40 gains and 10 losses of 100: mean 0.3, deviation sqrt(0.5 - 0.09).
    GAINS = np.repeat([1.0, -1.0, 0.0], [40, 10, 50])

    def test_is_near_the_normal_interval(self):
        low, high = intervals.bootstrap_mean(self.GAINS)
        reach = 1.959964 * np.sqrt(0.41 / 100)
        assert [low, high] == pytest.approx([0.3 - reach, 0.3 + reach], abs=0.011)

    def test_is_near_scipy_s(self):
        theirs = stats.bootstrap(
            (self.GAINS,), np.mean, n_resamples=10_000, method="percentile", rng=3
        ).confidence_interval
        assert intervals.bootstrap_mean(self.GAINS) == pytest.approx(
            [theirs.low, theirs.high], abs=0.011
        )

    def test_drawing_examples_is_the_same(self):
        drawn = intervals.bootstrap(
            lambda indices: self.GAINS[indices].mean(), 100, resamples=4000
        )
        assert drawn == pytest.approx(intervals.bootstrap_mean(self.GAINS), abs=0.021)

    def test_the_seed_decides(self):
        same, other = (
            [intervals.bootstrap_mean(self.GAINS, resamples=101, seed=s) for s in seeds]
            for seeds in ((4, 4), (4, 5))
        )
        assert same[0] == same[1]
        assert other[0] != other[1]

    def test_what_is_always_so_has_no_width(self):
        assert intervals.bootstrap_mean(np.full(7, 0.25)) == [0.25, 0.25]


def entity_counts():
    """Counts of two runs that find some of what is true, and of one that finds all."""
    random = np.random.default_rng(4)
    true = random.integers(0, 4, 80)
    found = [np.minimum(random.integers(0, 4, 80), true) for _ in range(2)]
    return [np.stack([right, true, true], axis=1) for right in (*found, true)]


class TestBootstrapF1:
    def test_drawing_examples_is_the_same(self):
        counts = entity_counts()

        def f1(of):
            right, answered, true = of.sum(axis=0)
            return 2 * right / (answered + true)

        def difference(indices):
            first, second, other = (f1(of[indices]) for of in counts)
            return (first + second) / 2 - other

        drawn = intervals.bootstrap(difference, 80, resamples=4000)
        found = intervals.bootstrap_f1(counts[:2], counts[2:])
        assert found == pytest.approx(drawn, abs=0.01)
        assert found[0] < difference(slice(None)) < found[1] < 0

    def test_nothing_true_or_answered(self):
        nothing = np.zeros([1, 5, 3], int)
        assert intervals.bootstrap_f1(nothing, nothing) == [0.0, 0.0]


class TestMcNemar:
    def test_ten_against_two(self):
        hits = np.repeat([1, 0, 1, 0], [10, 2, 5, 3])
        others = np.repeat([0, 1, 1, 0], [10, 2, 5, 3])
        # Twice (1 + 12 + 66) of the 4096 ways to split twelve.
        assert intervals.mcnemar(hits, others) == {
            "only_model": 10,
            "only_baseline": 2,
            "p": pytest.approx(158 / 4096),
        }

    def test_an_even_split_tells_nothing(self):
        assert intervals.mcnemar([1, 0, 1], [0, 1, 1])["p"] == 1.0

    def test_nor_do_equal_answers(self):
        assert intervals.mcnemar([1, 0], [1, 0]) == {
            "only_model": 0,
            "only_baseline": 0,
            "p": 1.0,
        }
