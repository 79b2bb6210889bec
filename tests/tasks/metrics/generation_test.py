"""Scores of generated answers, worked by hand."""

import sys

import numpy as np
import pytest

from bert_tf.tasks.metrics.generation import judge_generated, score_generated


@pytest.fixture(autouse=True)
def rouge():
    reason = "pip install -e '.[generation]'"
    return pytest.importorskip("rouge_score.rouge_scorer", reason=reason)


@pytest.mark.parametrize(
    ("truths", "answer", "exact", "f1", "rouge_l"),
    [
        (["the river Tiber"], "The Tiber.", 0, 2 / 3, 0.8),  # 2 of 3 and of 2 words.
        (["Rome", "the Tiber"], "Tiber", 1, 1, 2 / 3),
        (["a b c d"], "d c b a", 0, 1, 1 / 4),  # "a" is an article for F1 alone.
        (["Straße"], "Straße", 1, 1, 1),
        (["北京大学"], "北京", 0, 2 / 3, 2 / 3),
        ([], "", 1, 1, 1),  # No answer.
        ([""], "Rome", 0, 0, 0),
        (["Rome"], "", 0, 0, 0),
    ],
)
def test_by_hand(truths, answer, exact, f1, rouge_l):
    judged = judge_generated([truths], [answer])
    assert judged["exact_match"].tolist() == [exact]
    assert judged["f1"] == pytest.approx([f1])
    assert judged["rouge_l"] == pytest.approx([rouge_l])


def test_english_words_are_those_of_rouge_score(rouge):
    truth, answer = "The U.S. won 3-2, it's said.", "U.S. won: 3 to 2"
    own = rouge.RougeScorer(["rougeL"]).score(truth, answer)["rougeL"].fmeasure
    assert judge_generated([[truth]], [answer])["rouge_l"].tolist() == [own]


def test_means():
    truths, answers = [["Rome"], ["Tiber", "Po"], []], ["Rome", "Po river", "Rome"]
    scores = score_generated(truths, answers)
    assert scores == pytest.approx(
        {
            "exact_match": 1 / 3,
            "f1": (1 + 2 / 3) / 3,
            "rouge_l": (1 + 2 / 3) / 3,
            "no_answer_accuracy": 0,
            "has_answer_f1": 5 / 6,
        }
    )
    assert np.array(list(scores.values())).dtype == float
    assert score_generated(truths[:2], answers[:2]).keys() == {
        "exact_match",
        "f1",
        "rouge_l",
    }


def test_without_rouge_score(monkeypatch):
    monkeypatch.setitem(sys.modules, "rouge_score", None)
    with pytest.raises(ValueError, match=r"pip install 'bert_tf\[generation\]'"):
        judge_generated([["a"]], ["a"])
