"""Rates of groups are counted."""

import numpy as np
import pytest

from bert_tf.analysis.bias import slices

TRUTH = np.array(["y", "y", "n", "n", "y", "n", "n", "n"])
PREDICTED = np.array(["y", "n", "y", "n", "y", "n", "n", "n"])
GROUPS = np.array(["a"] * 4 + ["b"] * 4)


class TestSlices:
    def test_rates_by_hand(self):
        found = slices.by_group(TRUTH, PREDICTED, GROUPS, "y")
        values = {
            group: {
                name: rate["value"] for name, rate in own.items() if name != "records"
            }
            for group, own in found.items()
        }
        assert values == {
            "a": dict(zip(slices.RATES, (0.5, 0.5, 0.5, 0.5))),
            "b": dict(zip(slices.RATES, (1.0, 0.25, 1.0, 0.0))),
        }
        # Wilson's interval of 2 of 4.
        assert found["a"]["accuracy"]["interval_95"] == pytest.approx(
            [0.1500, 0.8500], abs=1e-4
        )

    def test_a_rate_of_no_records(self):
        groups = np.array(["a"] * 6 + ["b"] * 2)
        assert (
            slices.by_group(TRUTH, PREDICTED, groups, "y")["b"]["true_positive_rate"]
            is None
        )

    def test_differences_by_hand(self):
        found = slices.differences(TRUTH, PREDICTED, GROUPS, "y")
        assert found["selection_rate_difference"]["value"] == 0.25
        assert found["equalised_odds_difference"]["value"] == 0.5
        for gap in found.values():
            low, high = gap["interval_95"]
            assert 0 <= low <= gap["value"] <= high <= 1
