"""Beam search: the best texts of several that grow side by side.

Shapes: A sentences, K beams, R texts returned, C steps that the cache has room for, T most
tokens of a text, V vocabulary size.
"""

from bert_tf.ground import lazy
from bert_tf.layers.attention import FORBIDDEN
from bert_tf.models.generation.constraints import Constraints, length_penalty
from bert_tf.models.generation.step import BLOCK

tf = lazy("tensorflow")

NEVER = float("-inf")


class Beams:
    """Keeps the K most probable unfinished texts, and the K best finished ones.

    A text finishes when its end is among the K best continuations of a step, or when it
    has T tokens. Its score is its log probability divided by the length penalty of Wu et
    al., 2016. A sentence is done when no unfinished text can still get a better score than
    the R best ones have: probabilities only fall, and the penalty has a bound.

    A beam that goes on from another one does not copy the keys and values of that one. They
    stay where they were written, and each beam remembers which ones are its own.

    Args:
        options: see `decoding.generate`; `num_beams` (K), `length_penalty` (a) and
            `num_return_sequences` (R, at most K).
        end_id: id of the token that ends a text.
    """

    def __init__(self, options, end_id):
        self.width = options.num_beams
        self.length = options.max_target_length
        self.length_penalty = options.length_penalty
        self.returned = options.num_return_sequences
        self.end_id = end_id
        self.constraints = Constraints(options, end_id)

    def start(self, sentences):
        """Returns the beams before the first step, dict of tensors [A, …]."""
        shape = [sentences, self.width]
        places = tf.range(self.width)
        # All beams are equal now, so only the first may go on.
        sums = tf.where(places == 0, 0.0, NEVER)
        ids = tf.zeros([*shape, self.length], tf.int32)
        return {
            "ids": ids,
            "sum": tf.zeros(shape) + sums,
            "origin": self._own_place(ids, 0),
            "finished_ids": ids,
            "finished_score": tf.fill(shape, NEVER),
        }

    def _own_place(self, origin, number):
        """Says that the beams' own places hold their tokens of a step.

        Args:
            origin: int32 [A, K, T], place among the beams at which each token of a beam
                was written.
        """
        places = tf.range(self.width)[:, None]
        return tf.where(tf.range(self.length) == number, places, origin)

    def bias(self, texts, number, capacity):
        """Returns the bias of a step's attention to the cache, [A, 1, K, C·K]."""
        steps = tf.range(capacity)
        origin = texts["origin"][:, :, :capacity]
        origin = tf.where(steps <= number, origin, -1)[..., None]
        bias = tf.where(origin == tf.range(self.width), 0.0, FORBIDDEN)
        return tf.reshape(bias, [tf.shape(origin)[0], 1, self.width, -1])

    def advance(self, texts, logits, number):
        """Continues the beams by a token; see `Greedy.advance`."""
        width, count = self.width, 2 * self.width
        logits = self.constraints.apply(logits, texts["ids"], number)
        parent, tokens, sums = self._best(texts["sum"], logits, count)
        ids = tf.gather(texts["ids"], parent, batch_dims=1)  # [A, 2K, T]
        ids = tf.where(tf.range(self.length) == number, tokens[..., None], ids)
        ends = (tokens == self.end_id) | (number + 1 == self.length)

        # The best K may end.
        scores = sums / length_penalty(self._real(number + 1), self.length_penalty)
        scores = tf.where(ends, scores, NEVER)[:, :width]
        finished = tf.concat([texts["finished_score"], scores], 1)
        finished, best = tf.math.top_k(finished, width)
        finished_ids = tf.concat([texts["finished_ids"], ids[:, :width]], 1)

        # The best K of the others go on: of 2K at most K end.
        sums, on = tf.math.top_k(tf.where(ends, NEVER, sums), width)
        parent = tf.gather(parent, on, batch_dims=1)
        origin = tf.gather(texts["origin"], parent, batch_dims=1)
        return {
            "tokens": tf.gather(tokens, on, batch_dims=1),
            "ids": tf.gather(ids, on, batch_dims=1),
            "sum": sums,
            "origin": self._own_place(origin, number + 1),
            "finished_ids": tf.gather(finished_ids, best, batch_dims=1),
            "finished_score": finished,
            "done": self._bound(sums[:, 0], number + 1)
            <= finished[:, self.returned - 1],
        }

    def _best(self, sums, logits, count):
        """Returns the best continuations of a sentence's beams.

        Args:
            sums: float32 [A, K], log probabilities of the beams.
            logits: float32 [A·K, V].
            count: number of continuations.

        Returns:
            parent (the beam), token and log probability of each, [A, count].
        """
        # First of each beam, then of all.
        fewer = min(count, logits.shape[1])
        logits_of_best, tokens = top_k(logits, fewer)  # [A·K, fewer]
        highest = logits_of_best[:, :1]
        rest = tf.reduce_sum(tf.exp(logits - highest), -1, keepdims=True)
        log_probabilities = logits_of_best - (highest + tf.math.log(rest))
        shape = [-1, self.width * fewer]
        log_probabilities = tf.reshape(log_probabilities, [-1, self.width, fewer])
        candidates = tf.reshape(sums[..., None] + log_probabilities, shape)
        sums, index = tf.math.top_k(candidates, count)
        tokens = tf.gather(tf.reshape(tokens, shape), index, batch_dims=1)
        return index // fewer, tokens, sums

    def _bound(self, sums, number):
        """Returns the best score that a text of `number` tokens or more can still get."""
        longest = self.length if self.length_penalty > 0 else number + 1
        return sums / length_penalty(self._real(longest), self.length_penalty)

    def _real(self, number):
        return tf.cast(number, tf.float32)

    def results(self, texts):
        """Returns the texts, int32 [A, R, T], best first, and their scores [A, R]."""
        scores = texts["finished_score"][:, : self.returned]
        ids = texts["finished_ids"][:, : self.returned]
        return [tf.where(scores[..., None] > NEVER, ids, 0), scores]


def top_k(values, count):
    """Returns the largest values of each row and their places, as `tf.math.top_k`.

    They lie in the blocks with the largest maxima. To look only there takes a third of the
    time that `tf.math.top_k` takes for all.

    Args:
        values: float32 [M, V], V a multiple of `BLOCK`.
        count: number of values.
    """
    blocks = values.shape[1] // BLOCK
    if count >= blocks:
        return tf.math.top_k(values, count)
    by_block = tf.reshape(values, [-1, blocks, BLOCK])
    _, chosen = tf.math.top_k(tf.reduce_max(by_block, -1), count)
    chosen = tf.sort(chosen)  # Of equal values the first wins, as in `tf.math.top_k`.
    candidates = tf.gather(by_block, chosen, batch_dims=1)
    values, index = tf.math.top_k(tf.reshape(candidates, [-1, count * BLOCK]), count)
    block = tf.gather(chosen, index // BLOCK, batch_dims=1)
    return values, block * BLOCK + index % BLOCK
