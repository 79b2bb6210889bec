"""Attributions: how much each word adds to the value that is explained.

Shapes: L tokens and W words of an example.
"""

import dataclasses

import numpy as np

from bert_tf.analysis.explain.inside import roll_out

# Points of the first attempt, and the most.
_POINTS, _MOST_POINTS = 16, 512


@dataclasses.dataclass
class Attribution:
    """What a method says of one example.

    Attributes:
        weights: float64 [W], what each word adds to the value.
        error: |sum of the weights - change of the value| / |change of the value|, for
            methods whose weights must add up to it; None for others.
    """

    weights: np.ndarray
    error: float | None = None


def integrated_gradients(explainer, *, tolerance=0.01):
    """Integrates the gradient from the text with all words masked to the text itself.

    Sundararajan et al., 2017, "Axiomatic attribution for deep networks". The weights add
    up to the difference of the values of both (completeness). The integral is computed
    by Gauss-Legendre quadrature, with twice as many points until the error is within the
    tolerance, or there are 512.

    Returns:
        list of `Attribution`, one of each example.
    """
    hidden = explainer.values(
        [
            (number, example.hide(range(len(example.words)), explainer.mask_id))
            for number, example in enumerate(explainer.examples)
        ]
    )
    changes = explainer.full - hidden
    found = [None] * len(changes)
    points, left = _POINTS, list(range(len(changes)))
    while left:
        nodes, shares = np.polynomial.legendre.leggauss(points)
        alphas, shares = (nodes + 1) / 2, shares / 2
        slopes, _ = explainer.slopes(
            [(number, alpha) for number in left for alpha in alphas],
            f"integrated gradients, {points} points",
        )
        for place, number in enumerate(left):
            own = slopes[place * points : (place + 1) * points]
            weights = _by_word(explainer.examples[number], shares @ np.array(own))
            gap = abs(weights.sum() - changes[number])
            error = gap / max(abs(changes[number]), np.finfo(np.float32).tiny)
            found[number] = Attribution(weights, float(error))
        left = [number for number in left if found[number].error > tolerance]
        points *= 2
        if points > _MOST_POINTS:
            break
    return found


def gradient_times_input(explainer):
    """Multiplies the gradient with the word vectors (Shrikumar et al., 2016)."""
    points = [(number, 1.0) for number in range(len(explainer.examples))]
    _, slopes = explainer.slopes(points, "gradient x input")
    return [
        Attribution(_by_word(example, own))
        for example, own in zip(explainer.examples, slopes)
    ]


def occlusion(explainer):
    """Masks one word at a time (Zeiler and Fergus, 2014): by how much does the value fall?"""
    variants = [
        (number, example.hide([word], explainer.mask_id))
        for number, example in enumerate(explainer.examples)
        for word in range(len(example.words))
    ]
    values = explainer.values(variants, "occlusion")
    falls = explainer.full[[number for number, _ in variants]] - values
    counts = [len(example.words) for example in explainer.examples]
    parts = np.split(falls, np.cumsum(counts)[:-1])
    return [Attribution(own) for own in parts]


def attention_rollout(explainer):
    """Follows attention from the last layer's [CLS] to the words; see `inside.roll_out`.

    The weights are not negative, and of the model's outputs they know nothing.
    """
    found = [None] * len(explainer.examples)
    for number, attention in explainer.attention("attention rollout"):
        from_cls = roll_out(attention)[0]
        found[number] = Attribution(_by_word(explainer.examples[number], from_cls))
    return found


def _by_word(example, weights):
    return np.array([weights[tokens].sum() for tokens in example.tokens])


# {name: (function, title for people)}.
METHODS = {
    "integrated_gradients": (integrated_gradients, "Integrated gradients"),
    "gradient_times_input": (gradient_times_input, "Gradient × input"),
    "occlusion": (occlusion, "Occlusion"),
    "attention_rollout": (attention_rollout, "Attention rollout"),
}
