"""What `compress` tries, the surest first: which models it makes, and which files of them."""

import dataclasses

SMALL = "2x128"  # Layers x width of the smallest student.
PRUNED = 0.4  # Fraction of the parameters of all layers.


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A file that `compress` makes and measures.

    Attributes:
        model: which model it holds: the given one (""), or a key of `MODELS`.
        quantize: as of `ExportConfig`: "", "float16" or "int8".
    """

    model: str
    quantize: str

    @property
    def name(self):
        """Such as half_int8."""
        return "_".join([*filter(None, [self.model]), self.quantize or "float32"])


# {name: (model that it is made of, whether it is trained)}. Trimming comes first, because
# it changes no output and makes every training after it shorter.
MODELS = {
    "trimmed": ("", False),
    "aware": ("trimmed", True),
    "pruned": ("trimmed", True),
    "half": ("trimmed", True),
    "small": ("trimmed", True),
}
CANDIDATES = (
    Candidate("", ""),
    Candidate("", "float16"),
    Candidate("", "int8"),
    Candidate("trimmed", "int8"),
    Candidate("aware", "int8"),
    Candidate("pruned", "int8"),
    Candidate("half", "int8"),
    Candidate("small", "int8"),
)
NAMES = tuple(candidate.name for candidate in CANDIDATES)


def choose(names):
    """Returns the candidates of these names, separated by commas; all if there are none.

    The model as it is, in float32, always belongs to them: the others are compared with it.

    Raises:
        ValueError: there is no such candidate.
    """
    given = [name.strip() for name in names.split(",") if name.strip()]
    for name in given:
        if name not in NAMES:
            raise ValueError(
                f"candidates must be among {', '.join(NAMES)}; received {name!r}."
            )
    wanted = {*(given or NAMES), NAMES[0]}
    return [candidate for candidate in CANDIDATES if candidate.name in wanted]


def fit(chosen, config):
    """Returns the candidates that make a model smaller, given its `BertConfig`."""
    has_layers = config.num_hidden_layers > 1
    possible = {"half": has_layers, "small": config.hidden_size > _width(SMALL)}
    return [c for c in chosen if possible.get(c.model, True)]


def _width(size):
    return int(size.partition("x")[2])


def half_of(layers):
    """Returns which of so many layers the half model keeps, such as "0,2,4"."""
    return ",".join(map(str, range(0, layers, 2)))


def list_models(chosen):
    """Returns the models that candidates need, each after the one it is made of."""
    needed = {candidate.model for candidate in chosen}
    for name in reversed(MODELS):
        if name in needed:
            needed.add(MODELS[name][0])
    return [name for name in MODELS if name in needed]
