"""Logits to probabilities, in NumPy alone: programs without TensorFlow have no SciPy either."""

import numpy as np


def softmax(logits):
    """Returns exp(x) / Σ exp(x) over the last axis."""
    powers = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def log_softmax(logits):
    """Returns x - log Σ exp(x) over the last axis."""
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def sigmoid(logits):
    """Returns 1 / (1 + exp(-x))."""
    # Large exponents, of very improbable labels, would overflow.
    return np.exp(-np.logaddexp(0.0, -logits))
