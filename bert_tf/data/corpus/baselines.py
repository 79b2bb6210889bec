"""What guessing without a model costs: the losses that pretraining must fall below.

Of the same hidden pieces that the model is scored on, in nats: knowing nothing, knowing
how frequent each piece is, and knowing the piece on its left. A model that sits at one
of them has learnt that much and no more.
"""

import math

import numpy as np

# Pieces counted, from the first shard on: enough for counts, and seconds to count.
MOST = 2**26
_CHUNK = 2**22
# A left neighbour's own counts weigh against the frequencies as n to one of these; the
# best is taken, so that the baseline is as low as it can be.
_PRIORS = 10.0 ** np.arange(0, 5.5, 0.5)


def baselines(store, left, hidden):
    """Returns the mean surprise of hidden pieces, {"uniform", "unigram", "bigram": nats}.

    Args:
        store: `Store` to count in, the one trained on.
        left: int [M], the true piece before each; hidden or not.
        hidden: int [M], the pieces that were hidden.
    """
    size = len(store.vocab)
    frequency = np.zeros(size, np.int64)
    wanted, place = np.unique(_keys(left, hidden, size), return_inverse=True)
    together = np.zeros(len(wanted), np.int64)
    for pieces in _chunks(store):
        frequency += np.bincount(pieces, minlength=size)
        keys = _keys(pieces[:-1], pieces[1:], size)
        found = np.searchsorted(wanted, keys)
        found = found[wanted[np.minimum(found, len(wanted) - 1)] == keys]
        together += np.bincount(found, minlength=len(wanted))
    # Add one: what never occurred is possible.
    unigram = ((frequency + 1) / (frequency.sum() + size))[hidden]
    bigram = min(
        -np.log((together[place] + prior * unigram) / (frequency[left] + prior)).mean()
        for prior in _PRIORS
    )
    return {
        "uniform": math.log(size),
        "unigram": float(-np.log(unigram).mean()),
        "bigram": float(bigram),
    }


def _keys(left, right, size):
    return np.asarray(left, np.int64) * size + np.asarray(right, np.int64)


def _chunks(store):
    """Yields pieces of the store, a few million at a time, `MOST` in all."""
    left = MOST
    for number in range(len(store)):
        pieces = store.shard(number).pieces
        for begin in range(0, min(len(pieces), left), _CHUNK):
            yield np.asarray(pieces[begin : begin + _CHUNK], np.int64)
        left -= len(pieces)
        if left <= 0:
            return


def hidden_pieces(rows):
    """Returns left neighbours and hidden pieces of masked rows, int32 [M] and [M]."""
    positions, hidden = rows["masked_lm_positions"].numpy(), rows["masked_lm_ids"]
    true = rows["input_ids"].numpy().ravel()
    true[positions] = hidden
    return true[positions - 1], hidden.numpy()
