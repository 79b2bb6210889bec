"""Masking: how many tokens, which ones, their replacements; only the seed decides."""

import hashlib

import numpy as np
import pytest

from bert_tf.data.corpus.masking import NOT_MASKED, Masking
from bert_tf.data.corpus.randomness import random_bits
from bert_tf.tokenization.ragged import Ragged

SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [f"w{number}" for number in range(60)]
PARTS = [f"##p{number}" for number in range(30)]
VOCAB = [*SPECIAL, *WORDS, *PARTS]
UNK, CLS, SEP, MASK = 2, 3, 4, 5
FIRST_WORD, FIRST_PART = len(SPECIAL), len(SPECIAL) + len(WORDS)


def examples(count, seed=1, longest=60):
    """Returns framed pairs of texts; a third of the words have two or three tokens."""
    random = np.random.default_rng(seed)

    def text():
        pieces = []
        for _ in range(random.integers(1, longest)):
            pieces.append(random.integers(FIRST_WORD, FIRST_PART))
            if random.random() < 1 / 3:
                parts = random.integers(1, 3)
                pieces.extend(random.integers(FIRST_PART, len(VOCAB), parts))
        return [int(piece) for piece in pieces]

    return [[CLS, *text(), SEP, *text(), SEP] for _ in range(count)]


def mask(rows, *, seed=7, numbers=None, **options):
    """Returns the masked ids and the labels, each a list of arrays."""
    numbers = np.arange(len(rows)) if numbers is None else np.array(numbers)
    tokens = np.concatenate(rows).astype(np.int32)
    ids = Ragged.from_row_lengths(tokens, list(map(len, rows)))
    shown, labels = Masking(VOCAB, **options)(ids, random_bits(seed, numbers))
    assert shown.dtype == labels.dtype == np.int32
    return list(shown), list(labels)


def words(row):
    """Returns the number of each token's word."""
    return np.cumsum([piece < FIRST_PART for piece in row])


every_unit = pytest.mark.parametrize("unit", ["piece", "word", "span"])


@every_unit
class TestEveryUnit:
    def test_labels_are_the_original_ids_and_other_tokens_stay(self, unit):
        rows = examples(50)
        for row, shown, labels in zip(rows, *mask(rows, unit=unit)):
            hidden = labels != NOT_MASKED
            np.testing.assert_array_equal(labels[hidden], np.array(row)[hidden])
            np.testing.assert_array_equal(shown[~hidden], np.array(row)[~hidden])

    def test_special_tokens_are_never_masked(self, unit):
        rows = examples(200)
        for row, _, labels in zip(rows, *mask(rows, unit=unit, share=0.9)):
            assert {CLS, SEP}.isdisjoint(np.array(row)[labels != NOT_MASKED])

    def test_fifteen_percent(self, unit):
        rows = examples(700)
        _, labels = mask(rows, unit=unit)
        hidden = sum((row != NOT_MASKED).sum() for row in labels)
        total = sum(len(row) - 3 for row in rows)
        assert hidden / total == pytest.approx(0.15, abs=0.008)

    def test_eighty_ten_ten(self, unit):
        rows = examples(700)
        kinds = np.zeros(3)
        for row, shown, labels in zip(rows, *mask(rows, unit=unit)):
            hidden = labels != NOT_MASKED
            shown, before = shown[hidden], np.array(row)[hidden]
            same = shown == before
            kinds += (shown == MASK).sum(), (~same & (shown != MASK)).sum(), same.sum()
            assert not {0, 1, UNK, CLS, SEP} & set(shown[~same])
        # A random token equals the original in one of 90 cases. All tokens of a span get
        # the same action, so that fewer actions are independent.
        expected = [0.8, 0.1 * 89 / 90, 0.1 + 0.1 / 90]
        close = {"atol": 0.05 if unit == "span" else 0.015}
        np.testing.assert_allclose(kinds / kinds.sum(), expected, **close)

    def test_masks_depend_neither_on_batch_nor_on_order(self, unit):
        rows = examples(12)
        whole = mask(rows, unit=unit)
        order = [7, 2, 11, 0]
        part = mask([rows[n] for n in order], numbers=order, unit=unit)
        for expected, received in zip(whole, part):
            for number, row in zip(order, received):
                np.testing.assert_array_equal(row, expected[number])

    def test_another_seed_or_number_gives_another_mask(self, unit):
        rows = [examples(1)[0]] * 2
        _, (first, second) = mask(rows, unit=unit)
        _, (other_seed, _) = mask(rows, seed=8, unit=unit)
        assert (first != second).any()
        assert (first != other_seed).any()

    def test_at_least_one_token_of_an_example(self, unit):
        _, (labels, empty) = mask([[CLS, FIRST_WORD, SEP, SEP], [CLS, SEP]], unit=unit)
        assert labels.tolist() == [NOT_MASKED, FIRST_WORD, NOT_MASKED, NOT_MASKED]
        assert empty.tolist() == [NOT_MASKED] * 2

    def test_no_examples(self, unit):
        ids = Ragged(np.zeros(0, np.int32), [0])
        shown, labels = Masking(VOCAB, unit=unit)(ids, np.zeros(0, np.int64))
        assert shown.nrows() == labels.nrows() == 0


