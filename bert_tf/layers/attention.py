"""Attention of tokens over the tokens of their own example (Vaswani et al., 2017, 3.2).

Shapes: R rows, S tokens a row, T = R·S, N heads, D head size, H = N·D.
"""

import keras
from keras import ops

from bert_tf.layers.dropout import Dropout

# Large enough that exp() gives exactly 0, small enough to stay finite in float32.
FORBIDDEN = -1e9


def attention_bias(sequence_ids):
    """Returns what to add to the scores so that examples of one row never meet.

    Args:
        sequence_ids: int32 [R, S]; the example of its row that a token belongs to,
            0 is padding.

    Returns:
        float32 [R, 1, S, S]: 0 where the ids are equal and not 0, else -1e9.
    """
    query_ids, key_ids = sequence_ids[:, None, :, None], sequence_ids[:, None, None, :]
    allowed = ops.logical_and(ops.equal(query_ids, key_ids), ops.not_equal(key_ids, 0))
    return ops.where(allowed, 0.0, FORBIDDEN)


class SelfAttention(keras.layers.Layer):
    """Each token gathers from the tokens of its example, once per head.

    Args:
        hidden_size: H, a multiple of `num_heads`.
        num_heads: N.
        dropout: share of links between tokens dropped in training, as published.
        initializer_range: standard deviation of the truncated normal start.

    Call arguments:
        hidden: float [T, H].
        bias: float32 [R, 1, S, S] from `attention_bias`; it also tells R and S.
        at: int32 [Q], the tokens that ask, as flat indices into T; None for all.
        seed: int32 [2] or None, see `Dropout`.

    Returns:
        context, float [T or Q, H], and the probabilities before dropout, [R, N, S, S]
        or [Q, N, 1, S].
    """

    def __init__(self, hidden_size, num_heads, *, dropout, initializer_range, **kwargs):
        # The bias stays float32 under any policy: softmax is computed in it.
        super().__init__(autocast=False, **kwargs)
        self.hidden_size = hidden_size
        self.num_heads = num_heads
        # Three layers, as published; one fused layer was measured to be no faster.
        self.query, self.key, self.value = (
            keras.layers.Dense(
                hidden_size,
                kernel_initializer=keras.initializers.TruncatedNormal(
                    stddev=initializer_range
                ),
                dtype=self.dtype_policy,
                name=name,
            )
            for name in ("query", "key", "value")
        )
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, _):
        for dense in (self.query, self.key, self.value):
            dense.build((None, self.hidden_size))

    def call(self, hidden, bias, at=None, seed=None, training=None):
        rows, row_length = ops.shape(bias)[0], ops.shape(bias)[2]
        head_size = self.hidden_size // self.num_heads
        options = {"seed": seed, "training": training}
        if at is not None:
            return self._call_at(hidden, bias, at, row_length, **options)

        def heads(states, order):
            split = (rows, row_length, self.num_heads, head_size)
            return ops.transpose(ops.reshape(states, split), order)

        # Dense layers see rank 2, so that bias and matmul run as one kernel.
        query = heads(self.query(hidden), (0, 2, 1, 3))  # [R, N, S, D]
        key = heads(self.key(hidden), (0, 2, 3, 1))  # [R, N, D, S]
        value = heads(self.value(hidden), (0, 2, 1, 3))  # [R, N, S, D]
        # Scaling the query instead of the scores: fewer numbers, the same product.
        scores = ops.matmul(query * head_size**-0.5, key)  # [R, N, S, S]
        probabilities = self._softmax(scores, bias)
        links = self.dropout(probabilities, **options)
        context = ops.transpose(ops.matmul(links, value), (0, 2, 1, 3))
        return ops.reshape(context, (-1, self.hidden_size)), probabilities

    def _call_at(self, hidden, bias, at, row_length, **options):
        """Keys and values of all tokens, for few that ask, would be most of the work.

        (K x)·q is x·(Kᵀ q), and the sum of p V x is V of the sum of p x: so the two
        matrices meet the few queries and answers, never the tokens.
        """
        head_size = self.hidden_size // self.num_heads
        split = (self.hidden_size, self.num_heads, head_size)

        def weights(dense):
            kernel, bias = (
                ops.cast(weight, self.compute_dtype)
                for weight in (dense.kernel, dense.bias)
            )
            return ops.reshape(kernel, split), ops.reshape(bias, split[1:])

        (key, key_bias), (value, value_bias) = map(weights, (self.key, self.value))
        own = ops.reshape(hidden, (-1, row_length, self.hidden_size))
        own = ops.take(own, at // row_length, axis=0)  # [Q, S, H], the row of each
        bias = ops.reshape(bias, (-1, 1, 1, row_length))
        bias = ops.take(bias, at, axis=0)  # [Q, 1, 1, S]
        query = self.query(ops.take(hidden, at, axis=0)) * head_size**-0.5
        query = ops.reshape(query, (-1, self.num_heads, head_size))
        asked = ops.einsum("qnd,hnd->qnh", query, key)
        scores = ops.matmul(asked, ops.transpose(own, (0, 2, 1)))  # [Q, N, S]
        scores += ops.sum(query * key_bias, axis=-1, keepdims=True)
        probabilities = self._softmax(scores[:, :, None], bias)  # [Q, N, 1, S]
        links = self.dropout(probabilities, **options)[:, :, 0]
        gathered = ops.matmul(links, own)  # [Q, N, H]
        context = ops.einsum("qnh,hnd->qnd", gathered, value)
        # The links add up to 1, but for dropout.
        context += ops.sum(links, axis=-1, keepdims=True) * value_bias
        return ops.reshape(context, (-1, self.hidden_size)), probabilities

    def _softmax(self, scores, bias):
        """In float32, whatever the policy."""
        probabilities = ops.softmax(ops.cast(scores, "float32") + bias)
        return ops.cast(probabilities, self.compute_dtype)
