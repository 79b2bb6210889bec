"""Pairs of examples: which, how many, and how they are labelled."""

import collections

import numpy as np

from bert_tf.tasks.contrast import pair_examples


def test_every_pair_occurs_and_the_smaller_kind_is_repeated():
    labels = [0, 1, 0, 1, 1]
    first, second, same = pair_examples(labels)
    assert same.dtype == np.float32
    pairs = collections.Counter(zip(first.tolist(), second.tolist()))
    # Four pairs of one label and six of two, so that two of the four occur twice.
    alike = {(0, 2), (1, 3), (1, 4), (3, 4)}
    unlike = {(0, 1), (0, 3), (0, 4), (1, 2), (2, 3), (2, 4)}
    assert set(pairs) == alike | unlike
    assert [pairs[pair] for pair in sorted(unlike)] == [1] * 6
    assert sorted(pairs[pair] for pair in alike) == [1, 1, 2, 2]
    for one, other, label in zip(first, second, same):
        assert label == (labels[one] == labels[other])


def test_the_choice_depends_on_the_seed_alone():
    labels = [0, 1, 0, 1, 1]
    again = [[x.tolist() for x in pair_examples(labels, seed)] for seed in (1, 1, 2, 3)]
    assert again[0] == again[1]
    assert again[0] != again[2] or again[0] != again[3]


def test_many_examples_make_twenty_pairs_of_each_kind_each():
    labels = np.repeat([0, 1, 2], 30)
    first, second, same = pair_examples(labels)
    assert len(same) == 2 * 20 * 90 and same.sum() == 20 * 90
    pairs = list(zip(first.tolist(), second.tolist()))
    unlike = [pair for pair, label in zip(pairs, same) if not label]
    assert len(set(unlike)) == len(unlike) == 20 * 90  # Of 2700, none twice.
    alike = [pair for pair, label in zip(pairs, same) if label]
    assert len(set(alike)) == 3 * 30 * 29 // 2


def test_a_single_pair_of_one_label():
    first, second, same = pair_examples([0, 1, 1])
    assert list(zip(first, second, same))[:2] == [(1, 2, 1.0)] * 2
    assert sorted(zip(first[2:], second[2:])) == [(0, 1), (0, 2)]
