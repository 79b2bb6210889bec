"""Attention within each example of a packed row (Vaswani et al., 2017, 3.2).

One layer serves an encoder's self-attention, a decoder's causal self-attention, and its
attention to the encoder's states.

Shapes: R rows, S tokens a row, T = R·S, N heads, D head size, H hidden size; H = N·D
unless heads were pruned. Where queries and
keys come from different rows, Q of a size is that of the queries.
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
    return cross_bias(sequence_ids, sequence_ids)


def causal_bias(sequence_ids):
    """Returns `attention_bias` in which a token also sees nothing behind itself.

    Args:
        sequence_ids: as of `attention_bias`; the tokens of an example lie in their order.
    """
    length = ops.shape(sequence_ids)[1]
    places = ops.arange(length, dtype="int32")
    behind = ops.less(places[:, None], places[None, :])
    return ops.where(behind, FORBIDDEN, attention_bias(sequence_ids))


def cross_bias(query_ids, key_ids):
    """Returns the term for tokens of a target that attend to the source of their example.

    Args:
        query_ids, key_ids: int32 [R, SQ] and [R, S], as `sequence_ids` of
            `attention_bias`.

    Returns:
        float32 [R, 1, SQ, S]: 0 where the ids are equal and not 0, else -1e9.
    """
    query_ids, key_ids = query_ids[:, None, :, None], key_ids[:, None, None, :]
    allowed = ops.logical_and(ops.equal(query_ids, key_ids), ops.not_equal(key_ids, 0))
    return ops.where(allowed, 0.0, FORBIDDEN)


@keras.saving.register_keras_serializable(package="bert_tf")
class Attention(keras.layers.Layer):
    """Multi-head attention of queries over the tokens of a memory, or of their own example.

    Args:
        hidden_size: H.
        num_heads: N.
        head_size: D; None for H / N.
        dropout: fraction of attention probabilities dropped in training.
        initializer_range: standard deviation of the initial kernels.

    Call arguments:
        query: float [TQ, H].
        bias: float32 [R, 1, SQ, S] from `attention_bias`, `causal_bias` or `cross_bias`;
            it also gives R, SQ and S.
        memory: float [T, H], what is attended to; None for `query` itself.
        cache: keys and values of the memory, as `project` returns them; None to compute
            them. While a text is generated, each step adds those of one token.
        at: int32 [Q], flat indices into T of the tokens to compute outputs for; None
            for all tokens. It is for self-attention alone.
        attend: function(query, key, value, rate, seed) → context, float [R, S, N, D],
            that computes the attention of all tokens (see `attention_kernels`); None for
            plain products. It is not used with `at` or `cache`.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        context, float [TQ or Q, N·D], and the attention probabilities before dropout,
        [R, N, SQ, S] or [Q, N, 1, S]; None in their place with `attend`.
    """

    def __init__(
        self,
        hidden_size,
        num_heads,
        *,
        head_size=None,
        dropout,
        initializer_range,
        **kwargs,
    ):
        # Without autocast the bias stays float32, the type of the softmax.
        super().__init__(autocast=False, **kwargs)
        self.hidden_size = hidden_size
        self.num_heads = num_heads
        self.head_size = head_size or hidden_size // num_heads
        self.width = num_heads * self.head_size
        self.initializer_range = initializer_range
        # Three layers, as published; one fused layer was measured to be no faster.
        self.query, self.key, self.value = (
            dense(self.width, initializer_range, dtype=self.dtype_policy, name=name)
            for name in ("query", "key", "value")
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, _):
        for projection in (self.query, self.key, self.value):
            projection.build((None, self.hidden_size))

    def call(
        self,
        query,
        bias,
        memory=None,
        cache=None,
        at=None,
        attend=None,
        seed=None,
        training=None,
    ):
        rows, _, query_length, key_length = ops.shape(bias)
        options = {"seed": seed, "training": training}
        if at is not None:
            return self._call_at(query, bias, at, key_length, **options)
        memory = query if memory is None else memory
        query = self._by_heads(self.query, query, rows, query_length)
        if attend is not None:
            key, value = (
                self._by_heads(projection, memory, rows, key_length)
                for projection in (self.key, self.value)
            )
            rate, seed = self.dropout.active(**options)
            context = attend(query, key, value, rate, seed)
            return ops.reshape(context, (-1, self.width)), None
        query = ops.transpose(query, (0, 2, 1, 3))  # [R, N, SQ, D]
        key, value = cache or self.project(memory, rows, key_length)
        # The query has fewer numbers to scale than the scores.
        scores = ops.matmul(query * self._scale, key)  # [R, N, SQ, S]
        probabilities = self._softmax(scores, bias)
        kept = self.dropout(probabilities, **options)
        context = ops.transpose(ops.matmul(kept, value), (0, 2, 1, 3))
        return ops.reshape(context, (-1, self.width)), probabilities

    def project(self, memory, rows, length):
        """Returns the keys [R, N, D, S] and values [R, N, S, D] of a memory, [R·S, H]."""
        key = self._by_heads(self.key, memory, rows, length)
        value = self._by_heads(self.value, memory, rows, length)
        return ops.transpose(key, (0, 2, 3, 1)), ops.transpose(value, (0, 2, 1, 3))

    @property
    def _scale(self):
        return self.head_size**-0.5

    def _by_heads(self, projection, tokens, rows, length):
        """Projects tokens, [R·S, H], to [R, S, N, D]."""
        # Dense layers get rank 2, so that matmul and bias run as one kernel.
        return ops.reshape(
            projection(tokens), (rows, length, self.num_heads, self.head_size)
        )

    def _call_at(self, hidden, bias, at, row_length, **options):
        """Computes the outputs of a few tokens without keys and values of all tokens.

        (K x)·q = x·(Kᵀ q), and Σ p V x = V Σ p x. So the key and value kernels multiply
        the few queries and weighted sums instead of all tokens.
        """
        shape = (self.hidden_size, self.num_heads, self.head_size)

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
        query = self.query(ops.take(hidden, at, axis=0)) * self._scale
        query = ops.reshape(query, (-1, self.num_heads, self.head_size))
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
        return ops.reshape(context, (-1, self.width)), probabilities

    def _softmax(self, scores, bias):
        """Returns the softmax, computed in float32 under any policy."""
        probabilities = ops.softmax(ops.cast(scores, "float32") + bias)
        return ops.cast(probabilities, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "hidden_size": self.hidden_size,
            "num_heads": self.num_heads,
            "head_size": self.head_size,
            "dropout": self.dropout.rate,
            "initializer_range": self.initializer_range,
        }
