"""Texts that are chosen token by token: the most probable one, or a random one.

Shapes: A sentences, K texts a sentence, C steps that the cache has room for, S source
tokens, T most tokens of a text, V vocabulary size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.attention import FORBIDDEN
from bert_tf.layers.random_masks import threefry
from bert_tf.models.generation.constraints import Constraints, length_penalty

tf = lazy("tensorflow")


class Greedy:
    """Chooses the most probable token of each step.

    Args:
        options: see `decoding.generate`.
        end_id: id of the token that ends a text.
        width: K.
        never: logit of a token that is forbidden.
    """

    def __init__(self, options, end_id, width=1, never=float("-inf")):
        self.width = width
        self.length = options.max_target_length
        self.length_penalty = options.length_penalty
        self.end_id = end_id
        self.constraints = Constraints(options, end_id, never)

    def start(self, sentences):
        """Returns the texts before the first step, dict of tensors [A, …]."""
        shape = [sentences, self.width]
        return {
            "ids": tf.zeros([*shape, self.length], tf.int32),
            "ended": tf.zeros(shape, tf.bool),
            "sum": tf.zeros(shape),
        }

    def bias(self, texts, number, capacity):
        """Returns the bias of a step's attention to the cache, [1, 1, K, C·K]."""
        own = tf.eye(self.width, dtype=tf.bool)[:, None]  # [K, 1, K]
        allowed = own & (tf.range(capacity) <= number)[:, None]  # [K, C, K]
        return tf.reshape(tf.where(allowed, 0.0, FORBIDDEN), [1, 1, self.width, -1])

    def advance(self, texts, logits, number):
        """Adds a token to each text.

        Args:
            texts: dict, as `start` returns it.
            logits: float32 [A·K, V].
            number: of the step, from 0.

        Returns:
            dict of the changed tensors, with `tokens`, int32 [A, K], and `done`, bool [A].
        """
        ids, ended = texts["ids"], texts["ended"]
        logits = self.constraints.apply(logits, ids, number)
        highest = tf.reduce_max(logits, -1)
        tokens, chosen = self.choose(texts, logits, highest, number)  # [A·K]
        rest = tf.reduce_sum(tf.exp(logits - highest[:, None]), -1)
        log_probability = chosen - (highest + tf.math.log(rest))
        shape = [-1, self.width]
        tokens = tf.where(ended, 0, tf.reshape(tokens, shape))
        added = tf.where(ended, 0.0, tf.reshape(log_probability, shape))
        ended |= tokens == self.end_id
        return {
            "tokens": tokens,
            "ids": tf.where(tf.range(self.length) == number, tokens[..., None], ids),
            "sum": texts["sum"] + added,
            "ended": ended,
            "done": tf.reduce_all(ended, 1),
        }

    def choose(self, texts, logits, highest, number):
        """Returns a token for each text, int32 [A·K], and its logit.

        Args:
            logits, highest: float32 [A·K, V] and the largest of each row, [A·K].
        """
        return tf.argmax(logits, -1, output_type=tf.int32), highest

    def results(self, texts):
        """Returns the texts, int32 [A, K, T], best first, and their scores [A, K]."""
        ids = texts["ids"]
        lengths = tf.reduce_sum(tf.cast(ids != 0, tf.float32), -1)
        scores = texts["sum"] / length_penalty(lengths, self.length_penalty)
        if self.width == 1:
            return [ids, scores]
        scores, order = tf.math.top_k(scores, self.width)
        return [tf.gather(ids, order, batch_dims=1), scores]


class Sampling(Greedy):
    """Draws each token from the distribution of the model.

    The draws of a text depend on the seed, on the tokens of its source and on its number
    among the texts of that source. So they are the same in any batch.

    Args:
        options: see `decoding.generate`. `sample_temperature` divides the logits. Only
            the `sample_top_k` most probable tokens take part (0: all), and of these the
            most probable ones that together reach the probability `sample_top_p` (1: all).
        end_id: id of the token that ends a text.
        rows, places, within: the sources, see `places_of_sentences`.
    """

    def __init__(self, options, end_id, rows, places, within):
        super().__init__(options, end_id, width=options.num_return_sequences)
        self.options = options
        self.key = self._keys(rows, places, within)

    def _keys(self, rows, places, within):
        """Returns two random words a sentence, uint32 [B], of its tokens and the seed."""
        ids = tf.gather(tf.reshape(rows["input_ids"], [-1]), places)
        positions = tf.range(tf.shape(places)[1])
        key = _words(self.options.sample_seed), _words(0)
        counter = _words(ids), _words(tf.zeros_like(ids) + positions)
        kept = _words(within)
        # A sum, so that padding counts for nothing. uint32 wraps around.
        return [tf.reduce_sum(words * kept, 1) for words in threefry(key, counter)]

    def start(self, sentences):
        return super().start(sentences) | {"key": tf.stack(self.key, 1)}

    def choose(self, texts, logits, highest, number):
        key = texts["key"]
        texts_of_sentence = _words(tf.range(self.width)[None])
        counter = (
            _words(tf.zeros_like(texts["tokens"]) + number),
            tf.zeros_like(_words(texts["tokens"])) + texts_of_sentence,
        )
        words, _ = threefry((key[:, :1], key[:, 1:]), counter)  # [A, K]
        # 23 bits: the largest number is well below 1 in float32.
        uniform = tf.cast(tf.bitwise.right_shift(words, _words(9)), tf.float32) * 2**-23
        tokens = draw(
            logits / self.options.sample_temperature,
            tf.reshape(uniform, [-1]),
            top_k=self.options.sample_top_k,
            top_p=self.options.sample_top_p,
        )
        return tokens, tf.gather(logits, tokens, batch_dims=1)


def draw(logits, uniform, *, top_k, top_p):
    """Draws from distributions that are cut to their most probable tokens.

    Args:
        logits: float32 [M, V].
        uniform: float32 [M], random numbers in [0, 1).
        top_k, top_p: as of `Sampling`.

    Returns:
        int32 [M].
    """
    vocab_size = logits.shape[1]
    kept = min(top_k or vocab_size, vocab_size)
    values, ids = tf.math.top_k(logits, kept)
    probabilities = tf.nn.softmax(values)
    before = tf.cumsum(probabilities, axis=1, exclusive=True)
    probabilities = tf.where(before < top_p, probabilities, 0.0)
    sums = tf.cumsum(probabilities, axis=1)
    # The first token whose sum lies above the number; a token of probability 0 is none.
    below = sums <= uniform[:, None] * sums[:, -1:]
    index = tf.reduce_sum(tf.cast(below, tf.int32), 1)
    return tf.gather(ids, tf.minimum(index, kept - 1), batch_dims=1)


def _words(values):
    return tf.cast(values, tf.uint32)
