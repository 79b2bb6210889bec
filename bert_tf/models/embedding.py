"""A vector for each text, such that similar texts have similar vectors (Reimers and Gurevych, 2019).

Shapes: B texts, R rows, S tokens a row, P texts of a record, H hidden size.
"""

import keras
from keras import ops

from bert_tf.ground import one_of
from bert_tf.models import POOLINGS
from bert_tf.models.backbone import as_rows
from bert_tf.models.finetuning import token_states
from bert_tf.models.windows import mean_of_windows
from bert_tf.models.with_head import ModelWithHead


@keras.saving.register_keras_serializable(package="bert_tf")
class Embedder(ModelWithHead):
    """One vector for each text: the mean of its tokens' states, the first, or the maxima.

    Args:
        backbone: `BertBackbone`.
        pooling: "mean"; "cls", the first token's state; or "max", the largest of each value.
        normalize: whether vectors have length 1.

    Call arguments:
        batch: what the backbone takes: texts, or their windows, see `mean_of_windows`;
            and `texts`, int32 [records, P], which of them belong to a record. Each text
            is a record if it is absent.

    Returns:
        dict with `embeddings`, float32 [records, P, H].

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, Embedder
        >>> model = Embedder(BertBackbone(BertConfig.from_size("tiny")))
        >>> model({"input_ids": np.array([[101, 7592, 102]])})["embeddings"].shape
        TensorShape([1, 1, 128])
    """

    has_head = False

    def __init__(self, backbone, *, pooling="mean", normalize=True, name="similarity"):
        super().__init__(backbone, name=name)
        self.pooling = one_of("pooling", pooling, POOLINGS)
        self.normalize = normalize
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        if self.pooling == "cls":
            first_token = ops.convert_to_tensor(rows["first_token"])
            at = self.backbone.compute(rows, training=training, at=first_token)
            vectors = ops.cast(at["output_at"], "float32")
        else:
            pool = _means if self.pooling == "mean" else _maxima
            vectors = pool(token_states(self.backbone, rows, training), rows)
        vectors = mean_of_windows(vectors, rows)
        if self.normalize:
            vectors = unit_length(vectors)
        if "texts" not in rows:
            return {"embeddings": vectors[:, None]}
        return {"embeddings": ops.take(vectors, rows["texts"], axis=0)}

    def _arguments(self):
        return {"pooling": self.pooling, "normalize": self.normalize}

    def _settings(self, folder):
        longest = {"max_seq_length": folder.config.max_position_embeddings}
        return longest | folder.settings | self._arguments()

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        names = folder.settings.keys() & {"pooling", "normalize"}
        return {name: folder.settings[name] for name in names} | arguments

    @classmethod
    def _kept(cls, settings):
        return settings if "pooling" in settings else {}


def unit_length(vectors):
    """Scales vectors, float [..., H], to length 1; 0, as of padding, stays 0."""
    square = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # The gradient of the root is not finite at 0.
    return vectors / ops.sqrt(ops.maximum(square, 1e-24))


def _means(states, rows):
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
