"""Calibration errors, temperatures and areas against examples worked by hand."""

import numpy as np
import pytest
from sklearn import metrics

from bert_tf.analysis.calibration import measures


def draw(seed=0, count=400, classes=3):
    """Logits whose softmax is calibrated: labels are drawn from it."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, classes)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([random.choice(classes, p=row) for row in shares])
    return logits, truth


def test_error_by_hand():
    confidences, hits = [0.95, 0.85, 0.9, 0.25, 0.3], [1, 0, 1, 1, 0]
    # Two bins: 0.9 is confident and 2/3 right, 0.275 confident and 1/2 right.
    found = measures.reliability(confidences, hits, bins=2)
    assert [row["records"] for row in found] == [2, 3]
    assert found[1]["confidence"] == pytest.approx(0.9)
    assert found[1]["accuracy"] == pytest.approx(2 / 3)
    error = measures.expected_calibration_error(confidences, hits, bins=2)
    assert error == pytest.approx((2 * 0.225 + 3 * (0.9 - 2 / 3)) / 5)


def test_the_ends_of_bins():
    found = measures.reliability([0.0, 0.5, 1.0], [0, 1, 1], bins=2)
    assert [row["records"] for row in found] == [2, 1]


def test_scores_equal_scikit_learns():
    logits, truth = draw()
    found = measures.scores(logits, truth)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found["accuracy"] == metrics.accuracy_score(truth, shares.argmax(axis=1))
    assert found["nll"] == pytest.approx(metrics.log_loss(truth, shares))
    wanted = np.eye(3)[truth]
    assert found["brier"] == pytest.approx(((shares - wanted) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("wrong", [0.3, 1.0, 2.5])
def test_the_temperature_that_undoes_a_scale(wrong):
    logits, truth = draw(count=20_000)
    temperature = measures.fit_temperature(logits * wrong, truth)
    assert temperature == pytest.approx(wrong, rel=0.05)
    before = measures.scores(logits * wrong, truth)
    after = measures.scores(logits * wrong / temperature, truth)
    assert after["nll"] <= before["nll"]
    assert after["accuracy"] == before["accuracy"]
    if wrong != 1:
        assert after["ece"] < before["ece"]


def test_coverage_by_hand():
    found = measures.coverage([0.9, 0.6, 0.8, 0.7], [1, 0, 1, 0])
    assert [row["coverage"] for row in found[4:]] == [0.5, 0.75, 0.75, 1.0, 1.0, 1.0]
    assert found[4] == {"coverage": 0.5, "threshold": 0.8, "accuracy": 1.0}
    assert found[-1] == {"coverage": 1.0, "threshold": 0.6, "accuracy": 0.5}


def test_area_equals_scikit_learns():
    random = np.random.default_rng(1)
    inside, outside = (
        random.normal(size=30).round(1) + 0.5,
        random.normal(size=50).round(1),
    )
    truth = [1] * 30 + [0] * 50
    expected = metrics.roc_auc_score(truth, np.concatenate([inside, outside]))
    assert measures.area_under_roc(inside, outside) == pytest.approx(expected)


def test_energy_of_large_logits():
    logits = np.array([[1000.0, 1000.0], [0.0, -np.inf]])
    np.testing.assert_allclose(measures.energy(logits), [1000 + np.log(2), 0])


def test_closeness_ranks_by_distance():
    random = np.random.default_rng(2)
    means = np.array([[0.0] * 4, [5.0] * 4])
    labels = np.repeat([0, 1], 200)
    vectors = means[labels] + random.normal(size=(400, 4)) * [1, 1, 1, 3]
    near = measures.Mahalanobis(vectors, labels)
    # As far from a mean, but along the axis in which the classes spread.
    along, across = means[0] + [0, 0, 0, 4], means[0] + [4, 0, 0, 0]
    own, spread, other = near.closeness(np.array([means[0], along, across]))
    assert own > spread > other
