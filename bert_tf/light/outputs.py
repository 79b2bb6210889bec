"""Outputs of an exported file under the names that the model itself gives them.

Shapes: C labels, L tokens of an example, H hidden size.
"""

import numpy as np

# A probability that float32 rounds to 0 or 1 has a logarithm, too.
_TINY, _EPSILON = np.finfo(np.float32).tiny, np.finfo(np.float32).epsneg
_MANY = "multi_label_classification"


def undo(named, problem_type=None):
    """Returns what the model computed for an example of which a file gives other numbers.

    Args:
        named: {name: array}: `probability` [C] or [L, C], `score` [1], `logit` [1] of a
            choice, `embedding` [H]; all others stay as they are.
        problem_type: of the task.

    Returns:
        {name: array}: `logits`, which for labels that exclude each other are known apart
        from a constant, or `embeddings`.
    """
    if "probability" in named:
        invert = _undo_sigmoid if problem_type == _MANY else _undo_softmax
        return {"logits": invert(named["probability"])}
    if "score" in named:
        return {"logits": named["score"]}
    if "logit" in named:
        return {"logits": named["logit"][0]}
    if "embedding" in named:
        return {"embeddings": named["embedding"]}
    return named


def _undo_softmax(probabilities):
    return np.log(np.maximum(probabilities, _TINY))


def _undo_sigmoid(probabilities):
    near = np.clip(probabilities, _TINY, 1 - _EPSILON)
    return np.log(near) - np.log1p(-near)
