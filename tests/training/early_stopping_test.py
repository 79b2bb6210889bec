"""The best score and the count of evaluations without a gain."""

import pytest

from bert_tf.training.early_stopping import Best


def follow(scores, **options):
    """What is the best so far, and how long it was waited for, after each score."""
    best = Best("f1", **options)
    seen = []
    for step, score in enumerate(scores, start=1):
        improved = best.update(10 * step, score)
        seen.append((improved, int(best.waited.numpy())))
    return seen, best


def test_the_count_begins_anew_with_a_gain():
    seen, best = follow([0.5, 0.4, 0.5, 0.6, 0.6])
    assert seen == [(True, 0), (False, 1), (False, 2), (True, 0), (False, 1)]
    assert (best.step.numpy(), best.value.numpy()) == (40, 0.6)


def test_small_steps_up_are_the_best_but_no_gain():
    seen, best = follow([0.5, 0.55, 0.6, 0.75], patience=2, threshold=0.125)
    assert seen == [(True, 0), (True, 1), (True, 2), (True, 0)]
    assert best.value.numpy() == 0.75


def test_scores_may_be_negative():
    assert follow([-0.5, -0.75, -0.25])[0] == [(True, 0), (False, 1), (True, 0)]


def test_a_score_that_is_no_number_is_no_gain():
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
def test_why_it_stops(options, expected):
    assert follow([0.5, 0.25, 0.5], **options)[1].why_stop() == expected
