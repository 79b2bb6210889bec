"""Windows of long texts: worked examples."""

import numpy as np
import pytest
import tensorflow as tf
from both_kinds import check_both, texts

from bert_tf.data.rows.windows import cut, cut_words, take


def windows(lengths, most, overlap, long_text="windows"):
    """Returns [(text, begin, end, first, last)] of all windows."""
    numbers, window = cut(tf.constant(lengths, tf.int64), most, overlap, long_text)
    columns = [numbers.value_rowids(), *window.values()]
    return list(zip(*(column.numpy().tolist() for column in columns)))


def test_a_short_text_has_one_window():
    assert windows([7, 0], 7, 3) == [(0, 0, 7, 0, 7), (1, 0, 0, 0, 0)]


def test_windows_overlap_and_each_owns_half_of_the_overlap():
    assert windows([13, 3], 6, 2) == [
        (0, 0, 6, 0, 5),
        (0, 4, 10, 5, 9),
        (0, 8, 13, 9, 13),
        (1, 0, 3, 0, 3),
    ]


def test_each_text_may_have_its_own_size():
    numbers, window = cut(tf.constant([9, 9], tf.int64), [9, 5], [0, 1])
    assert numbers.to_list() == [[0], [0, 1]]
    assert window["begin"].numpy().tolist() == [0, 0, 4]


def test_the_first_window_alone():
    assert windows([13, 3], 6, 2, "truncate") == [(0, 0, 6, 0, 6), (1, 0, 3, 0, 3)]


def test_no_texts():
    assert windows([], 6, 2) == []


@pytest.mark.parametrize(("most", "overlap"), [(1, 0), (5, 0), (5, 4), (8, 3)])
def test_one_window_owns_each_token(most, overlap):
    every = windows(range(40), most, overlap)
    for length in range(40):
        own = [window[1:] for window in every if window[0] == length]
        owned = [place for *_, first, last in own for place in range(first, last)]
        assert owned == list(range(length))
        for begin, end, first, last in own:
            assert begin <= first <= last <= end <= begin + most


def test_values_of_any_rows():
    values = tf.ragged.constant([[1, 2, 3, 4], [], [5, 6]])
    taken = take(
        values, *(tf.constant(x, tf.int64) for x in ([2, 0, 0], [1, 0, 2], [2, 3, 4]))
    )
    assert taken.to_list() == [[6], [1, 2, 3], [3, 4]]


class TestWords:
    # A text with words of 2, 0, 1, 3, 1 and 2 tokens, an empty text, and one with a word
    # of 1 token. Windows of 4 tokens overlap by one.
    PIECES = tf.ragged.constant(
        [[1, 2], [], [3], [4, 5, 6], [7], [8, 9], [10]], dtype=tf.int32
    )
    SPLITS = tf.constant([0, 6, 6, 7], tf.int64)

    def test_one_window_owns_each_word_at_its_first_token(self):
        window = cut_words(self.PIECES, self.SPLITS, 4)
        assert window["pieces"].to_list() == [
            [1, 2, 3, 4],
            [4, 5, 6, 7],
            [7, 8, 9],
            [],
            [10],
        ]
        np.testing.assert_array_equal(window["record"], [0, 0, 0, 1, 2])
        # Windows begin at 0, 3 and 6. The later window owns the overlap of one token.
        assert window["words"].to_list() == [[0, 2], [3], [4, 5], [], [0]]
        assert window["places"].to_list() == [[0, 2], [0], [0, 1], [], [0]]
        assert window["places"].dtype == window["words"].dtype == tf.int32

    def test_no_window_owns_a_word_that_is_cut_off(self):
        window = cut_words(self.PIECES, self.SPLITS, 4, "truncate")
        assert window["pieces"].to_list() == [[1, 2, 3, 4], [], [10]]
        assert window["words"].to_list() == [[0, 2, 3], [], [0]]

    def test_no_words(self):
        window = cut_words(self.PIECES[:0], tf.constant([0, 0], tf.int64), 4)
        assert window["pieces"].to_list() == window["places"].to_list() == [[]]


@pytest.mark.parametrize("count", [0, 1, 30])
@pytest.mark.parametrize("long_text", ["windows", "truncate"])
def test_numpy_cuts_the_same(count, long_text):
    random = np.random.default_rng(count)
    tokens = texts(random, count, 70)
    lengths = tokens.row_lengths()
    check_both(cut, lengths, 16, 4, long_text)
    most = random.integers(2, 20, count)
    check_both(cut, lengths, most, most // 2, long_text)
    record = random.permutation(count)
    begin = lengths[record] // 3
    check_both(take, tokens, record, begin, lengths[record])
    words = texts(random, 5 * count, 4)
    splits = np.sort(random.integers(0, 5 * count + 1, count + 1))
    splits[[0, -1]] = 0, 5 * count
    check_both(cut_words, words, splits, 8, long_text)
