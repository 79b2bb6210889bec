"""Masks tokens, whole words or spans for pretraining (Devlin et al., 2019, 3.1).

Shapes: B examples, L tokens of an example, T tokens of all examples.
"""

from bert_tf.data.corpus.randomness import random_integers, random_uniform
from bert_tf.ground import lazy, one_of

tf = lazy("tensorflow")

UNITS = ("piece", "word", "span")
NOT_MASKED = -1  # Label of a token that is not masked.
# Probability that a span ends after a word, as in SpanBERT (Joshi et al., 2020).
_SPAN_ENDS = 0.2
_LONGEST_SPAN = 10  # Words.
# These numbers keep the random draws of one token apart.
_CHOICE, _SPAN, _ACTION, _REPLACEMENT = range(4)


class Masking:
    """Masks a fraction of each example's tokens, and returns the originals as labels.

    80 % of the masked tokens become [MASK], 10 % a random token, and 10 % stay unchanged.
    Fine-tuning never shows [MASK], so the model must also learn from ordinary tokens.

    Args:
        vocab: list of tokens. [UNK] may be masked; other special tokens and unused slots
            are never masked, and neither they nor [UNK] replace a token.
        unit: "piece" masks single tokens; "word" masks all tokens of a word or none;
            "span" masks runs of words.
        share: fraction of the maskable tokens to mask, in (0, 1). At least one token of
            an example is masked, if it has a maskable token.

    Raises:
        ValueError: an unknown unit, `share` outside (0, 1), or no [MASK] in `vocab`.
    """

    def __init__(self, vocab, *, unit="piece", share=0.15):
        if not 0 < share < 1:
            raise ValueError(f"share must be in (0, 1); received {share}.")
        if "[MASK]" not in vocab:
            raise ValueError(
                f"[MASK] is missing from the vocabulary of {len(vocab)} tokens, so no "
                "token can be masked. Put it in the place of an unused token."
            )
        self.unit, self.share = one_of("unit", unit, UNITS), share
        self.mask_id = vocab.index("[MASK]")
        special = {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}
        maskable = [
            token not in special and not token.startswith("[unused") for token in vocab
        ]
        replacements = [
            token_id
            for token_id, token in enumerate(vocab)
            if maskable[token_id] and token != "[UNK]"
        ]
        with tf.init_scope():  # So that every graph can use the constants.
            self._maskable = tf.constant(maskable)
            self._begins_word = tf.constant([not t.startswith("##") for t in vocab])
            self._replacements = tf.constant(replacements, tf.int32)

    def __call__(self, input_ids, seeds):
        """Masks tokens of framed examples.

        Args:
            input_ids: int32 ragged [B, (L)].
            seeds: integers [B], such as `random_bits(seed, epoch, number)`. The masks of
                an example depend only on its seed, not on the rest of the batch.

        Returns:
            (input_ids, labels), each int32 ragged [B, (L)]. A label is the original id of
            a masked token, and `NOT_MASKED` elsewhere.
        """
        ids, example = input_ids.values, input_ids.value_rowids()
        start = tf.gather(input_ids.row_starts(), example)
        place = tf.range(tf.size(ids, tf.int64)) - start
        seed = tf.gather(tf.cast(seeds, tf.uint64), example)
        candidate = tf.gather(self._maskable, ids)
        unit, unit_place = self._units(ids, start, place, seed, candidate)
        hidden = candidate & self._choose(unit, unit_place, example, seed, candidate)
        # All tokens of a span get the same action, as in SpanBERT.
        action_place = unit_place if self.unit == "span" else place
        action = random_uniform(seed, action_place, _ACTION)
        index = random_integers(tf.size(self._replacements), seed, place, _REPLACEMENT)
        replacement = tf.gather(self._replacements, index)
        shown = tf.where(action < 0.8, self.mask_id, replacement)
        shown = tf.where(hidden & (action < 0.9), shown, ids)
        labels = tf.where(hidden, ids, NOT_MASKED)
        return input_ids.with_values(shown), input_ids.with_values(labels)

    def _units(self, ids, start, place, seed, candidate):
        """Returns each token's unit, int32 [T], and the place of its first token, [T]."""
        # A token that must not be masked is a unit of its own.
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
        """Returns bool [T]: whether the unit of each token is masked.

        Takes the units of an example in random order while the middle of a unit lies
        within the number of tokens to mask. On average this masks as many tokens as
        choosing single tokens does.
        """
        first = _changes(unit)
        size = tf.math.segment_sum(tf.cast(candidate, tf.int32), unit)
        owner = tf.boolean_mask(example, first)
        chance = random_uniform(
            tf.boolean_mask(seed, first), tf.boolean_mask(unit_place, first), _CHOICE
        )
        chance = tf.where(size > 0, chance, 2.0)  # Not maskable: ordered last.
        order = tf.argsort(chance)
        order = tf.gather(order, tf.argsort(tf.gather(owner, order), stable=True))
        ordered, owner = tf.gather(size, order), tf.gather(owner, order)
        # Number of tokens that come before a unit in its example's order.
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
    """Returns bool [N]: whether a value differs from the one before it."""
    first = tf.ones_like(values[:1], tf.bool)
    return tf.concat([first, values[1:] != values[:-1]], 0)
