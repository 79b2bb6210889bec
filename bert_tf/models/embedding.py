"""A vector for each text, such that similar texts have similar vectors (Reimers and Gurevych, 2019).

Shapes: B texts, R rows, S tokens a row, P texts of a record, H hidden size, D size of an
embedding.
"""

import keras
from keras import ops

from bert_tf.checkpoints import folder as folders
from bert_tf.layers.dense import dense as make_dense
from bert_tf.models import check_dense, check_pooling
from bert_tf.models.backbone import as_rows
from bert_tf.models.finetuning import token_states
from bert_tf.models.windows import mean_of_windows
from bert_tf.models.with_head import ModelWithHead, unused_scopes

# Arguments of `Embedder` that a model folder remembers.
_REMEMBERED = ("pooling", "normalize", "dense")


@keras.saving.register_keras_serializable(package="bert_tf")
class Embedder(ModelWithHead):
    """One vector for each text: the mean of its tokens' states, the first, or the maxima.

    Args:
        backbone: `BertBackbone`.
        pooling: "mean"; "cls", the first token's state; or "max", the largest of each
            value. Several with commas between are concatenated, as "cls,mean".
        normalize: whether vectors have length 1.
        dense: dense layers between pooling and embedding, in order: dicts of
            `name` ("2_Dense", "3_Dense", …), `out_features`, `bias`, `activation` ("tanh"
            or "linear"), and `normalize`, whether their inputs are scaled to length 1.
        dim: numbers of a vector that are kept, the first (Kusupati et al., 2022); 0
            for all. A saved folder keeps all.

    Call arguments:
        batch: what the backbone takes: texts, or their windows, see `mean_of_windows`;
            and `texts`, int32 [records, P], which of them belong to a record. Each text
            is a record if it is absent.

    Returns:
        dict with `embeddings`, float32 [records, P, D].

    Raises:
        ValueError: a pooling is not computed; a dense layer is not described; dim is
            larger than the vectors.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, Embedder
        >>> model = Embedder(BertBackbone(BertConfig.from_size("tiny")), dim=64)
        >>> model({"input_ids": np.array([[101, 7592, 102]])})["embeddings"].shape
        TensorShape([1, 1, 64])
    """

    has_head = False

    def __init__(
        self,
        backbone,
        *,
        pooling="mean",
        normalize=True,
        dense=(),
        dim=0,
        name="similarity",
    ):
        super().__init__(backbone, name=name)
        self.pooling = check_pooling(pooling)
        self.normalize = normalize
        self.dense = check_dense(dense, "Embedder")
        self.width = backbone.config.hidden_size * len(pooling.split(","))
        self.dense_layers = []
        for entry in self.dense:
            layer = make_dense(
                entry["out_features"],
                backbone.config.initializer_range,
                use_bias=entry["bias"],
                activation=entry["activation"],
                dtype="float32",  # One product a text costs nothing.
                name=entry["name"],
            )
            layer.build((None, self.width))
            self.dense_layers.append(layer)
            self.width = entry["out_features"]
        if not 0 <= dim <= self.width:
            raise ValueError(
                f"dim must be from 1 to {self.width}, the numbers of an embedding, or 0 "
                f"for all; received {dim}."
            )
        self.dim = dim
        self.built = True

    @property
    def unused_scopes(self):
        """Scopes of weights that no folder of the architecture has."""
        return unused_scopes(self.backbone)

    def call(self, batch, training=None):
        rows = as_rows(batch)
        vectors = mean_of_windows(self._pool(rows, training), rows)
        for entry, layer in zip(self.dense, self.dense_layers):
            vectors = layer(unit_length(vectors) if entry["normalize"] else vectors)
        if self.dim:
            vectors = vectors[:, : self.dim]
        if self.normalize:
            vectors = unit_length(vectors)
        if "texts" not in rows:
            return {"embeddings": vectors[:, None]}
        return {"embeddings": ops.take(vectors, rows["texts"], axis=0)}

    def _pool(self, rows, training):
        """Returns the pooled states of texts or windows, float32 [B, H·poolings]."""
        first_token = ops.convert_to_tensor(rows["first_token"])
        if self.pooling == "cls":  # The last layer then computes first tokens only.
            at = self.backbone.compute(rows, training=training, at=first_token)
            return ops.cast(at["output_at"], "float32")
        states = token_states(self.backbone, rows, training)
        pools = {
            "mean": lambda: means(states, rows),
            "max": lambda: _maxima(states, rows),
            "cls": lambda: ops.cast(ops.take(states, first_token, axis=0), "float32"),
        }
        pooled = [pools[name]() for name in self.pooling.split(",")]
        return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)

    def _arguments(self):
        return {
            "pooling": self.pooling,
            "normalize": self.normalize,
            "dense": [dict(entry) for entry in self.dense],
            "dim": self.dim,
        }

    def _settings(self, folder):
        longest = {"max_seq_length": folder.config.max_position_embeddings}
        own = {name: self._arguments()[name] for name in _REMEMBERED}
        settings = longest | folder.settings | own
        return (
            settings
            if self.dense
            else {n: settings[n] for n in settings if n != "dense"}
        )

    def _load(self, path):
        folders.load_weights(path, self, new_heads=True)

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        names = folder.settings.keys() & set(_REMEMBERED)
        return {name: folder.settings[name] for name in names} | arguments

    @classmethod
    def _kept(cls, settings):
        return settings if "pooling" in settings else {}


def unit_length(vectors):
    """Scales vectors, float [..., D], to length 1; 0, as of padding, stays 0."""
    square = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # The gradient of the root is not finite at 0.
    return vectors / ops.sqrt(ops.maximum(square, 1e-24))


def means(states, rows):
    """Returns the mean state of each example, float32 [B, H], from [R·S, H].

    Examples without tokens, which are padding, get 0.
    """
    states = ops.cast(states, "float32")
    sums = _reduce(ops.segment_sum, states, rows)
    return sums / ops.maximum(_count_tokens(states, rows), 1)


def _maxima(states, rows):
    """Returns the largest of each value of an example's states, float32 [B, H].

    Examples without tokens, which are padding, get 0.
    """
    maxima = _reduce(ops.segment_max, ops.cast(states, "float32"), rows)
    return ops.where(_count_tokens(states, rows) > 0, maxima, 0.0)


def _count_tokens(states, rows):
    """Returns the number of tokens of each example, float32 [B, 1]."""
    ones = ops.ones_like(states[:, :1], dtype="float32")
    return _reduce(ops.segment_sum, ones, rows)


def _reduce(reduce, states, rows):
    """Reduces the states of each example's tokens, [R·S, …], to [B, …]."""
    examples = ops.shape(rows["first_token"])[0]
    # Sequence ids are the numbers of the examples, from 1; padding has 0.
    numbers = ops.reshape(ops.convert_to_tensor(rows["sequence_ids"]), (-1,))
    return reduce(states, numbers, num_segments=examples + 1)[1:]
