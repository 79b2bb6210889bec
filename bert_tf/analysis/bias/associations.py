"""Associations of embeddings: WEAT, and SEAT, the same with sentences.

Caliskan et al., 2017, "Semantics derived automatically from language corpora contain
human-like biases"; May et al., 2019, "On measuring social biases in sentence encoders".

Shapes: X and Y targets of two concepts, A and B attributes of two, H size of an embedding.
"""

import itertools
import json
import math

import numpy as np

from bert_tf.disk import check_file

SETS = ("targ1", "targ2", "attr1", "attr2")
MOST_PARTITIONS = 100_000
CAVEAT = (
    "An association that is not found is no proof that there is none; and the effects of "
    "sentences in SEAT depend on their templates (May et al., 2019)."
)


def read(path):
    """Returns {set: (category, list of texts)} of `SETS`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has another form, or the targets are not equally many.
    """
    check_file(path)
    with open(path, encoding="utf-8") as file:
        try:
            values = json.loads(file.read())
            found = {
                name: (
                    values[name]["category"],
                    list(map(str, values[name]["examples"])),
                )
                for name in SETS
            }
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} must be JSON with {', '.join(SETS)}, each with category and "
                f"examples: {error}"
            ) from None
    empty = [name for name, (_, texts) in found.items() if not texts]
    if empty:
        raise ValueError(f"{path}: {empty[0]} has no examples.")
    first, second = (len(found[name][1]) for name in SETS[:2])
    if first != second:
        raise ValueError(
            f"{path}: targ1 and targ2 must have equally many examples, because they are "
            f"exchanged; received {first} and {second}."
        )
    return found


def associate(targets, first, second):
    """Returns the mean cosine of each target with A minus that with B, float64 [X].

    Args:
        targets: float [X, H].
        first, second: float [A, H] and [B, H].
    """
    targets, first, second = map(_unit, (targets, first, second))
    return (targets @ first.T).mean(axis=1) - (targets @ second.T).mean(axis=1)


def effect_size(own, others):
    """Returns the difference of means over the standard deviation of all (Cohen's d).

    Args:
        own, others: float [X] and [Y], as `associate` returns them.
    """
    every = np.concatenate([own, others])
    return float((own.mean() - others.mean()) / every.std(ddof=1))


def p_value(own, others, *, seed=1):
    """Returns how often a random division of the targets differs at least as much.

    The test is one-sided. It is exact for up to 100,000 divisions, and else of as many
    that are drawn, the given one included.

    Args:
        own, others: float [X] and [X], as `associate` returns them.
        seed: of the draws.
    """
    every, size = np.concatenate([own, others]), len(own)
    # s(X) - s(Y) rises with s(X), so that only the sums of X are compared.
    observed = _sum(own)
    if math.comb(len(every), size) <= MOST_PARTITIONS:
        sums = [
            _sum(every[list(c)])
            for c in itertools.combinations(range(len(every)), size)
        ]
        return float(np.mean(np.array(sums) >= observed))
    random = np.random.default_rng(seed)
    as_extreme = 1
    for _ in range(MOST_PARTITIONS - 1):
        as_extreme += _sum(random.permutation(every)[:size]) >= observed
    return float(as_extreme / MOST_PARTITIONS)


def _sum(values):
    return math.fsum(values)  # Whatever their order, equal values have equal sums.


def _unit(vectors):
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
