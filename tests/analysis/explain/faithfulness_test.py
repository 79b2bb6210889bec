"""Curves and means of masked words, for a value that is known for every text."""

import numpy as np
import pytest

from bert_tf.analysis.explain import faithfulness
from bert_tf.analysis.explain.examples import Example
from bert_tf.analysis.explain.methods import Attribution

MASK = 0
WORTH = np.array([0.0, 4.0, 2.0, 1.0, 0.5, 0.0])


class KnownExplainer:
    """Its value is the sum of the worth of the words that are not masked."""

    mask_id = MASK

    def __init__(self):
        self.examples = [
            Example(
                np.arange(1, 7, dtype=np.int32),
                np.zeros(6, np.int32),
                list("abcdef"),
                ["text"] * 6,
                [np.array([n]) for n in range(6)],
            )
        ] * 2

    def values(self, variants, title=""):
        return np.array([WORTH[np.asarray(ids) != MASK].sum() for _, ids in variants])

    def probabilities(self, values):
        return np.asarray(values) / WORTH.sum()


def test_the_right_order_by_hand():
    best = [Attribution(WORTH)] * 2
    worst = [Attribution(-WORTH)] * 2
    measured = faithfulness.measure(KnownExplainer(), {"best": best, "worst": worst})
    # 0, 1, 1, 1, 2, 3 and 6 of the 6 words at the fractions.
    falls = np.array([0, 4, 4, 4, 6, 7, 7.5]) / 7.5
    np.testing.assert_allclose(measured["best"]["deletion"], [1 - falls] * 2)
    np.testing.assert_allclose(measured["best"]["insertion"], [falls] * 2)
    mean = falls[1:-1].mean()
    np.testing.assert_allclose(measured["best"]["comprehensiveness"], [mean] * 2)
    np.testing.assert_allclose(measured["best"]["sufficiency"], [1 - mean] * 2)
    for name in ("best", "worst", "random"):
        assert measured[name]["deletion"].shape == (2, len(faithfulness.FRACTIONS))
    comprehensive = {
        name: own["comprehensiveness"].mean() for name, own in measured.items()
    }
    assert comprehensive["best"] > comprehensive["random"] > comprehensive["worst"]


def test_random_orders_are_those_of_the_seed():
    own = {"best": [Attribution(WORTH)] * 2}
    first, again, other = (
        faithfulness.measure(KnownExplainer(), own, seed=seed)["random"]["deletion"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()
    assert first[0, 0] == pytest.approx(1) and first[0, -1] == pytest.approx(0)
