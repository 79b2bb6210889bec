"""Self-attention within each example of a packed row (Vaswani et al., 2017, 3.2).

Shapes: R rows, S tokens a row, T = R·S, N heads, D head size, H = N·D.
"""

import keras
from keras import ops

from bert_tf.layers.dense import dense
from bert_tf.layers.dropout import Dropout

# exp() of it is exactly 0, and sums with it stay finite in float32.
FORBIDDEN = -1e9


def attention_bias(sequence_ids):
    """Returns the term to add to the scores so that tokens attend within their example.

    Args:
        sequence_ids: int32 [R, S]; number of the example in its row that a token
            belongs to, 0 for padding.

    Returns:
        float32 [R, 1, S, S]: 0 where the ids are equal and not 0, else -1e9.
    """
    query_ids, key_ids = sequence_ids[:, None, :, None], sequence_ids[:, None, None, :]
    allowed = ops.logical_and(ops.equal(query_ids, key_ids), ops.not_equal(key_ids, 0))
    return ops.where(allowed, 0.0, FORBIDDEN)


@keras.saving.register_keras_serializable(package="bert_tf")
class SelfAttention(keras.layers.Layer):
    """Multi-head attention of each token over the tokens of its example.

    Args:
        hidden_size: H, a multiple of `num_heads`.
        num_heads: N.
        dropout: fraction of attention probabilities dropped in training.
        initializer_range: standard deviation of the initial kernels.

    Call arguments:
        hidden: float [T, H].
        bias: float32 [R, 1, S, S] from `attention_bias`; it also gives R and S.
        at: int32 [Q], flat indices into T of the tokens to compute outputs for; None
            for all tokens.
        attend: function(query, key, value) → context, float [R, S, N, D], that computes
            the attention of all tokens (see `attention_kernels`); None for plain products.
            It is not used with `at`.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        context, float [T or Q, H], and the attention probabilities before dropout,
        [R, N, S, S] or [Q, N, 1, S]; None in their place with `attend`.
    """

    def __init__(self, hidden_size, num_heads, *, dropout, initializer_range, **kwargs):
        # Without autocast the bias stays float32, the type of the softmax.
        super().__init__(autocast=False, **kwargs)
        self.hidden_size = hidden_size
        self.num_heads = num_heads
        self.initializer_range = initializer_range
        # Three layers, as published; one fused layer was measured to be no faster.
        self.query, self.key, self.value = (
            dense(hidden_size, initializer_range, dtype=self.dtype_policy, name=name)
            for name in ("query", "key", "value")
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, _):
        for projection in (self.query, self.key, self.value):
            projection.build((None, self.hidden_size))

    def call(self, hidden, bias, at=None, attend=None, seed=None, training=None):
        rows, row_length = ops.shape(bias)[0], ops.shape(bias)[2]
        head_size = self.hidden_size // self.num_heads
        options = {"seed": seed, "training": training}
        if at is not None:
            return self._call_at(hidden, bias, at, row_length, **options)
        # Dense layers get rank 2, so that matmul and bias run as one kernel.
        query, key, value = (
            ops.reshape(project(hidden), (rows, row_length, self.num_heads, head_size))
            for project in (self.query, self.key, self.value)
        )
        if attend is not None:
            context = attend(query, key, value)
            return ops.reshape(context, (-1, self.hidden_size)), None
        query = ops.transpose(query, (0, 2, 1, 3))  # [R, N, S, D]
        key = ops.transpose(key, (0, 2, 3, 1))  # [R, N, D, S]
        value = ops.transpose(value, (0, 2, 1, 3))  # [R, N, S, D]
        # The query has fewer numbers to scale than the scores.
        scores = ops.matmul(query * head_size**-0.5, key)  # [R, N, S, S]
        probabilities = self._softmax(scores, bias)
        kept = self.dropout(probabilities, **options)
        context = ops.transpose(ops.matmul(kept, value), (0, 2, 1, 3))
        return ops.reshape(context, (-1, self.hidden_size)), probabilities

    def _call_at(self, hidden, bias, at, row_length, **options):
        """Computes the outputs of a few tokens without keys and values of all tokens.

        (K x)·q = x·(Kᵀ q), and Σ p V x = V Σ p x. So the key and value kernels multiply
        the few queries and weighted sums instead of all tokens.
        """
        head_size = self.hidden_size // self.num_heads
        shape = (self.hidden_size, self.num_heads, head_size)

        def weights_by_head(projection):
            kernel, bias = (
                ops.cast(weight, self.compute_dtype)
                for weight in (projection.kernel, projection.bias)
            )
            return ops.reshape(kernel, shape), ops.reshape(bias, shape[1:])

        key, key_bias = weights_by_head(self.key)
        value, value_bias = weights_by_head(self.value)
        row_states = ops.reshape(hidden, (-1, row_length, self.hidden_size))
        row_states = ops.take(row_states, at // row_length, axis=0)  # [Q, S, H]
        bias = ops.reshape(bias, (-1, 1, 1, row_length))
        bias = ops.take(bias, at, axis=0)  # [Q, 1, 1, S]
        query = self.query(ops.take(hidden, at, axis=0)) * head_size**-0.5
        query = ops.reshape(query, (-1, self.num_heads, head_size))
        projected = ops.einsum("qnd,hnd->qnh", query, key)
        scores = ops.matmul(
            projected, ops.transpose(row_states, (0, 2, 1))
        )  # [Q, N, S]
        scores += ops.sum(query * key_bias, axis=-1, keepdims=True)
        probabilities = self._softmax(scores[:, :, None], bias)  # [Q, N, 1, S]
        kept = self.dropout(probabilities, **options)[:, :, 0]
        weighted_sum = ops.matmul(kept, row_states)  # [Q, N, H]
        context = ops.einsum("qnh,hnd->qnd", weighted_sum, value)
        # After dropout the probabilities no longer add up to 1.
        context += ops.sum(kept, axis=-1, keepdims=True) * value_bias
        return ops.reshape(context, (-1, self.hidden_size)), probabilities

    def _softmax(self, scores, bias):
        """Returns the softmax, computed in float32 under any policy."""
        probabilities = ops.softmax(ops.cast(scores, "float32") + bias)
        return ops.cast(probabilities, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "num_heads": self.num_heads,
            "dropout": self.dropout.rate,
            "initializer_range": self.initializer_range,
        }
