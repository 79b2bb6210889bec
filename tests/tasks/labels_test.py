"""Class weights in the form of the flag; scores of labels from counts."""

import numpy as np
import pytest

from bert_tf.tasks.labels import class_scores, parse_weights

LABELS, COUNTS = ["no", "yes", "a=b"], [6, 3, 1]


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("", [1, 1, 1]),
        ("yes=2.5", [1, 2.5, 1]),
        (" yes = 2.5 , no=1e-1,", [0.1, 2.5, 1]),
        ("a=b=4", [1, 1, 4]),
        ("balanced", [10 / 18, 10 / 9, 10 / 3]),
    ],
)
def test_weights(text, weights):
    assert parse_weights(text, LABELS, COUNTS) == pytest.approx(weights)


def test_balanced_gives_all_labels_the_same_total():
    weights = parse_weights("balanced", LABELS, COUNTS)
    assert [w * n for w, n in zip(weights, COUNTS)] == pytest.approx([10 / 3] * 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("balance", "must be balanced or label=weight,…; received 'balance'."),
        ("yess=2", "names 'yess', which is not a label of the training data. Did you"),
        ("x=2", "not a label of the training data. The labels are 'no', 'yes', 'a=b'."),
        ("yes=2,yes=3", "class_weights names 'yes' twice"),
        ("yes=0", "the weight of 'yes' must be a number above 0; received '0'."),
        ("yes=-1", "must be a number above 0; received '-1'."),
        ("yes=nan", "must be a number above 0; received 'nan'."),
        ("yes=inf", "must be a number above 0; received 'inf'."),
        ("yes=much", "must be a number above 0; received 'much'."),
    ],
)
def test_wrong_weights_are_an_error(text, message):
    with pytest.raises(ValueError) as caught:
        parse_weights(text, LABELS, COUNTS)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_class_scores_by_hand():
    right, predicted, true = map(np.array, ([2, 0, 0], [3, 1, 0], [4, 0, 0]))
    scores = class_scores(LABELS, right, predicted, true)
    assert scores["no"] == {
        "precision": 2 / 3,
        "recall": 0.5,
        "f1": 4 / 7,
        "support": 4,
    }
    nothing = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert scores["yes"] == scores["a=b"] == nothing
