"""Outputs of an exported file under the names that the model itself gives them.

Shapes: C labels, L tokens of an example, H hidden size.
"""

import numpy as np

# A probability that float32 rounds to 0 or 1 has a logarithm, too.
_TINY, _EPSILON = np.finfo(np.float32).tiny, np.finfo(np.float32).epsneg


def undo_softmax(named):
    """Returns `logits` of `probability`, [C] or [L, C], apart from a constant."""
    return {"logits": np.log(np.maximum(named["probability"], _TINY))}


def undo_sigmoid(named):
    """Returns `logits` of `probability` [C] of labels that do not exclude each other."""
    near = np.clip(named["probability"], _TINY, 1 - _EPSILON)
    return {"logits": np.log(near) - np.log1p(-near)}


# {task: function({name: array} of one example in the file) → the same for `Task.collect`}.
OF_FILE = {
    "classification": undo_softmax,
    "multi_label": undo_sigmoid,
    "regression": lambda named: {"logits": named["score"]},
    "token_classification": undo_softmax,
    "question_answering": lambda named: named,
    "multiple_choice": lambda named: {"logits": named["logit"][0]},
    "similarity": lambda named: {"embeddings": named["embedding"]},
}
