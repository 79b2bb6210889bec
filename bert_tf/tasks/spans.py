"""Spans of a context: the most probable ones, and the tokens that an answer covers."""

import numpy as np

N_BEST = 20  # Begins, and ends, that are combined in a window, as published.


def best_spans(spans, logs, own, longest):
    """Returns the best answers of a window, [(log-probability, start, end)].

    Args:
        spans: int [tokens, 2], where its tokens are in the context, in characters.
        logs: float [2, tokens], log-probabilities of begin and end.
        own: the first token at which an answer of this window may begin, and the token
            after the last; another window has more context around the others.
        longest: tokens of an answer, at most.
    """
    begins, ends = (np.argsort(-side, kind="stable")[:N_BEST] for side in logs)
    answers = []
    for first in begins.tolist():
        if not own[0] <= first < own[1]:
            continue
        for last in ends.tolist():
            if first <= last < first + longest:
                log = float(logs[0, first] + logs[1, last])
                answers.append((log, int(spans[first, 0]), int(spans[last, 1])))
    return answers


def gain_of_none(spans, null):
    """Returns by how many nats "no answer" is more probable than the best answer.

    Args:
        spans: [(log-probability, start, end)], the best first.
        null: log-probability of no answer.
    """
    return null - spans[0][0] if spans else np.inf


def tokens_of(answers, spans, is_first, is_last):
    """Returns the first and last token of the first answer in a window that holds all of it.

    Args:
        answers: of the question.
        spans: int [tokens, 2], where the tokens of the window are in the context.
        is_first, is_last: whether the window is the first, or the last, of the context.

    Returns:
        (first, last), or None if the window does not hold the whole answer.
    """
    answer = next((a for a in answers if a["start"] is not None), None)
    if answer is None or not len(spans):
        return None
    start, end = answer["start"], answer["start"] + len(answer["text"])
    if not (is_first or spans[0, 0] <= start) or not (is_last or spans[-1, 1] >= end):
        return None
    touched = np.flatnonzero((spans[:, 1] > start) & (spans[:, 0] < end))
    if not len(touched):
        return None
    return int(touched[0]), int(touched[-1])
