"""Spans of a context: which are likeliest, and on which pieces an answer lies."""

import numpy as np

N_BEST = 20  # Begins, and ends, that are tried in a window, as published.


def best_spans(spans, logs, own, longest):
    """The best answers of a window, [(log-probability, start, end)].

    Args:
        spans: int [pieces, 2], where its pieces stand in the context.
        logs: float [2, pieces], log-probabilities of begin and end.
        own: the pieces in which it may begin, from and to: another window sees more
            around the others.
        longest: pieces of an answer, at most.
    """
    begins, ends = (np.argsort(-side, kind="stable")[:N_BEST] for side in logs)
    found = []
    for first in begins.tolist():
        if not own[0] <= first < own[1]:
            continue
        for last in ends.tolist():
            if first <= last < first + longest:
                log = float(logs[0, first] + logs[1, last])
                found.append((log, int(spans[first, 0]), int(spans[last, 1])))
    return found


def gain_of_none(answer):
    """By how many nats no answer is likelier than the best one."""
    return answer["null"] - answer["spans"][0][0] if answer["spans"] else np.inf


def pieces_of(answers, spans, is_first, is_last):
    """First and last piece of the first answer, where a window holds all of it; or None.

    Args:
        answers: of the question.
        spans: int [pieces, 2], where the pieces of the window stand in the context.
        is_first, is_last: whether no pieces of the context come before, or after, it.
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
