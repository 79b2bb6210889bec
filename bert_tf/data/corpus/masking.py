"""What pretraining hides: pieces, whole words or spans (Devlin et al., 2019, 3.1).

Shapes: B examples, L pieces of an example, T pieces of all examples, V pieces known.
"""

import tensorflow as tf

from bert_tf.data.corpus.randomness import random_integers, random_uniform

UNITS = ("piece", "word", "span")
NOT_MASKED = -1  # The label of a piece that is there to be seen.
# Spans as in SpanBERT (Joshi et al., 2020): after each word, one in five ends.
_SPAN_ENDS = 0.2
_LONGEST_SPAN = 10  # Words.
# Names of the random numbers of a piece.
_CHOICE, _SPAN, _ACTION, _REPLACEMENT = range(4)


class Masking:
    """Hides a share of each example's pieces, and keeps what they were.

    Of the hidden ones 80 % become [MASK], 10 % a random piece, 10 % stay as they are, so
    that a fine-tuned model, which never sees [MASK], has learnt from what it sees.

    Args:
        vocab: list of pieces; [UNK] may be hidden, other specials and unused slots are
            neither hidden nor drawn.
        unit: "piece"; "word", all pieces of a word or none; "span", runs of words.
        share: of the pieces that may be hidden; at least one of an example is.

    Raises:
        ValueError: another unit, a share outside (0, 1), or a vocabulary without [MASK].
    """

    def __init__(self, vocab, *, unit="piece", share=0.15):
        if unit not in UNITS:
            raise ValueError(
                f"unit must be one of {', '.join(UNITS)}; received {unit!r}."
            )
        if not 0 < share < 1:
            raise ValueError(f"share must be in (0, 1); received {share}.")
        if "[MASK]" not in vocab:
            raise ValueError(
                f"[MASK] is missing from the vocabulary of {len(vocab)} pieces, so "
                "nothing can be hidden. Add it in the place of an unused one."
            )
        self.unit, self.share = unit, share
        self.mask_id = vocab.index("[MASK]")
        special = {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}
        ordinary = [
            piece not in special and not piece.startswith("[unused") for piece in vocab
        ]
        with tf.init_scope():  # Constants that every graph may use.
            self._ordinary = tf.constant(ordinary)
            self._begins_word = tf.constant([not p.startswith("##") for p in vocab])
            self._drawn = tf.constant(
                [
                    n
                    for n, piece in enumerate(vocab)
                    if ordinary[n] and piece != "[UNK]"
                ],
                tf.int32,
            )

    def __call__(self, input_ids, seeds):
        """Hides pieces of framed examples.

        Args:
            input_ids: int32 ragged [B, (L)].
            seeds: integers [B], say `random_bits(seed, epoch, number)`: an example with
                the same seed is always masked alike, whatever is beside it.

        Returns:
            int32 ragged [B, (L)] and int32 ragged [B, (L)]: the pieces to be seen, and
            those that were hidden, `NOT_MASKED` elsewhere.
        """
        ids, example = input_ids.values, input_ids.value_rowids()
        start = tf.gather(input_ids.row_starts(), example)
        place = tf.range(tf.size(ids, tf.int64)) - start
        seed = tf.gather(tf.cast(seeds, tf.uint64), example)
        candidate = tf.gather(self._ordinary, ids)
        unit, unit_place = self._units(ids, start, place, seed, candidate)
        hidden = candidate & self._choose(unit, unit_place, example, seed, candidate)
        # The pieces of a span share their fate, as in SpanBERT; others have their own.
        fate = unit_place if self.unit == "span" else place
        action = random_uniform(seed, fate, _ACTION)
        drawn = random_integers(tf.size(self._drawn), seed, place, _REPLACEMENT)
        shown = tf.where(action < 0.8, self.mask_id, tf.gather(self._drawn, drawn))
        shown = tf.where(hidden & (action < 0.9), shown, ids)
        labels = tf.where(hidden, ids, NOT_MASKED)
        return input_ids.with_values(shown), input_ids.with_values(labels)

    def _units(self, ids, start, place, seed, candidate):
        """Returns for each piece the number of its unit, and where that begins."""
        # What may not be hidden ends a unit, and is one itself.
        alone = ~candidate | _changes(candidate) | (place == 0)
        word = tf.gather(self._begins_word, ids) | alone
        begins = {"piece": tf.ones_like(word), "word": word}.get(self.unit)
        if begins is None:
            number = tf.cumsum(tf.cast(word, tf.int32))
            number -= tf.gather(number, start)
            ends = random_uniform(seed, place, _SPAN) < _SPAN_ENDS
            begins = word & (ends | alone | (number % _LONGEST_SPAN == 0))
        unit = tf.cumsum(tf.cast(begins, tf.int32)) - 1
        return unit, tf.gather(tf.boolean_mask(place, begins), unit)

    def _choose(self, unit, unit_place, example, seed, candidate):
        """Returns bool [T]: whether the unit of a piece is hidden.

        Units come in random order and are taken while the middle of one lies within the
        share: on average, then, as many pieces are hidden as for single ones.
        """
        first = _changes(unit)
        size = tf.math.segment_sum(tf.cast(candidate, tf.int32), unit)
        owner = tf.boolean_mask(example, first)
        chance = random_uniform(
            tf.boolean_mask(seed, first), tf.boolean_mask(unit_place, first), _CHOICE
        )
        chance = tf.where(size > 0, chance, 2.0)  # Those that may not come last.
        order = tf.argsort(chance)
        order = tf.gather(order, tf.argsort(tf.gather(owner, order), stable=True))
        ordered, owner = tf.gather(size, order), tf.gather(owner, order)
        # Pieces before a unit, counted within its example.
        before = tf.cumsum(ordered, exclusive=True)
        starts = _changes(owner)
        in_example = tf.cumsum(tf.cast(starts, tf.int32)) - 1
        before -= tf.gather(tf.boolean_mask(before, starts), in_example)
        total = tf.gather(tf.math.segment_sum(ordered, in_example), in_example)
        wanted = tf.round(self.share * tf.cast(total, tf.float32))
        wanted = tf.maximum(wanted, 1.0)
        middle = tf.cast(before, tf.float32) + 0.5 * tf.cast(ordered, tf.float32)
        taken = (middle <= wanted) | (before == 0)
        taken = tf.scatter_nd(order[:, None], tf.cast(taken, tf.int32), tf.shape(order))
        return tf.cast(tf.gather(taken, unit), tf.bool)


def _changes(values):
    """Returns bool [N]: whether a value is another than the one before it."""
    first = tf.ones_like(values[:1], tf.bool)
    return tf.concat([first, values[1:] != values[:-1]], 0)
