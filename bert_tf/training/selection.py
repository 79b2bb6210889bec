"""Which variables train, and how fast, by their paths, which are the published names.

A variable that does not train gets no gradient, no decay and no optimizer state. A
decoder counts as a head, except for the weights that it shares with the encoder.
"""

import logging
import math
import re

_log = logging.getLogger(__name__)

# In the embeddings or the dense layer that widens them, or in a layer.
_PLACE = re.compile(r"(?:^|/)bert/(?:(embeddings)(?:_project)?|encoder/layer_(\d+))/")
_POOLER = re.compile(r"(?:^|/)bert/pooler/")


def parse_freeze(text):
    """Reads "embeddings", "3" or "embeddings,3".

    Returns:
        Whether the embeddings are frozen, and how many of the lowest layers.

    Raises:
        ValueError: the text is something else.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    layers = [part for part in parts if part != "embeddings"]
    if len(layers) > 1 or not all(re.fullmatch(r"[0-9]+", part) for part in layers):
        raise ValueError(
            "freeze must be embeddings, a number of lowest layers, or both as in "
            f"embeddings,3; received {text!r}."
        )
    return "embeddings" in parts, int(layers[0]) if layers else 0


def check_freeze(text, num_hidden_layers):
    """Raises a ValueError if more layers shall be frozen than the model has."""
    _, layers = parse_freeze(text)
    if layers > num_hidden_layers:
        raise ValueError(
            f"freeze={text!r} names {layers} layers, but the model has only "
            f"{num_hidden_layers}; lower it."
        )


def select(model, *, freeze="", adapters_only=False):
    """Sets which variables of a model train, and logs how many.

    Args:
        model: built Keras model.
        freeze: as in `parse_freeze`.
        adapters_only: True to train low-rank adapters, the pooler and the heads only.
    """
    embeddings, layers = parse_freeze(freeze)
    for variable in model.weights:
        place = _PLACE.search(variable.path)
        if not place:
            continue  # Heads and the pooler always train.
        if adapters_only:
            frozen = "/lora_kernel_" not in variable.path
        elif place[1]:
            frozen = embeddings
        else:
            frozen = int(place[2]) < layers
        variable.trainable = not frozen
    trained, weights = model.trainable_weights, model.weights
    if len(trained) < len(weights):
        _log.info(
            "training %s of %s variables, %s of %s parameters.",
            *(f"{count:,}" for count in (len(trained), len(weights))),
            *(f"{_count_parameters(group):,}" for group in (trained, weights)),
        )


def learning_rate_factors(paths, decay):
    """Returns {path: factor of the learning rate}, 1 at the head (Clark et al., 2020).

    As in ELECTRA's code, the heads have decay⁰, the pooler decay¹, the top layer decay²,
    each layer below it one power more, and the embeddings the highest power.

    Args:
        paths: of all variables of the model; the frozen ones are needed to count layers.
        decay: in (0, 1].
    """
    places = {path: _PLACE.search(path) for path in paths}
    layers = {int(place[2]) for place in places.values() if place and place[2]}
    top = max(layers, default=-1)

    def steps_down(path):
        place = places[path]
        if not place:
            return 1 if _POOLER.search(path) else 0
        return top + 3 if place[1] else 2 + top - int(place[2])

    return {path: decay ** steps_down(path) for path in paths}


def _count_parameters(weights):
    return sum(math.prod(weight.shape) for weight in weights)
