"""The configuration of a BERT: the keys of Google's `bert_config.json`, checked.

Devlin et al., 2019 (arXiv:1810.04805); the small sizes are from Turc et al., 2019
(arXiv:1908.08962).
"""

import dataclasses
import json
import pathlib

from bert_tf import layer_sizes, model_types
from bert_tf.ground import one_of, setting, show
from bert_tf.json_files import read_json

ACTIVATIONS = ("gelu", "gelu_new", "relu")  # GELU by erf, GELU by tanh, ReLU.

SIZES = {  # {name: (num_hidden_layers, hidden_size)}; an attention head is 64 wide.
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}

# The largest values that any published encoder comes near to, {key: value}. A typing error
# beyond them would only end when the memory is full.
_MOST = {
    "vocab_size": 10_000_000,
    "hidden_size": 100_000,
    "num_hidden_layers": 1_000,
    "intermediate_size": 1_000_000,
    "max_position_embeddings": 10_000_000,
    "type_vocab_size": 10_000,
    "initializer_range": 10,
    "layer_norm_eps": 1,
}

CONFIG_FILES = ("config.json", "bert_config.json")  # Hugging Face's name, Google's.

# The `quantization_config` of weights in eight bits, see `bert_tf.checkpoints.precision`.
INT8 = {"quant_method": "bert_tf_int8"}


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Sizes and constants of a BERT; the defaults are those of bert-base-uncased.

    Keys of config.json that are no fields stand in `extra`, unchanged. Layers of a pruned
    BERT differ: `layer_num_attention_heads` and `layer_intermediate_size` then have an
    entry for each, and `num_attention_heads` and `intermediate_size` are the sizes before.

    Raises:
        ValueError: a value is out of range; the message names the key and the value.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.BertConfig.from_size("tiny", vocab_size=100)
        >>> config.num_hidden_layers, config.hidden_size, config.num_attention_heads
        (2, 128, 2)
        >>> bert_tf.BertConfig.from_dict(config.to_dict()) == config
        True
    """

    vocab_size: int = setting(
        30522, "rows of the word table; at least those of vocab.txt"
    )
    hidden_size: int = setting(768, "values in the state of a token")
    num_hidden_layers: int = setting(12, "encoder layers")
    num_attention_heads: int = setting(12, "attention heads; must divide hidden_size")
    intermediate_size: int = setting(3072, "values inside the feed-forward network")
    hidden_act: str = setting(
        "gelu", "gelu (exact, as published), gelu_new (tanh) or relu"
    )
    hidden_dropout_prob: float = setting(
        0.1, "dropout rate of embeddings and sublayers"
    )
    attention_probs_dropout_prob: float = setting(0.1, "dropout rate of attention")
    max_position_embeddings: int = setting(512, "longest sequence in tokens")
    type_vocab_size: int = setting(2, "number of segments: text A and text B")
    initializer_range: float = setting(0.02, "standard deviation of initial weights")
    layer_norm_eps: float = setting(1e-12, "added to the variance in LayerNorm")
    classifier_dropout: float | None = setting(
        None, "dropout rate before a task head; None: hidden_dropout_prob"
    )
    layer_num_attention_heads: tuple | None = setting(
        None, "attention heads of each layer; None: num_attention_heads in all"
    )
    layer_intermediate_size: tuple | None = setting(
        None, "values inside each feed-forward network; None: intermediate_size in all"
    )
    model_type: str = setting("bert", "architecture: bert, distilbert or electra")
    embedding_size: int | None = setting(
        None, "values of an embedding, of ELECTRA; None: hidden_size"
    )
    qa_dropout: float = setting(0.0, "dropout rate before DistilBERT's head of answers")
    extra: dict = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if field.name not in layer_sizes.KEYS:
                _check(field.name, field.type, getattr(self, field.name))
        model_types.check(self)
        one_of("hidden_act", self.hidden_act, ACTIVATIONS)
        if self.hidden_size % self.num_attention_heads:
            head_size = max(1, self.hidden_size // self.num_attention_heads)
            raise ValueError(
                "hidden_size must be a multiple of num_attention_heads; received "
                f"{self.hidden_size} and {self.num_attention_heads}. "
                f"Try hidden_size={head_size * self.num_attention_heads}."
            )
        for key, entries in layer_sizes.check(self).items():
            object.__setattr__(self, key, entries)  # Lists of JSON become tuples.
        _check_extra(self.extra)

    @property
    def is_plain(self):
        """Whether all layers have the same sizes, so that plain BERT's keys say them."""
        return self.layer_num_attention_heads is None

    @property
    def peculiarity(self):
        """Why only bert_tf can load the model, a part of a sentence; "" if others can."""
        if not self.is_plain:
            return "its layers differ in size"
        if layer_sizes.has_own_head(self.extra):
            return "its classifier reads the mean of all tokens"
        return ""

    @property
    def architecture(self):
        """What the `model_type` has in the place of BERT's parts; see `model_types`."""
        return model_types.ARCHITECTURES[self.model_type]

    def class_name(self, name):
        """Returns transformers' class that is to the `model_type` what one is to BERT."""
        return model_types.class_name(name, self.model_type)

    @property
    def embedding_width(self):
        """The values of an embedding, before a dense layer widens it where it is narrower."""
        return self.embedding_size or self.hidden_size

    @property
    def attention_head_size(self):
        """The values of an attention head; pruning removes whole heads."""
        return self.hidden_size // self.num_attention_heads

    @property
    def layer_shapes(self):
        """The number of heads and the intermediate size of each layer, (int, int)."""
        if self.is_plain:
            shape = (self.num_attention_heads, self.intermediate_size)
            return [shape] * self.num_hidden_layers
        return list(zip(self.layer_num_attention_heads, self.layer_intermediate_size))

    @property
    def head_dropout_prob(self):
        """The dropout rate between the encoder and a task head."""
        if self.classifier_dropout is None:
            return self.hidden_dropout_prob
        return self.classifier_dropout

    @classmethod
    def from_size(cls, size, **overrides):
        """Returns the configuration of a published size.

        Args:
            size: "tiny", "mini", "small", "medium", "base" or "large".
            overrides: {field: value} that replace those of the size.
        """
        layers, hidden = SIZES[one_of("size", size, SIZES)]
        values = {
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": hidden // 64,
            "intermediate_size": 4 * hidden,
        }
        return cls(**values | overrides)

    def with_layers(self, shapes):
        """Returns the configuration of the same encoder with other layers.

        It is plain where plain BERT's keys can say it: all heads are kept, and the
        intermediate sizes are equal.

        Args:
            shapes: (heads, intermediate size) of each layer; see `layer_shapes`.
        """
        heads, widths = zip(*shapes)
        by_layer = dict(zip(layer_sizes.KEYS, (heads, widths)))
        if {*heads} == {self.num_attention_heads} and len({*widths}) == 1:
            by_layer = {**dict.fromkeys(by_layer), "intermediate_size": widths[0]}
        return dataclasses.replace(self, num_hidden_layers=len(heads), **by_layer)

    @classmethod
    def from_dict(cls, values):
        """Returns the configuration that a config.json holds.

        Args:
            values: the JSON object; keys that are no fields go to `extra`.
        """
        _check("configuration", dict, values)
        if values.get("quantization_config") == INT8:  # It describes the file alone.
            values = {k: x for k, x in values.items() if k != "quantization_config"}
        given, values = values, layer_sizes.read(values)
        model_types.check_keys(values)
        if given.get("model_type") != layer_sizes.MODEL_TYPE:
            values = model_types.read(values)
        names = {field.name for field in dataclasses.fields(cls)} - {"extra"}
        known = {key: value for key, value in values.items() if key in names}
        if known.get("model_type", "") is None:
            del known["model_type"]
        if known.get("hidden_act") == "gelu_pytorch_tanh":  # Another name for it.
            known["hidden_act"] = "gelu_new"
        extra = {key: value for key, value in values.items() if key not in names}
        config = cls(**known, extra=extra)
        if not config.is_plain:
            layer_sizes.check_head_size(given, config)
        return config

    def to_dict(self):
        """Returns the JSON object for config.json, the inverse of `from_dict`."""
        values = layer_sizes.write(dataclasses.asdict(self), self)
        if values["model_type"] == layer_sizes.MODEL_TYPE:
            return values
        return model_types.write(values, self)


