"""Masks tokens, whole words or spans for pretraining (Devlin et al., 2019, 3.1).

Shapes: B examples, L tokens of an example, T tokens of all examples.
"""

import numpy as np

from bert_tf.data.corpus.randomness import random_bits, random_integers, random_uniform
from bert_tf.ground import one_of
from bert_tf.tokenization.framing import places_of

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
        self._maskable = np.array(maskable)
        self._begins_word = np.array([not t.startswith("##") for t in vocab])
        self._replacements = np.array(replacements, np.int32)

    def __call__(self, input_ids, seeds):
        """Masks tokens of framed examples.

        Args:
            input_ids: int32 `Ragged` [B, (L)].
            seeds: integers [B], such as `random_bits(seed, epoch, number)`. The masks of
                an example depend only on its seed, not on the rest of the batch.

        Returns:
            (input_ids, labels), each int32 `Ragged` [B, (L)]. A label is the original id
            of a masked token, and `NOT_MASKED` elsewhere.
        """
        ids = input_ids.values
        example, place = places_of(input_ids)
        seed = np.asarray(seeds).astype(np.uint64)[example]
        candidate = self._maskable[ids]
        unit, unit_place = self._units(ids, example, place, seed, candidate)
        hidden = candidate & self._choose(unit, unit_place, example, seed, candidate)
        (hidden,) = hidden.nonzero()
        before = ids[hidden]
        # All tokens of a span get the same action, as in SpanBERT.
        action_place = unit_place if self.unit == "span" else place
        action = random_uniform(seed[hidden], action_place[hidden], _ACTION)
        index = random_integers(
            len(self._replacements), seed[hidden], place[hidden], _REPLACEMENT
        )
        replaced = np.where(action < 0.9, self._replacements[index], before)
        shown, labels = ids.copy(), np.full_like(ids, NOT_MASKED)
        shown[hidden] = np.where(action < 0.8, self.mask_id, replaced)
        labels[hidden] = before
        return input_ids.with_values(shown), input_ids.with_values(labels)

    def _units(self, ids, example, place, seed, candidate):
        """Returns each token's unit, int64 [T], and the place of its first token, [T]."""
        if self.unit == "piece":
            return np.arange(len(ids)), place
        # A token that must not be masked is a unit of its own.
        alone = ~candidate | _changes(candidate) | (place == 0)
        begins = self._begins_word[ids] | alone
        if self.unit == "span":
            number = np.cumsum(begins)
            number -= number[place == 0][example]
            ends = random_uniform(seed, place, _SPAN) < _SPAN_ENDS
            begins &= ends | alone | (number % _LONGEST_SPAN == 0)
        unit = np.cumsum(begins) - 1
        return unit, place[begins][unit]

    def _choose(self, unit, unit_place, example, seed, candidate):
        """Returns bool [T]: whether the unit of each token is masked.

        Takes the units of an example in random order while the middle of a unit lies
        within the number of tokens to mask. On average this masks as many tokens as
        choosing single tokens does.
        """
        first = _changes(unit)
        size = np.bincount(unit, candidate).astype(np.int64)
        owner = example[first]
        chance = random_bits(seed[first], unit_place[first], _CHOICE) >> 40
        chance[size == 0] = 2**24  # Not maskable: ordered last.
        order = np.argsort(owner << 25 | chance.astype(np.int64), kind="stable")
        ordered = size[order]
        # Number of tokens that come before a unit in its example's order.
        before = np.cumsum(ordered) - ordered
        starts = _changes(owner)
        in_example = np.cumsum(starts) - 1
        before -= before[starts][in_example]
        total = np.bincount(in_example, ordered)[in_example]
        wanted = np.maximum(np.round(self.share * total.astype(np.float32)), 1)
        taken = np.zeros(len(order), bool)
        taken[order] = (before + 0.5 * ordered <= wanted) | (before == 0)
        return taken[unit]


def _changes(values):
    """Returns bool [N]: whether a value differs from the one before it."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes
