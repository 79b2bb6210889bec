"""What a text may not hold: an end too early, or a sequence of tokens twice.

Shapes: A sentences, K texts a sentence, T most tokens of a text, V vocabulary size.
"""

from bert_tf.ground import lazy

tf = lazy("tensorflow")


def length_penalty(lengths, exponent):
    """Returns what log probabilities are divided by, (5 + n)^a / 6^a (Wu et al., 2016).

    Args:
        lengths: n, number of tokens with the end token.
        exponent: a; 0 divides by 1, greater numbers favour long texts.
    """
    return ((5.0 + lengths) / 6.0) ** exponent


class Constraints:
    """Forbids tokens by what a text holds so far.

    Args:
        options: see `decoding.generate`.
        end_id: id of the token that ends a text.
        never: logit of a token that is forbidden.
    """

    def __init__(self, options, end_id, never=float("-inf")):
        self._end_id = end_id
        self._never = never
        self._least = options.min_target_length
        self._size = options.no_repeat_ngram_size

    def apply(self, logits, ids, number):
        """Returns the logits, float32 [A·K, V], with `never` for forbidden tokens.

        Args:
            ids: int32 [A, K, T], the texts so far; 0 from `number` on.
            number: tokens of each text so far.
        """
        if self._least > 0:
            end = tf.range(tf.shape(logits)[1]) == self._end_id
            logits = tf.where((number < self._least) & end, self._never, logits)
        if 0 < self._size <= ids.shape[-1]:
            logits = self._forbid(logits, self._repeated(ids, number))
        return logits

    def _repeated(self, ids, number):
        """Returns the tokens that would complete a sequence again, int32 [A·K, …].

        Places where none would hold 0, padding, which is never generated.
        """
        length = ids.shape[-1]
        ids = tf.reshape(ids, [-1, length])
        before = self._size - 1
        windows = length - before
        start = tf.maximum(number - before, 0)
        repeated = tf.range(before, length) < number  # [windows]
        for place in range(before):
            last = ids[:, start + place, None]
            repeated &= ids[:, place : place + windows] == last
        return tf.where(repeated, ids[:, before:], 0)

    def _forbid(self, logits, tokens):
        """Returns the logits without those of tokens, int32 [M, F]."""
        rows = tf.zeros_like(tokens) + tf.range(tf.shape(tokens)[0])[:, None]
        indices = tf.stack([rows, tokens], -1)
        # TFLite has no tensor_scatter_nd_min.
        counts = tf.scatter_nd(indices, tf.ones_like(tokens), tf.shape(logits))
        return tf.where(counts > 0, self._never, logits)
