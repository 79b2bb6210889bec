"""Whether the words that a method points at are those that the model needs.

DeYoung et al., 2020, "ERASER". Words are masked in the order of their weights. If the
method is right, the probability falls at once when its first words are masked
(comprehensiveness), and is already there with these words alone (sufficiency). A random
order is the measure of both.

Shapes: E examples, F fractions.
"""

import numpy as np

# Of the words: those of the paper, and the ends of a curve.
FRACTIONS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
_SHARES = slice(1, -1)  # The means are over these.
_ORDERS = 3  # Random ones.


def measure(explainer, attributions, *, seed=1):
    """Masks words of all examples in several orders.

    Args:
        explainer: `Explainer`.
        attributions: {method: list of `Attribution`}.
        seed: of the random orders.

    Returns:
        {method, or "random": dict with `deletion` and `insertion`, float64 [E, F], the
        probability of what was predicted when so many words are masked, or are the only
        ones that are not; `comprehensiveness` and `sufficiency`, float64 [E]}.
    """
    random = np.random.default_rng(seed)
    orders = {
        method: [np.argsort(-found.weights, kind="stable") for found in own]
        for method, own in attributions.items()
    }
    drawn = [
        [random.permutation(len(example.words)) for example in explainer.examples]
        for _ in range(_ORDERS)
    ]
    measured = {name: _measure(explainer, name, own) for name, own in orders.items()}
    several = [_measure(explainer, "random", own) for own in drawn]
    measured["random"] = {
        name: np.mean([curves[name] for curves in several], axis=0)
        for name in several[0]
    }
    return measured


def _measure(explainer, name, orders):
    variants = []
    for number, (example, order) in enumerate(zip(explainer.examples, orders)):
        for fraction in FRACTIONS:
            # At least one word, as soon as any is masked.
            count = int(np.ceil(fraction * len(order)))
            for hidden in (order[:count], order[count:]):
                ids = example.hide(hidden, explainer.mask_id)
                variants.append((number, ids))
    values = explainer.values(variants, f"faithfulness of {name}")
    curves = explainer.probabilities(values).reshape(len(orders), len(FRACTIONS), 2)
    deletion, insertion = curves[:, :, 0], curves[:, :, 1]
    full = deletion[:, :1]
    return {
        "deletion": deletion,
        "insertion": insertion,
        "comprehensiveness": (full - deletion[:, _SHARES]).mean(axis=1),
        "sufficiency": (full - insertion[:, _SHARES]).mean(axis=1),
    }
