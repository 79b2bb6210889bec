"""Intervals and tests against values by hand and SciPy's."""

import numpy as np
import pytest
from scipy import stats

from bert_tf import intervals


class TestStudent:
    def test_four_values(self):
        # Deviations ±1.5, ±0.5: variance 5/3; t is 3.18245 for 3 degrees at 97.5%.
        result = intervals.student([1, 2, 3, 4])
        assert result["mean"] == 2.5
        assert result["standard_deviation"] == pytest.approx(1.2909944)
        assert result["interval_95"] == pytest.approx([0.445739, 4.554261], abs=1e-5)

    def test_equal_values_have_an_interval_of_width_0(self):
        assert intervals.student([0.5, 0.5]) == {
            "mean": 0.5,
            "standard_deviation": 0.0,
            "interval_95": [0.5, 0.5],
        }

    def test_one_value_is_an_error(self):
        with pytest.raises(ValueError, match="two runs or more; received 1"):
            intervals.student([0.5])


class TestWelch:
    def test_equals_scipy(self):
        ours, theirs = [0.81, 0.84, 0.80, 0.83], [0.78, 0.70, 0.82]
        expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        assert intervals.welch(ours, theirs) == pytest.approx(list(expected))

    def test_equal_values_have_an_interval_of_width_0(self):
        assert intervals.welch([0.75, 0.75], [0.5, 0.5, 0.5]) == [0.25, 0.25]


class TestBootstrap:
    # 40 gains and 10 losses in 100: mean 0.3, deviation sqrt(0.5 - 0.09).
    GAINS = np.repeat([1.0, -1.0, 0.0], [40, 10, 50])

    def test_is_near_the_normal_interval(self):
        low, high = intervals.bootstrap_mean(self.GAINS)
        reach = 1.959964 * np.sqrt(0.41 / 100)
        assert [low, high] == pytest.approx([0.3 - reach, 0.3 + reach], abs=0.011)

    def test_is_near_scipy_s(self):
        expected = stats.bootstrap(
            (self.GAINS,), np.mean, n_resamples=10_000, method="percentile", rng=3
        ).confidence_interval
        assert intervals.bootstrap_mean(self.GAINS) == pytest.approx(
            [expected.low, expected.high], abs=0.011
        )

    def test_is_near_the_general_bootstrap(self):
        drawn = intervals.bootstrap(
            lambda indices: self.GAINS[indices].mean(), 100, resamples=4000
        )
        assert drawn == pytest.approx(intervals.bootstrap_mean(self.GAINS), abs=0.021)

    def test_the_seed_determines_the_interval(self):
        first, again, other = (
            intervals.bootstrap_mean(self.GAINS, resamples=101, seed=seed)
            for seed in (4, 4, 5)
        )
        assert first == again
        assert first != other

    def test_equal_values_have_an_interval_of_width_0(self):
        assert intervals.bootstrap_mean(np.full(7, 0.25)) == [0.25, 0.25]


def entity_counts():
    """Returns counts of two runs that find some of the entities, and of one with all."""
    random = np.random.default_rng(4)
    true = random.integers(0, 4, 80)
    correct = [np.minimum(random.integers(0, 4, 80), true) for _ in range(2)]
    return [np.stack([hits, true, true], axis=1) for hits in (*correct, true)]


def f1(sums):
    correct, predicted, true = np.moveaxis(sums, -1, 0)
    return 2 * correct / np.maximum(predicted + true, 1)


class TestBootstrapCounts:
    def test_is_near_the_general_bootstrap(self):
        counts = entity_counts()

        def difference(indices):
            first, second, other = (f1(run[indices].sum(axis=0)) for run in counts)
            return (first + second) / 2 - other

        drawn = intervals.bootstrap(difference, 80, resamples=4000)
        low, high = intervals.bootstrap_counts(counts[:2], counts[2:], f1)
        assert [low, high] == pytest.approx(drawn, abs=0.01)
        assert low < difference(slice(None)) < high < 0

    def test_no_labels_and_no_predictions(self):
        nothing = np.zeros([1, 5, 3], int)
        assert intervals.bootstrap_counts(nothing, nothing, f1) == [0.0, 0.0]


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

    def test_an_even_split_has_p_1(self):
        assert intervals.mcnemar([1, 0, 1], [0, 1, 1])["p"] == 1.0

    def test_equal_predictions_have_p_1(self):
        assert intervals.mcnemar([1, 0], [1, 0]) == {
            "only_model": 0,
            "only_baseline": 0,
            "p": 1.0,
        }