def read_config(path):
    """Reads a configuration.

    Args:
        path: config.json or bert_config.json, or the folder that contains one of them.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not JSON, or describes another model than BERT; the
            message names the file and the key.
    """
    path = find_config(path)
    values = read_json(path)
    try:
        return BertConfig.from_dict(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def find_config(path):
    """Returns the path of a configuration file; see `read_config`."""
    path = pathlib.Path(path)
    if path.is_dir():
        files = [path / name for name in CONFIG_FILES if (path / name).is_file()]
        if not files:
            raise FileNotFoundError(f"{path} holds no {' and no '.join(CONFIG_FILES)}.")
        return files[0]
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration file {path}.")
    return path


def write_config(path, config):
    """Writes a `BertConfig`, or the JSON object of a larger whole, as a JSON file."""
    values = config if isinstance(config, dict) else config.to_dict()
    text = json.dumps(values, indent=2, ensure_ascii=False)
    pathlib.Path(path).write_text(text + "\n", encoding="utf-8")


def _check(key, kind, value):
    """Checks that a value has the type of its field, and the range of its name."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in (str, dict):
        right, wanted = isinstance(value, kind), f"a {kind.__name__}"
    elif kind in (int, int | None):
        most = _MOST.get(key, _MOST["hidden_size"])
        right = is_number and isinstance(value, int) and 1 <= value <= most
        right = right or (value is None and kind is not int)
        wanted = f"a whole number from 1 to {most:,}"
    elif "dropout" in key:
        right = is_number and 0 <= value < 1 or (value is None and kind is not float)
        wanted = "a number of at least 0 and below 1"
    else:
        right = is_number and 0 < value <= _MOST[key]
        wanted = f"a positive number of at most {_MOST[key]}"
    if not right:
        raise ValueError(f"{key} must be {wanted}; received {show(value)}.")


def _check_extra(extra):
    """Checks that `extra` has no key that is a field: each value has one place."""
    taken = {field.name for field in dataclasses.fields(BertConfig)}
    if shadowed := sorted(taken & extra.keys()):
        raise ValueError(f"extra holds {shadowed[0]!r}; pass it as an argument.")
    model_types.check_keys(extra)