class TestUnits:
    def test_tokens_of_a_word_are_masked_independently(self):
        rows = examples(200)
        torn = 0
        for row, _, labels in zip(rows, *mask(rows, unit="piece")):
            hidden, word = labels != NOT_MASKED, words(row)
            torn += sum(0 < hidden[word == w].mean() < 1 for w in set(word))
        assert torn > 100

    @pytest.mark.parametrize("unit", ["word", "span"])
    def test_whole_words_are_masked(self, unit):
        rows = examples(500)
        for row, _, labels in zip(rows, *mask(rows, unit=unit)):
            hidden, word = labels != NOT_MASKED, words(row)
            assert all(hidden[word == w].mean() in (0, 1) for w in set(word))

    def test_spans_are_runs_of_words(self):
        rows = examples(600)
        runs = {unit: [] for unit in ("word", "span")}
        for unit, lengths in runs.items():
            for row, _, labels in zip(rows, *mask(rows, unit=unit)):
                first = np.array(row) < FIRST_PART
                hidden = (labels != NOT_MASKED)[first]
                edges = np.flatnonzero(np.diff([0, *hidden.astype(int), 0]))
                lengths.extend(edges[1::2] - edges[::2])
        assert np.mean(runs["word"]) < 1.4
        assert 2.5 < np.mean(runs["span"]) < 5
        # Two spans are rarely neighbors.
        assert np.mean(np.array(runs["span"]) > 10) < 0.02

    def test_all_tokens_of_a_span_get_the_same_action(self):
        rows = examples(300)
        mixed = spans = 0
        for _, shown, labels in zip(rows, *mask(rows, unit="span")):
            hidden = labels != NOT_MASKED
            edges = np.flatnonzero(np.diff([0, *hidden.astype(int), 0]))
            spans += len(edges) // 2
            for begin, end in zip(edges[::2], edges[1::2]):
                masked = shown[begin:end] == MASK
                mixed += 0 < masked.mean() < 1
        # Only neighboring spans look mixed.
        assert mixed < 0.08 * spans


# The first 16 digits of SHA-256 of the masked ids and the labels, and the number of masked
# tokens, computed when masking still ran in TensorFlow's graph.
GOLDEN = {
    ("piece", 0.15): ("7674226b252ba518", 722),
    ("piece", 0.4): ("d1b8e8700c1f5184", 1919),
    ("word", 0.15): ("b961f20faf0cc166", 735),
    ("word", 0.4): ("f6c818c0b1b75efb", 1924),
    ("span", 0.15): ("b9cba77b18517493", 712),
    ("span", 0.4): ("f4b4b81b2a3f60d6", 1966),
}


@pytest.mark.parametrize(("unit", "share"), GOLDEN)
def test_masks_never_change(unit, share):
    """Runs resume, and repeat, with the masks that they began with."""
    edge_cases = [[CLS, SEP], [CLS, 7, SEP, SEP]]
    edge_cases.append([CLS, UNK, 0, 1, 70, 71, 8, MASK, 9, 80, SEP])
    masked = mask([*examples(50), *edge_cases], unit=unit, share=share)
    shown, labels = map(np.concatenate, masked)
    data = shown.astype("<i4").tobytes() + labels.astype("<i4").tobytes()
    digest = hashlib.sha256(data).hexdigest()[:16]
    assert (digest, np.count_nonzero(labels != NOT_MASKED)) == GOLDEN[unit, share]


@pytest.mark.parametrize(
    ("vocab", "options", "message"),
    [
        (VOCAB, {"unit": "letter"}, "one of piece, word, span; received 'letter'"),
        (VOCAB, {"share": 0.0}, r"share must be in \(0, 1\); received 0"),
        (VOCAB[:5], {}, r"\[MASK\] is missing from the vocabulary of 5 tokens"),
    ],
)
def test_bad_input(vocab, options, message):
    with pytest.raises(ValueError, match=message):
        Masking(vocab, **options)
