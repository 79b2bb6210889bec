"""nDCG, MRR and average precision, worked by hand."""

import numpy as np
import pytest

from bert_tf.tasks.metrics.ranking import judge_ranking


def judge(scores, grades):
    return list(judge_ranking(scores, grades).values())


def test_one_relevant_passage():
    # It is third: 1 / log2(4), 1 / 3, 1 / 3.
    assert judge([0.9, 0.8, 0.7, 0.1], [0, 0, 1, 0]) == pytest.approx(
        [0.5, 1 / 3, 1 / 3]
    )
    assert judge([-3.0, -1.0], [0, 1]) == [1, 1, 1]
    assert judge([2.0], [1]) == [1, 1, 1]


def test_two_relevant_passages():
    # At ranks 2 and 4 of 5.
    ndcg, mrr, mean = judge([5, 4, 3, 2, 1], [0, 1, 0, 1, 0])
    ideal = 1 + 1 / np.log2(3)
    assert ndcg == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)
    assert mrr == 0.5
    assert mean == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_grades():
    # Gains 2^g - 1: 0, 7 and 1 in this order; at best 7, 1, 0.
    ndcg, mrr, mean = judge([0.3, 0.2, 0.1], [0, 3, 1])
    assert ndcg == pytest.approx((7 / np.log2(3) + 1 / 2) / (7 + 1 / np.log2(3)))
    assert mrr == 0.5
    assert mean == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_what_is_below_rank_10_counts_for_map_alone():
    scores = -np.arange(12.0)
    assert judge(scores, np.arange(12) == 9) == pytest.approx(
        [1 / np.log2(11), 1 / 10, 1 / 10]
    )
    assert judge(scores, np.arange(12) == 10) == pytest.approx([0, 0, 1 / 11])


def test_more_relevant_passages_than_ranks():
    assert judge(-np.arange(12.0), np.ones(12)) == [1, 1, 1]


def test_equal_scores_gain_nothing_from_their_order():
    assert judge([1.0] * 4, [1, 0, 0, 0]) == pytest.approx([1 / np.log2(5), 0.25, 0.25])
    assert judge([1.0] * 4, [0, 0, 0, 1]) == pytest.approx([1 / np.log2(5), 0.25, 0.25])
