"""What a BERT is made of: the keys of Google's `bert_config.json`, checked.

Devlin et al., 2019 (arXiv:1810.04805); the small sizes are from Turc et al., 2019
(arXiv:1908.08962).
"""

import dataclasses
import json
import math
import pathlib

ACTIVATIONS = ("gelu", "gelu_new", "relu")  # Exact (erf), by tanh, rectifier.

SIZES = {  # Name: (num_hidden_layers, hidden_size); a head is always 64 wide.
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}

CONFIG_FILES = ("config.json", "bert_config.json")  # Hugging Face's name, Google's.

# Keys that change the arithmetic, and the values under which it stays BERT's.
_ARITHMETIC = {
    "model_type": (None, "bert"),
    "is_decoder": (None, False),
    "add_cross_attention": (None, False),
    "position_embedding_type": (None, "absolute"),
    "pruned_heads": (None, {}, []),
    "quantization_config": (None, {}),
}


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The shape and constants of a BERT; the defaults are bert-base-uncased.

    Wrong values are a ValueError that names key, value and remedy.

    >>> BertConfig.from_size("tiny", vocab_size=100).num_attention_heads
    2
    """

    vocab_size: int = 30522  # Rows of the word table; may exceed vocab.txt.
    hidden_size: int = 768  # H; width of every position between layers.
    num_hidden_layers: int = 12  # Encoder layers.
    num_attention_heads: int = 12  # N; divides H, 64 wide each in all published sizes.
    intermediate_size: int = 3072  # Width inside the feed-forward part, 4·H as a rule.
    hidden_act: str = "gelu"  # One of ACTIVATIONS; exact GELU as published.
    hidden_dropout_prob: float = 0.1  # After embeddings and sublayers.
    attention_probs_dropout_prob: float = 0.1  # Removes whole links between tokens.
    max_position_embeddings: int = 512  # Longest sequence; positions are learned.
    type_vocab_size: int = 2  # Segments: sentence A and B.
    initializer_range: float = 0.02  # Deviation of the truncated normal at the start.
    layer_norm_eps: float = 1e-12  # As published; 1e-5 would change the outputs.
    classifier_dropout: float | None = None  # Before a head; None: as the hidden one.
    extra: dict = dataclasses.field(default_factory=dict, hash=False)  # Kept as found.

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field.name, field.type, getattr(self, field.name))
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(
                f"hidden_act must be one of {', '.join(ACTIVATIONS)}; "
                f"received {self.hidden_act!r}."
            )
        if self.hidden_size % self.num_attention_heads:
            head_size = max(1, self.hidden_size // self.num_attention_heads)
            raise ValueError(
                "hidden_size must be a multiple of num_attention_heads; received "
                f"{self.hidden_size} and {self.num_attention_heads}. "
                f"Try hidden_size={head_size * self.num_attention_heads}."
            )
        _check_extra(self.extra)

    @property
    def head_dropout_prob(self):
        """Dropout between the encoder and a task head."""
        if self.classifier_dropout is None:
            return self.hidden_dropout_prob
        return self.classifier_dropout

    @classmethod
    def from_size(cls, size, **overrides):
        """A published size by name: tiny, mini, small, medium, base, large."""
        if size not in SIZES:
            raise ValueError(
                f"size must be one of {', '.join(SIZES)}; received {size!r}."
            )
        layers, hidden = SIZES[size]
        values = {
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": hidden // 64,
            "intermediate_size": 4 * hidden,
        }
        return cls(**values | overrides)

    @classmethod
    def from_dict(cls, values):
        """From the keys of config.json; keys that are not ours are kept in `extra`."""
        _check("configuration", dict, values)
        _check_arithmetic(values)
        names = {field.name for field in dataclasses.fields(cls)} - {"extra"}
        known = {key: value for key, value in values.items() if key in names}
        if known.get("hidden_act") == "gelu_pytorch_tanh":  # The same function.
            known["hidden_act"] = "gelu_new"
        skipped = names | {"model_type"}  # `to_dict` says model_type by itself.
        extra = {key: value for key, value in values.items() if key not in skipped}
        return cls(**known, extra=extra)

    def to_dict(self):
        """As config.json holds it; `from_dict` of it is equal to this."""
        values = dataclasses.asdict(self)
        extra = values.pop("extra")
        return {"model_type": "bert", **values, **extra}


def read_config(path):
    """Reads config.json (or Google's bert_config.json) from a folder, or that file.

    Errors name the file: FileNotFoundError where there is none, ValueError where it
    is not JSON or asks for something that is not this BERT.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        found = [path / name for name in CONFIG_FILES if (path / name).is_file()]
        if not found:
            raise FileNotFoundError(f"{path} holds no {' and no '.join(CONFIG_FILES)}.")
        path = found[0]
    elif not path.is_file():
        raise FileNotFoundError(f"there is no configuration {path}.")
    try:
        return BertConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_config(path, config):
    """Writes `config` as the JSON file `path`, readable by `read_config`."""
    text = json.dumps(config.to_dict(), indent=2, ensure_ascii=False)
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def _check(key, kind, value):
    """Checks the type a field declares, and the range its name implies."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (str, dict):
        right, wanted = isinstance(value, kind), f"a {kind.__name__}"
    elif kind is int:
        right = is_number and isinstance(value, int) and value >= 1
        wanted = "a whole number of at least 1"
    elif "dropout" in key:
        right = is_number and 0 <= value < 1 or (value is None and kind is not float)
        wanted = "a number of at least 0 and below 1"
    else:  # A deviation or an epsilon.
        right = is_number and 0 < value < math.inf
        wanted = "a positive number"
    if not right:
        raise ValueError(f"{key} must be {wanted}; received {_show(value)}.")


def _check_extra(extra):
    """`extra` is for other keys, so that a value has one home."""
    taken = {field.name for field in dataclasses.fields(BertConfig)} | {"model_type"}
    if shadowed := sorted(taken & extra.keys()):
        raise ValueError(f"extra holds {shadowed[0]!r}; pass it by its own name.")
    _check_arithmetic(extra)


def _check_arithmetic(values):
    for key, allowed in _ARITHMETIC.items():
        if key in values and values[key] not in allowed:
            raise ValueError(
                f"{key} must be {allowed[1]!r} or absent; received "
                f"{_show(values[key])}. This model computes the published BERT encoder "
                "only, and would answer something else."
            )


def _show(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
