"""Pairs of examples, alike if their labels are (Tunstall et al., 2022, "SetFit").

Shapes: N examples, P pairs.
"""

import numpy as np

_MOST_OF_AN_EXAMPLE = 20  # Pairs of each kind; so many did setfit draw, too.


def pair_examples(labels, seed=0):
    """Pairs examples, as many of the same label as of different ones.

    Every pair of different examples occurs once, and pairs of the smaller kind are repeated
    until there are as many as of the larger one. Of each kind there are at most 20 pairs an
    example; more are a random choice.

    Args:
        labels: int [N], of which at least two differ and at least two are the same.
        seed: of the choice of pairs that are repeated or left out.

    Returns:
        `first` and `second`, int [P], the numbers of the examples; and `label`, float32
        [P]: 1 for the same label, else 0.
    """
    labels, random = np.asarray(labels), np.random.default_rng(seed)
    first, second = np.triu_indices(len(labels), k=1)
    same = labels[first] == labels[second]
    kinds = [np.flatnonzero(same), np.flatnonzero(~same)]
    size = min(max(map(len, kinds)), _MOST_OF_AN_EXAMPLE * len(labels))
    pairs = np.concatenate([_choose(kind, size, random) for kind in kinds])
    return first[pairs], second[pairs], same[pairs].astype(np.float32)


def _choose(pairs, size, random):
    """Returns so many of the pairs; none is repeated before all are taken."""
    repeated = np.tile(pairs, size // len(pairs))
    rest = random.choice(pairs, size - len(repeated), replace=False)
    return np.concatenate([repeated, rest])
