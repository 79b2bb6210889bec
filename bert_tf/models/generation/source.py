"""Keys and values of the source, laid out for the steps of a decoder.

Sources are encoded as packed rows and their keys and values computed once, without
padding. Then each sentence gets its own, since sentences end at different steps.

Shapes: B sentences, R rows, M tokens a row, S tokens of the longest sentence, L layers, N
heads, D head size, H = N·D.
"""

from bert_tf.ground import lazy
from bert_tf.layers.attention import FORBIDDEN

tf = lazy("tensorflow")


def places_of_sentences(rows):
    """Finds the tokens of each sentence in packed rows.

    Args:
        rows: dict of packed rows, see `BertBackbone`.

    Returns:
        int32 [B, S], flat indices into R·M, and bool [B, S], which of them are of the
        sentence.
    """
    numbers = rows["sequence_ids"]
    row_length = tf.shape(numbers)[1]
    first = rows["first_token"][:, None]
    places = first + tf.range(row_length)  # [B, M]
    within = places // row_length == first // row_length
    places = tf.where(within, places, first)
    flat = tf.reshape(numbers, [-1])
    within &= tf.gather(flat, places) == tf.gather(flat, first)
    lengths = tf.reduce_sum(tf.cast(within, tf.int32), 1)
    longest = tf.reduce_max(tf.pad(lengths, [[0, 1]], constant_values=1))
    return places[:, :longest], within[:, :longest]


def lay_memory(step, states, places, within):
    """Lays out the source for `DecoderStep.logits`.

    Args:
        step: `DecoderStep`.
        states: float [R·M, H], states of the source's tokens.
        places, within: of `places_of_sentences`.

    Returns:
        memory: for each layer keys [B, N, D, S] and values [B, N, S, D]; and
        memory_bias, float32 [B, 1, 1, S].
    """
    count, length = tf.unstack(tf.shape(places))

    def lay(states, order):
        by_heads = [count, length, step.heads, step.head_size]
        return tf.transpose(tf.reshape(tf.gather(states, places), by_heads), order)

    memory = [
        (lay(key, [0, 2, 3, 1]), lay(value, [0, 2, 1, 3]))
        for key, value in step.project(states)
    ]
    return memory, tf.where(within, 0.0, FORBIDDEN)[:, None, None]
