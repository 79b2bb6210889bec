"""The encoder layer of BERT, with LayerNorm last (Vaswani et al., 2017, 3.1).

Shapes: R rows, S tokens a row, T = R·S, H hidden size, I intermediate size.
"""

import keras
from keras import ops

from bert_tf.layers.activations import activate
from bert_tf.layers.attention import Attention
from bert_tf.layers.dense import dense
from bert_tf.layers.dropout import Dropout, fold_in
from bert_tf.layers.normalization import LayerNorm


@keras.saving.register_keras_serializable(package="bert_tf")
class Output(keras.layers.Layer):
    """Dense, dropout, residual and LayerNorm, the end of both halves of a layer.

    Call arguments:
        values: float [T, input_size], the output of attention or of the activation.
        residual: float [T, H], the input of that half.

    Returns:
        float [T, H].
    """

    def __init__(
        self, hidden_size, *, input_size, dropout, epsilon, initializer_range, **kwargs
    ):
        super().__init__(**kwargs)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.initializer_range = initializer_range
        self.dense = dense(
            hidden_size, initializer_range, dtype=self.dtype_policy, name="dense"
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.layer_norm = LayerNorm(
            hidden_size, epsilon=epsilon, dtype=self.dtype_policy, name="LayerNorm"
        )

    def build(self, _):
        self.dense.build((None, self.input_size))
        self.layer_norm.build(None)

    def call(self, values, residual, seed=None, training=None):
        values = self.dropout(self.dense(values), seed=seed, training=training)
        return self.layer_norm(values + residual)

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "input_size": self.input_size,
            "dropout": self.dropout.rate,
            "epsilon": self.layer_norm.epsilon,
            "initializer_range": self.initializer_range,
        }


@keras.saving.register_keras_serializable(package="bert_tf")
class EncoderLayer(keras.layers.Layer):
    """Self-attention and a feed-forward network, each with residual and LayerNorm.

    Args:
        hidden_size, num_heads, intermediate_size: H, N and I.
        head_size: values of a head; None for H / N.
        activation: "gelu" (exact), "gelu_new" (tanh) or "relu".
        hidden_dropout, attention_dropout: fractions dropped in training.
        epsilon: added to the variance in LayerNorm.
        initializer_range: standard deviation of the initial kernels.

    Call arguments:
        hidden: float [T, H].
        bias: float32 [R, 1, S, S], see `attention_bias`.
        at: int32 [Q], flat indices of the tokens to return states for; None for all.
        few: True if Q is about one token an example: attention is then computed for
            these tokens alone, see `Attention`. False if Q is larger: attention is
            computed for all tokens, which is then faster, and the rest for these alone.
        attend: see `Attention`.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        hidden, float [T or Q, H], and the attention probabilities, see `Attention`.
    """

    def __init__(
        self,
        hidden_size,
        num_heads,
        intermediate_size,
        *,
        head_size=None,
        activation,
        hidden_dropout,
        attention_dropout,
        epsilon,
        initializer_range,
        **kwargs,
    ):
        # Without autocast the attention bias stays float32.
        super().__init__(autocast=False, **kwargs)
        self.hidden_size = hidden_size
        self.activation = activation

        def output(input_size):
            return Output(
                hidden_size,
                input_size=input_size,
                dropout=hidden_dropout,
                epsilon=epsilon,
                initializer_range=initializer_range,
                dtype=self.dtype_policy,
                name="output",
            )

        self.self_attention = Attention(
            hidden_size,
            num_heads,
            head_size=head_size,
            dropout=attention_dropout,
            initializer_range=initializer_range,
            dtype=self.dtype_policy,
            name="self",
        )
        self.attention_output = output(self.self_attention.width)
        self.intermediate = dense(
            intermediate_size, initializer_range, dtype=self.dtype_policy, name="dense"
        )
        self.feed_forward_output = output(intermediate_size)

    def build(self, _):
        # These scopes are part of the published variable names.
        with keras.name_scope("attention"):
            self.self_attention.build(None)
            self.attention_output.build(None)
        with keras.name_scope("intermediate"):
            self.intermediate.build((None, self.hidden_size))
        self.feed_forward_output.build(None)

    def call(
        self, hidden, bias, at=None, few=True, attend=None, seed=None, training=None
    ):
        options = {"seed": seed, "training": training}
        attended, probabilities = self.attend(
            hidden, bias, at=at, few=few, attend=attend, **options
        )
        return self.feed_forward(attended, **options), probabilities

    def attend(
        self,
        hidden,
        bias,
        cache=None,
        at=None,
        few=True,
        attend=None,
        seed=None,
        training=None,
    ):
        """Computes the first half of the layer; arguments and returns as of a call.

        Args:
            cache: as of `Attention`.
        """
        context, probabilities = self.self_attention(
            hidden,
            bias,
            cache=cache,
            at=at if few else None,
            attend=attend,
            seed=fold_in(seed, 1),
            training=training,
        )
        if at is not None:
            hidden = ops.take(hidden, at, axis=0)
            context = context if few else ops.take(context, at, axis=0)
        attended = self.attention_output(
            context, hidden, seed=fold_in(seed, 2), training=training
        )
        return attended, probabilities

    def feed_forward(self, attended, seed=None, training=None):
        """Computes the second half of the layer, float [T, H] → [T, H]."""
        expanded = activate(self.activation, self.intermediate(attended), training)
        return self.feed_forward_output(
            expanded, attended, seed=fold_in(seed, 3), training=training
        )

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "num_heads": self.self_attention.num_heads,
            "intermediate_size": self.intermediate.units,
            "head_size": self.self_attention.head_size,
            "activation": self.activation,
            "hidden_dropout": self.attention_output.dropout.rate,
            "attention_dropout": self.self_attention.dropout.rate,
            "epsilon": self.attention_output.layer_norm.epsilon,
            "initializer_range": self.self_attention.initializer_range,
        }
