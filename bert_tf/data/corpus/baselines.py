"""Losses of predictions that use no model: baselines that pretraining must beat.

All are mean losses in nats over the same masked tokens that the model is scored on. They
use no knowledge, the frequency of each token, and the token to the left. A model whose
loss stalls at a baseline has learned no more than that baseline uses.
"""

import math

import numpy as np

# Number of tokens counted, from the first shard on. Counting them takes seconds.
MOST = 2**26
_CHUNK = 2**22
# Weights of the unigram frequencies against the counts of a left neighbor. The weight
# with the lowest loss is used, so that the baseline is as strong as possible.
_PRIORS = 10.0 ** np.arange(0, 5.5, 0.5)


def baselines(store, left, hidden):
    """Returns the mean loss of each baseline, {"uniform", "unigram", "bigram": nats}.

    Args:
        store: `Store` whose tokens are counted; the training store.
        left: int [M], the true token before each masked token. It may be masked itself.
        hidden: int [M], the true ids of the masked tokens.
    """
    size = len(store.vocab)
    frequency = np.zeros(size, np.int64)
    pairs, pair_of_token = np.unique(_keys(left, hidden, size), return_inverse=True)
    pair_counts = np.zeros(len(pairs), np.int64)
    for tokens in _chunks(store):
        frequency += np.bincount(tokens, minlength=size)
        keys = _keys(tokens[:-1], tokens[1:], size)
        index = np.searchsorted(pairs, keys)
        index = index[pairs[np.minimum(index, len(pairs) - 1)] == keys]
        pair_counts += np.bincount(index, minlength=len(pairs))
    # Adding one keeps the probability of a token that never occurred above 0.
    unigram = ((frequency + 1) / (frequency.sum() + size))[hidden]
    together = pair_counts[pair_of_token]
    bigram = min(
        -np.log((together + prior * unigram) / (frequency[left] + prior)).mean()
        for prior in _PRIORS
    )
    return {
        "uniform": math.log(size),
        "unigram": float(-np.log(unigram).mean()),
        "bigram": float(bigram),
    }


def _keys(left, right, size):
    """Encodes pairs of ids as single integers."""
    return np.asarray(left, np.int64) * size + np.asarray(right, np.int64)


def _chunks(store):
    """Yields int64 arrays of the store's tokens, `MOST` tokens in all."""
    remaining = MOST
    for number in range(len(store)):
        tokens = store.shard(number).pieces
        for begin in range(0, min(len(tokens), remaining), _CHUNK):
            yield np.asarray(tokens[begin : begin + _CHUNK], np.int64)
        remaining -= len(tokens)
        if remaining <= 0:
            return


def hidden_pieces(rows):
    """Returns left neighbors and true ids of the masked tokens of rows, int32 [M] and [M]."""
    positions, hidden = (
        np.asarray(rows[f"masked_lm_{name}"]) for name in ("positions", "ids")
    )
    input_ids = np.array(rows["input_ids"]).ravel()
    input_ids[positions] = hidden
    return input_ids[positions - 1], hidden
