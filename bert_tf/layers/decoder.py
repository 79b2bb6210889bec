"""The decoder layer: an encoder layer with attention to a memory between its halves.

Vaswani et al., 2017, 3.1; as a part of BERT: Rothe et al., 2020, "Leveraging Pre-trained
Checkpoints for Sequence Generation Tasks", 2.

Shapes: R rows, SQ target tokens a row, TQ = R·SQ, S source tokens a row, T = R·S, H hidden
size.
"""

import keras

from bert_tf.layers.attention import Attention
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.transformer import Output


@keras.saving.register_keras_serializable(package="bert_tf")
class DecoderLayer(keras.layers.Layer):
    """Causal self-attention, attention to the source, and a feed-forward network.

    Each has residual and LayerNorm. The first and the last are those of an encoder layer,
    which encoder and decoder may share.

    Args:
        inner: `EncoderLayer`. Whoever builds it decides its scope.

    Call arguments:
        hidden: float [TQ, H], states of the target's tokens.
        bias: float32 [R, 1, SQ, SQ], see `causal_bias`.
        memory: float [T, H], states of the source's tokens.
        memory_bias: float32 [R, 1, SQ, S], see `cross_bias`.
        cache, memory_cache: keys and values of the target's tokens so far, and of the
            memory, see `Attention`; None to compute them.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        float [TQ, H].
    """

    def __init__(self, inner, **kwargs):
        # Without autocast the attention biases stay float32.
        super().__init__(autocast=False, dtype=inner.dtype_policy, **kwargs)
        self.inner = inner
        config = inner.get_config()
        shared = {
            "initializer_range": config["initializer_range"],
            "dtype": self.dtype_policy,
        }
        self.cross_attention = Attention(
            config["hidden_size"],
            config["num_heads"],
            dropout=config["attention_dropout"],
            name="self",
            **shared,
        )
        self.cross_output = Output(
            config["hidden_size"],
            input_size=config["hidden_size"],
            dropout=config["hidden_dropout"],
            epsilon=config["epsilon"],
            name="output",
            **shared,
        )

    def build(self, _):
        with keras.name_scope("crossattention"):  # The name in transformers.
            self.cross_attention.build(None)
            self.cross_output.build(None)

    def call(
        self,
        hidden,
        bias,
        memory,
        memory_bias,
        cache=None,
        memory_cache=None,
        seed=None,
        training=None,
    ):
        attended, _ = self.inner.attend(
            hidden, bias, cache=cache, seed=seed, training=training
        )
        # Numbers 1 to 3 are those of the inner layer.
        context, _ = self.cross_attention(
            attended,
            memory_bias,
            memory=memory,
            cache=memory_cache,
            seed=fold_in(seed, 4),
            training=training,
        )
        crossed = self.cross_output(
            context, attended, seed=fold_in(seed, 5), training=training
        )
        return self.inner.feed_forward(crossed, seed=seed, training=training)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {"name": self.name, "inner": inner}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config["inner"])
        return cls(inner, name=config["name"])
