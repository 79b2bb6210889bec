"""Embeddings of tokens, positions and segments, the input of the encoder.

Shapes: T tokens of all rows one after another (R·S), H hidden size.
"""

import keras
from keras import ops

from bert_tf.layers.dropout import Dropout
from bert_tf.layers.initial import initial
from bert_tf.layers.normalization import LayerNorm
from bert_tf.layers.rounding import round_by, weight_scale


@keras.saving.register_keras_serializable(package="bert_tf")
class Embeddings(keras.layers.Layer):
    """Word + position + segment embedding, LayerNorm, dropout (Devlin et al., 2019, 3).

    Args:
        vocab_size, max_position_embeddings, type_vocab_size: rows of the three tables;
            there is no table of segments if the last is 0.
        hidden_size: width of the tables.
        dropout: fraction of values dropped in training.
        epsilon: added to the variance in LayerNorm.
        initializer_range: standard deviation of the initial tables.

    Call arguments:
        input_ids, position_ids, segment_ids: int32 [T]; segments are not read if they
            have no table.
        word_vectors: float [T, H], in the place of rows of the word table, so that they
            can be changed and have gradients; None to look them up.
        word_perturbation: float [T, H], added to the vectors of words; None for 0.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        float [T, H].

    Attributes:
        rounded: whether words and positions are rounded to eight bits, see `rounding`.
    """

    rounded = False

    def __init__(
        self,
        vocab_size,
        hidden_size,
        *,
        max_position_embeddings,
        type_vocab_size,
        dropout,
        epsilon,
        initializer_range,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.table_sizes = {
            "word_embeddings": vocab_size,
            "position_embeddings": max_position_embeddings,
            "token_type_embeddings": type_vocab_size,
        }
        self.initializer_range = initializer_range
        self.layer_norm = LayerNorm(
            hidden_size, epsilon=epsilon, dtype=self.dtype_policy, name="LayerNorm"
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, _):
        # Without autocast only the rows that are looked up are cast, not all 30,522.
        self.word_table, self.position_table, self.segment_table = (
            self.add_weight(
                shape=(size, self.hidden_size),
                initializer=initial(self.initializer_range),
                autocast=False,
                name=name,
            )
            if size
            else None
            for name, size in self.table_sizes.items()
        )
        self.layer_norm.build(None)

    def call(
        self,
        input_ids,
        position_ids,
        segment_ids,
        word_vectors=None,
        word_perturbation=None,
        seed=None,
        training=None,
    ):
        words = word_vectors
        if words is None:
            words = self._look_up(self.word_table, input_ids)
        if word_perturbation is not None:
            words = words + ops.cast(word_perturbation, words.dtype)
        embedded = words + self._look_up(self.position_table, position_ids)
        if self.segment_table is not None:
            embedded = embedded + ops.take(self.segment_table, segment_ids, axis=0)
        normed = self.layer_norm(embedded)
        return self.dropout(normed, seed=seed, training=training)

    def _look_up(self, table, ids):
        vectors = ops.take(table, ids, axis=0)
        return round_by(vectors, weight_scale(table)) if self.rounded else vectors

    def get_config(self):
        words, positions, segments = self.table_sizes.values()
        return super().get_config() | {
            "vocab_size": words,
            "hidden_size": self.hidden_size,
            "max_position_embeddings": positions,
            "type_vocab_size": segments,
            "dropout": self.dropout.rate,
            "epsilon": self.layer_norm.epsilon,
            "initializer_range": self.initializer_range,
        }
