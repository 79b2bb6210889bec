"""Exact match, F1 and ROUGE-L of generated answers."""

import re

import numpy as np

from bert_tf.tasks.metrics.squad import judge_answers
from bert_tf.tokenization.characters import CHINESE

# The words of rouge-score's own tokenizer, but of any language.
_WORD = re.compile(r"[^\W_]+")


class _Words:
    """Splits texts for rouge-score: words in lower case; each Chinese character is one."""

    def tokenize(self, text):
        spaced = (f" {c} " if ord(c) in CHINESE else c for c in text.lower())
        return _WORD.findall("".join(spaced))


def judge_generated(truths, answers):
    """Scores each generated answer against the true answer that fits it best.

    Args:
        truths: for each question the true answers; none, or "" alone, if the question
            has no answer.
        answers: for each question the generated text, "" for none.

    Returns:
        {"exact_match", "f1", "rouge_l": float64 [N]}, from 0 to 1. The first two are
        those of SQuAD's script; ROUGE-L (Lin, 2004) is the F of the longest common
        subsequence of words, by rouge-score without stemming.

    Raises:
        ValueError: rouge-score is not installed.
    """
    truths = [list(texts) or [""] for texts in truths]
    exact, f1, _ = judge_answers(truths, answers)
    rouge = _rouge_l()
    best = [max(rouge(t, a) for t in texts) for texts, a in zip(truths, answers)]
    return {"exact_match": exact, "f1": f1, "rouge_l": np.array(best, np.float64)}


def score_generated(truths, answers):
    """Returns {name: mean} of `judge_generated`, and the F1 with and without an answer.

    `has_answer_f1` and `no_answer_accuracy` are there if some questions have no answer.
    """
    judged = judge_generated(truths, answers)
    scores = {name: float(values.mean()) for name, values in judged.items()}
    lacks = np.array([not any(texts) for texts in truths])
    if lacks.any():
        scores["no_answer_accuracy"] = float(judged["exact_match"][lacks].mean())
        if not lacks.all():
            scores["has_answer_f1"] = float(judged["f1"][~lacks].mean())
    return scores


def _rouge_l():
    """Returns function(truth, text) → ROUGE-L."""
    try:
        from rouge_score import rouge_scorer
    except ImportError:
        raise ValueError(
            "ROUGE-L needs rouge-score: run pip install 'bert_tf[generation]'."
        ) from None
    words = _Words()
    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=words)

    def rouge(truth, text):
        if not words.tokenize(truth) or not words.tokenize(text):
            return float(truth.strip() == text.strip())
        return scorer.score(truth, text)["rougeL"].fmeasure

    return rouge
