"""Heads on top of the encoder: pooler, masked words, next sentence.

Shapes: B examples, M masked tokens, V vocabulary size, H hidden size, E values of an
embedding, which are H except in ELECTRA.
"""

import keras
from keras import ops

from bert_tf.layers.activations import ACTIVATIONS
from bert_tf.layers.dense import dense
from bert_tf.layers.dropout import Dropout
from bert_tf.layers.initial import initial
from bert_tf.layers.normalization import LayerNorm


@keras.saving.register_keras_serializable(package="bert_tf")
class Pooler(keras.layers.Layer):
    """A dense layer and tanh over the state of [CLS] (Devlin et al., 2019, 3.1).

    The heads of DistilBERT and ELECTRA have the same layer with another activation.

    Args:
        hidden_size: H.
        initializer_range: standard deviation of the initial kernel.
        activation: "tanh", or one of `ACTIVATIONS`.
        dropout: fraction of the inputs dropped in training.

    Call arguments:
        first_states: float [B, H].
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        float [B, H]; in (-1, 1) if the activation is tanh.
    """

    def __init__(
        self,
        hidden_size,
        *,
        initializer_range,
        activation="tanh",
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.initializer_range = initializer_range
        self.activation = activation
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.dense = dense(
            hidden_size,
            initializer_range,
            activation=ACTIVATIONS.get(activation, activation),
            dtype=self.dtype_policy,
            name="dense",
        )

    def build(self, _):
        self.dense.build((None, self.hidden_size))

    def call(self, first_states, seed=None, training=None):
        return self.dense(self.dropout(first_states, seed=seed, training=training))

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "initializer_range": self.initializer_range,
            "activation": self.activation,
            "dropout": self.dropout.rate,
        }


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedLMHead(keras.layers.Layer):
    """Predicts masked tokens: dense, activation, LayerNorm, product with the word table.

    Devlin et al., 2019, 3.1, task 1. The word table is that of the encoder (tied), so it
    is an argument of the call and no weight of the head.

    Args:
        vocab_size, hidden_size: V and H.
        embedding_size: E; None for H.
        activation: as in `EncoderLayer`.
        epsilon: added to the variance in LayerNorm.
        initializer_range: standard deviation of the initial kernel.

    Call arguments:
        states: float [M, H], states of the masked tokens.
        word_table: float [V, E].

    Returns:
        logits, float32 [M, V].
    """

    def __init__(
        self,
        vocab_size,
        hidden_size,
        *,
        embedding_size=None,
        activation,
        epsilon,
        initializer_range,
        name="predictions",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.activation = activation
        self.initializer_range = initializer_range
        width = embedding_size or hidden_size
        self.dense = dense(
            width, initializer_range, dtype=self.dtype_policy, name="dense"
        )
        self.layer_norm = LayerNorm(
            width, epsilon=epsilon, dtype=self.dtype_policy, name="LayerNorm"
        )

    def build(self, _):
        with keras.name_scope("transform"):
            self.dense.build((None, self.hidden_size))
            self.layer_norm.build(None)
        self.output_bias = self.add_weight(
            shape=(self.vocab_size,),
            initializer="zeros",
            autocast=False,  # Logits and loss are float32.
            name="output_bias",
        )

    def call(self, states, word_table):
        transformed = self.layer_norm(ACTIVATIONS[self.activation](self.dense(states)))
        table = ops.cast(word_table, self.compute_dtype)
        logits = ops.matmul(transformed, ops.transpose(table))  # [M, V]
        return ops.cast(logits, "float32") + ops.cast(self.output_bias, "float32")

    def get_config(self):
        return super().get_config() | {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "embedding_size": self.dense.units,
            "activation": self.activation,
            "epsilon": self.layer_norm.epsilon,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable(package="bert_tf")
class NextSentenceHead(keras.layers.Layer):
    """Predicts whether text B follows text A (class 0) or does not (class 1).

    Devlin et al., 2019, 3.1, task 2.

    Call arguments:
        pooled: float [B, H].

    Returns:
        logits, float32 [B, 2].
    """

    def __init__(
        self, hidden_size, *, initializer_range, name="seq_relationship", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self.hidden_size = hidden_size
        self.initializer_range = initializer_range

    def build(self, _):
        # Published checkpoints store [2, H], the transpose of a dense kernel.
        self.output_weights = self.add_weight(
            shape=(2, self.hidden_size),
            initializer=initial(self.initializer_range),
            name="output_weights",
        )
        self.output_bias = self.add_weight(
            shape=(2,), initializer="zeros", name="output_bias"
        )

    def call(self, pooled):
        logits = ops.matmul(pooled, ops.transpose(self.output_weights))
        return ops.cast(logits + self.output_bias, "float32")

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "initializer_range": self.initializer_range,
        }
