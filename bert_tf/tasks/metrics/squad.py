"""Exact match and F1 of answers, as SQuAD's own script has them (Rajpurkar et al., 2016, 2018)."""

import collections
import re
import string

import numpy as np

from bert_tf.tokenization.characters import CHINESE

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def normalize(text):
    """Returns a text in lower case, without punctuation and articles, with single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_MARKS)).split())


def exact_match(truth, answer):
    """Returns 1.0 if both are the same after `normalize`, else 0.0."""
    return float(normalize(truth) == normalize(answer))


def token_f1(truth, answer):
    """Returns the F1 of the words that both have in common.

    If one of them has no words, the score is 1.0 if both have none, else 0.0. Each
    Chinese character counts as a word, since Chinese has no spaces.
    """
    truth, answer = _words(truth), _words(answer)
    if not truth or not answer:
        return float(truth == answer)
    same = (collections.Counter(truth) & collections.Counter(answer)).total()
    return 2 * same / (len(truth) + len(answer))


def judge_answers(truths, answers, gains=None, threshold=None):
    """Scores each answer against the true answer that fits it best.

    Args:
        truths: for each question the true answers; [""] if there is none.
        answers: for each question the predicted text.
        gains: float [N], by how many nats "no answer" is more probable than the best
            answer; None if every question has an answer.
        threshold: gains above it mean "no answer"; None to tune it.

    Returns:
        Exact match and F1, float [N], and the threshold, None without gains.
    """
    exact, f1 = (
        np.array([max(score(t, a) for t in texts) for texts, a in zip(truths, answers)])
        for score in (exact_match, token_f1)
    )
    if gains is None:
        return exact, f1, None
    lacks = np.array([texts == [""] for texts in truths])
    if threshold is None:
        threshold = best_threshold(gains, f1, lacks)
    none = gains > threshold
    return np.where(none, lacks, exact), np.where(none, lacks, f1), threshold


def score_answers(truths, answers, gains=None, threshold=None):
    """Returns means over questions, see `QuestionAnswering.score`; takes what `judge_answers` takes."""
    exact, f1, threshold = judge_answers(truths, answers, gains, threshold)
    result = {"exact_match": float(exact.mean()), "f1": float(f1.mean())}
    if gains is None:
        return result
    result["null_threshold"] = float(threshold)
    lacks = np.array([texts == [""] for texts in truths])
    if lacks.any():
        result["no_answer_accuracy"] = float(exact[lacks].mean())
    if not lacks.all():
        result["has_answer_exact_match"] = float(exact[~lacks].mean())
        result["has_answer_f1"] = float(f1[~lacks].mean())
    return result


def best_threshold(gains, scores, lacks):
    """Returns the threshold of gains above which predicting "no answer" scores best.

    Args:
        gains: float [N], as of `judge_answers`.
        scores: float [N], of the best answers.
        lacks: bool [N], whether there is no answer.

    Returns:
        A number halfway between two gains that occur, or beyond the first or the last.
    """
    order = np.argsort(-gains, kind="stable")
    # Total score if the 0, 1, 2, … highest gains mean "no answer".
    totals = np.concatenate(
        [[0.0], np.cumsum(lacks[order] - np.where(lacks, 0.0, scores)[order])]
    )
    finite = np.clip(gains[order], -1e3, 1e3)
    borders = np.concatenate([[finite[0] + 1], finite, [finite[-1] - 1]])
    middles = (borders[:-1] + borders[1:]) / 2  # [N + 1]
    distinct = np.concatenate([[True], finite[:-1] > finite[1:], [True]])
    return float(middles[np.argmax(np.where(distinct, totals, -np.inf))])


def _words(text):
    spaced = (f" {c} " if ord(c) in CHINESE else c for c in normalize(text))
    return "".join(spaced).split()
