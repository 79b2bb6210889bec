"""The best score and the count of evaluations without a gain."""

import json

import pytest

from bert_tf.training.early_stopping import Best


def follow(scores, **options):
    """Whether each score is the best so far, and the evaluations since a gain."""
    best = Best("f1", **options)
    results = []
    for step, score in enumerate(scores, start=1):
        improved = best.update(10 * step, score)
        results.append((improved, best.waited))
    return results, best


def test_a_gain_resets_the_count():
    results, best = follow([0.5, 0.4, 0.5, 0.6, 0.6])
    assert results == [(True, 0), (False, 1), (False, 2), (True, 0), (False, 1)]
    assert (best.step, best.score) == (40, 0.6)


def test_small_rises_are_the_best_but_no_gain():
    results, best = follow([0.5, 0.55, 0.6, 0.75], patience=2, threshold=0.125)
    assert results == [(True, 0), (True, 1), (True, 2), (True, 0)]
    assert best.score == 0.75


def test_scores_may_be_negative():
    assert follow([-0.5, -0.75, -0.25])[0] == [(True, 0), (False, 1), (True, 0)]


def test_a_score_of_nan_is_no_gain():
    assert follow([0.5, float("nan")])[0] == [(True, 0), (False, 1)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ""),
        ({"patience": 3}, ""),
        (
            {"patience": 2},
            "f1 did not rise in 2 evaluations; best 0.5000 at step 10",
        ),
        (
            {"patience": 2, "threshold": 0.01},
            "f1 did not rise by more than 0.01 in 2 evaluations; best 0.5000 at step 10",
        ),
    ],
)
def test_the_reason_to_stop(options, expected):
    assert follow([0.5, 0.25, 0.5], **options)[1].why_stop() == expected


@pytest.mark.parametrize("scores", [[], [0.5, 0.1 + 0.2, 0.25]])
def test_a_resumed_run_continues_the_count(scores):
    _, best = follow(scores, patience=2)
    numbers = json.loads(json.dumps(best.numbers()))
    resumed = Best("f1", patience=2, numbers=numbers)
    assert resumed.numbers() == best.numbers()
    assert resumed.why_stop() == best.why_stop()
