"""Baseline losses, computed by hand and on text that its left neighbors determine."""

import math

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.data.corpus import baselines as module
from bert_tf.data.corpus.baselines import baselines, hidden_pieces
from bert_tf.data.corpus.store import Store, StoreWriter

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdef"]
A, B, C, D, E, F = range(4, 10)


def store(path, *shards):
    writer = StoreWriter(path, VOCAB, {}, shard_pieces=1)
    for pieces in shards:
        writer.add(pieces, [len(pieces)], [1])
    writer.close({})
    return Store(path)


def test_by_hand(tmp_path):
    """Tokens a b a b | a c: a 3 times, b twice, c once; ab twice, ba and ac once."""
    counted = store(tmp_path / "s", [A, B, A, B], [A, C])
    losses = baselines(counted, left=[A, A, E], hidden=[B, C, F])
    unigram = np.array([3, 2, 1]) / 16  # 1 is added to the counts of all ten tokens.
    assert losses["uniform"] == pytest.approx(math.log(10))
    assert losses["unigram"] == pytest.approx(-np.log(unigram).mean())
    together, before = np.array([2, 1, 0]), np.array([3, 3, 0])
    expected = min(
        -np.log((together + k * unigram) / (before + k)).mean()
        for k in 10 ** np.arange(0, 5.5, 0.5)
    )
    assert losses["bigram"] == pytest.approx(expected)


def test_the_bigram_baseline_predicts_a_cycle(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 100)  # Counts are summed over chunks.
    counted = store(tmp_path / "s", [A, B, C, D] * 500)
    left = np.array([A, B, C, D] * 10)
    losses = baselines(counted, left=left, hidden=A + (left - A + 1) % 4)
    assert losses["unigram"] == pytest.approx(math.log(4), abs=0.01)
    assert losses["bigram"] < 0.02


def test_hidden_pieces_are_the_original_tokens():
    rows = {
        "input_ids": tf.constant([[2, 10, 4, 4, 3], [2, 7, 4, 3, 0]]),
        "masked_lm_positions": tf.constant([2, 3, 7]),
        "masked_lm_ids": tf.constant([11, 12, 8]),
    }
    left, hidden = hidden_pieces(rows)
    np.testing.assert_array_equal(left, [10, 11, 7])
    np.testing.assert_array_equal(hidden, [11, 12, 8])
