"""Which variables train, and how fast: by path, which is the published name.

A variable that does not train gets no gradient, no decay and no optimizer state.
"""

import logging
import math
import re

_log = logging.getLogger(__name__)

_PLACE = re.compile(r"(?:^|/)bert/(?:(embeddings)|encoder/layer_(\d+))/")
_POOLER = re.compile(r"(?:^|/)bert/pooler/")


def parse_freeze(text):
    """Reads "embeddings", "3" or "embeddings,3".

    Returns:
        whether the embeddings are frozen, and how many of the lowest layers.
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
    """Raises a ValueError where more layers are to be frozen than there are."""
    _, layers = parse_freeze(text)
    if layers > num_hidden_layers:
        raise ValueError(
            f"freeze={text!r} names {layers} layers, but the model has only "
            f"{num_hidden_layers}; lower it."
        )


def select(model, *, freeze="", adapters_only=False):
    """Decides which of a model's variables train; says in the log how many.

    Args:
        model: built Keras model.
        freeze: as in `parse_freeze`.
        adapters_only: True to train low-rank adapters, the pooler and the heads only.
    """
    embeddings, layers = parse_freeze(freeze)
    for variable in model.weights:
        place = _PLACE.search(variable.path)
        if not place:
            continue  # A head, or the pooler.
        if adapters_only:
            frozen = "/lora_kernel_" not in variable.path
        elif place[1]:
            frozen = embeddings
        else:
            frozen = int(place[2]) < layers
        variable.trainable = not frozen
    trained, every = model.trainable_weights, model.weights
    if len(trained) < len(every):
        _log.info(
            "training %s of %s variables, %s of %s parameters.",
            *(f"{count:,}" for count in (len(trained), len(every))),
            *(f"{_parameters(weights):,}" for weights in (trained, every)),
        )


def learning_rate_factors(paths, decay):
    """Returns {path: factor of the learning rate}, 1 at the head (Clark et al., 2020).

    As ELECTRA's code counts: heads decay⁰, pooler decay¹, the top layer decay², each
    layer below it once more, the embeddings lowest.

    Args:
        paths: of all the model's variables, frozen ones too: they tell how many layers
            there are.
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


def _parameters(weights):
    return sum(math.prod(weight.shape) for weight in weights)
