"""How good an answer is, as SQuAD's own script judges (Rajpurkar et al., 2016, 2018)."""

import collections
import re
import string

import numpy as np

from bert_tf.tokenization.characters import CHINESE

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MARKS = str.maketrans("", "", string.punctuation)


def normalize(text):
    """Lower case, without punctuation and articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_MARKS)).split())


def exact_match(truth, answer):
    return float(normalize(truth) == normalize(answer))


def token_f1(truth, answer):
    """F1 of the words that both have; of two without words, whether both are.

    Chinese has no spaces: each of its characters counts as a word.
    """
    truth, answer = _words(truth), _words(answer)
    if not truth or not answer:
        return float(truth == answer)
    same = (collections.Counter(truth) & collections.Counter(answer)).total()
    return 2 * same / (len(truth) + len(answer))


def judge_answers(truths, answers, gains=None, threshold=None):
    """Judges each answer; of several truths the best one counts.

    Args:
        truths: for each question the texts that are right; [""] where none is.
        answers: for each question a text.
        gains: float [N], by how much no answer is likelier than the best one; None
            where every question has an answer.
        threshold: of gains, from which on there is no answer; None for the best.

    Returns:
        Exact match and F1, float [N], and the threshold, None without gains.
    """
    exact, f1 = (
        np.array([max(judge(t, a) for t in some) for some, a in zip(truths, answers)])
        for judge in (exact_match, token_f1)
    )
    if gains is None:
        return exact, f1, None
    lacks = np.array([some == [""] for some in truths])
    if threshold is None:
        threshold = best_threshold(gains, f1, lacks)
    none = gains > threshold
    return np.where(none, lacks, exact), np.where(none, lacks, f1), threshold


def score_answers(truths, answers, gains=None, threshold=None):
    """Means over questions, see `QuestionAnswering.score`; arguments of `judge_answers`."""
    exact, f1, threshold = judge_answers(truths, answers, gains, threshold)
    result = {"exact_match": float(exact.mean()), "f1": float(f1.mean())}
    if gains is None:
        return result
    result["null_threshold"] = float(threshold)
    lacks = np.array([some == [""] for some in truths])
    if lacks.any():
        result["no_answer_accuracy"] = float(exact[lacks].mean())
    if not lacks.all():
        result["has_answer_exact_match"] = float(exact[~lacks].mean())
        result["has_answer_f1"] = float(f1[~lacks].mean())
    return result


def best_threshold(gains, scores, lacks):
    """Returns the gain from which on saying "no answer" scores best.

    Args:
        gains: float [N], by how much no answer is likelier than the best one.
        scores: float [N], of the best answers.
        lacks: bool [N], whether there is no answer.

    Returns:
        In the middle between two gains that occur; at an end, beyond it.
    """
    order = np.argsort(-gains, kind="stable")
    # With the first 0, 1, 2, … as none.
    won = np.concatenate(
        [[0.0], np.cumsum(lacks[order] - np.where(lacks, 0.0, scores)[order])]
    )
    finite = np.clip(gains[order], -1e3, 1e3)
    borders = np.concatenate([[finite[0] + 1], finite, [finite[-1] - 1]])
    middles = (borders[:-1] + borders[1:]) / 2  # [N + 1]
    parted = np.concatenate([[True], finite[:-1] > finite[1:], [True]])
    return float(middles[np.argmax(np.where(parted, won, -np.inf))])


def _words(text):
    apart = (f" {c} " if ord(c) in CHINESE else c for c in normalize(text))
    return "".join(apart).split()
