"""Attention of one example after another, for long examples on a processor.

The scores of 32 rows of 384 tokens take 226 MB in a layer of 12 heads, and each layer keeps
three such tensors for its gradient. Here only the scores of one example exist at a time, and
the gradient computes them again, as in FlashAttention (Dao et al., 2022). Tokens of a row
that belong to different examples never meet, so that their scores take no time either.

Outputs, gradients and dropout masks are those of `Attention`.

Shapes: R rows, S tokens a row, B examples, n tokens of one, T tokens of all, N heads, D head
size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.random_masks import kept_mask

tf = lazy("tensorflow")

_LONG = 192  # Tokens; of shorter examples, starting operations takes too much time.


def suits(longest):
    """Returns whether this is to be preferred for examples of up to `longest` tokens."""
    # A GPU waits for the start of each small operation.
    return longest >= _LONG and not tf.config.list_physical_devices("GPU")


def make(sequence_ids, count):
    """Returns the attention within the examples of packed rows.

    Args:
        sequence_ids: int32 [R, S], see `attention_bias`.
        count: B, the number of examples in the rows. The tokens of each must lie side by
            side; if not, the graph raises an InvalidArgumentError.

    Returns:
        function(query, key, value, rate, seed) → context, all float [R, S, N, D]; `rate`
        is the fraction of probabilities to drop, and `seed` as of `Dropout`. The context
        of padding is 0.
    """
    begins, lengths, real = _find(sequence_ids, count)
    row_length = tf.shape(sequence_ids)[1]

    def attend(query, key, value, rate, seed):
        rows, heads, head_size = tf.shape(query)[0], *query.shape[2:]
        scale = head_size**-0.5
        kept = None
        if rate:
            kept = kept_mask([rows, heads, row_length, row_length], rate, seed)

        def probabilities(query, key):
            scores = tf.matmul(query * scale, key, transpose_b=True)  # [N, n, n]
            return tf.nn.softmax(tf.cast(scores, tf.float32))

        def drop(number, values):
            if kept is None:
                return values
            row, first = begins[number] // row_length, begins[number] % row_length
            own = slice(first, first + lengths[number])
            factors = tf.where(kept[row, :, own, own], 1 / (1 - rate), 0.0)
            return values * tf.cast(factors, values.dtype)

        def of_example(number, query, key, value):
            used = tf.cast(probabilities(query, key), value.dtype)
            return [tf.matmul(drop(number, used), value)]

        def gradients_of_example(number, query, key, value, upstream):
            exact = probabilities(query, key)
            used = drop(number, tf.cast(exact, value.dtype))
            of_value = tf.matmul(used, upstream, transpose_a=True)
            of_used = tf.matmul(upstream, value, transpose_b=True)
            of_exact = tf.cast(drop(number, of_used), tf.float32)
            weighted = exact * of_exact
            # Of bfloat16, context·upstream would be a less exact sum.
            sums = tf.reduce_sum(weighted, -1, keepdims=True)
            of_scores = tf.cast(weighted - exact * sums, query.dtype)
            of_query = tf.matmul(of_scores, key) * scale
            of_key = tf.matmul(of_scores, query * scale, transpose_a=True)
            return of_query, of_key, of_value

        @tf.custom_gradient
        def of_all(*states):
            (context,) = for_each(of_example, 1, states)

            def gradients(upstream):
                return for_each(gradients_of_example, 3, (*states, upstream))

            return context, gradients

        return of_all(query, key, value)

    def for_each(compute, outputs, tensors):
        """Computes outputs [R, S, N, D] of tensors [R, S, N, D], one example at a time.

        Args:
            compute: function(number of the example, *tensors [N, n, D]) → tensors [N, n, D].
            outputs: how many tensors it returns.
        """
        flat = [tf.reshape(x, [-1, *x.shape[2:]]) for x in tensors]
        shape = [None, *flat[0].shape[1:]]
        arrays = [
            tf.TensorArray(flat[0].dtype, count, element_shape=shape, infer_shape=False)
            for _ in range(outputs)
        ]

        def step(number, arrays):
            own = slice(begins[number], begins[number] + lengths[number])
            results = compute(number, *(_by_heads(x[own]) for x in flat))
            arrays = [a.write(number, _by_heads(x)) for a, x in zip(arrays, results)]
            return number + 1, arrays

        _, arrays = tf.while_loop(lambda number, _: number < count, step, (0, arrays))
        size = tf.shape(flat[0], tf.int64)
        laid = (tf.scatter_nd(real, a.concat(), size) for a in arrays)
        return [tf.reshape(x, tf.shape(tensors[0])) for x in laid]

    return attend


def _find(sequence_ids, count):
    """Returns the first token and the length of each example, int32 [B], and all tokens.

    Tokens are flat indices into R·S; all are int64 [T, 1].
    """
    before = tf.pad(sequence_ids, [[0, 0], [1, 0]])[:, :-1]
    within = tf.reshape(sequence_ids > 0, [-1])
    begins = within & tf.reshape(sequence_ids != before, [-1])
    # Numbers the examples from 1; padding counts for the one before it, with weight 0.
    number = tf.cumsum(tf.cast(begins, tf.int32))
    lengths = tf.math.bincount(number, tf.cast(within, tf.int32), minlength=count + 1)
    begins = tf.cast(tf.where(begins)[:, 0], tf.int32)
    message = "an example has padding between its tokens; pass attention=ops"
    checked = tf.debugging.assert_equal(tf.size(begins), count, message)
    with tf.control_dependencies([checked] if checked is not None else []):
        return tf.identity(begins), lengths[1:], tf.where(within)


def _by_heads(states):
    """Returns [N, n, D] of [n, N, D], and back."""
    return tf.transpose(states, [1, 0, 2])
