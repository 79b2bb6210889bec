"""Spans of a context: which are likeliest, and on which pieces an answer lies."""

import numpy as np

N_BEST = 20  # Begins, and ends, that are tried in a window, as published.


def best_spans(window, spans, logs, longest):
    """The best answers of a window, [(log-probability, start, end)].

    Args:
        window: `Window`.
        spans: int [pieces, 2], where its pieces stand in the context.
        logs: float [2, pieces], log-probabilities of begin and end.
        longest: pieces of an answer, at most.
    """
    begins, ends = (np.argsort(-side, kind="stable")[:N_BEST] for side in logs)
    found = []
    for first in begins.tolist():
        if not window.first <= first + window.begin < window.last:
            continue  # Another window sees more around it.
        for last in ends.tolist():
            if first <= last < first + longest:
                log = float(logs[0, first] + logs[1, last])
                found.append((log, int(spans[first, 0]), int(spans[last, 1])))
    return found


def gain_of_none(answer):
    """By how many nats no answer is likelier than the best one."""
    return answer["null"] - answer["spans"][0][0] if answer["spans"] else np.inf


def pieces_of(answers, spans):
    """First and last piece of the first answer that stands in the context; or None."""
    answer = next((a for a in answers if a["start"] is not None), None)
    if answer is None:
        return None
    start, end = answer["start"], answer["start"] + len(answer["text"])
    touched = np.flatnonzero((spans[:, 1] > start) & (spans[:, 0] < end))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None
