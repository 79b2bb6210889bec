"""BM25 against its formula, and rankings joined by hand."""

import math
import sys

import pytest

from bert_tf.retrieval.fusion import fuse
from bert_tf.retrieval.words import Words

TEXTS = [
    "The film was good",
    "a very very good film, it was",
    "BAD",
    "",
    "a good film the",
    "电影很好 good",
]
SPLIT = [
    ["the", "film", "was", "good"],
    ["a", "very", "very", "good", "film", "it", "was"],
    ["bad"],
    [],
    ["a", "good", "film", "the"],
    ["电", "影", "很", "好", "good"],
]


def bm25(query, k1=1.5, b=0.75):
    """The scores of SPLIT, as Lucene computes them (Kamphuis et al., 2020)."""
    mean = sum(map(len, SPLIT)) / len(SPLIT)
    scores = [0.0] * len(SPLIT)
    for word in query:
        holding = sum(word in text for text in SPLIT)
        inverse = math.log(1 + (len(SPLIT) - holding + 0.5) / (holding + 0.5))
        for place, text in enumerate(SPLIT):
            times = text.count(word)
            length = k1 * (1 - b + b * len(text) / mean)
            scores[place] += inverse * times / (times + length)
    return scores


class TestBM25:
    @pytest.fixture(scope="class")
    @classmethod
    def words(cls):
        pytest.importorskip("bm25s")
        return Words(iter(TEXTS))

    @pytest.mark.parametrize(
        ("query", "split"),
        [
            ("good film", ["good", "film"]),
            ("Very VERY bad?", ["very", "very", "bad"]),
            ("the unknown", ["the", "unknown"]),
            ("电影", ["电", "影"]),
        ],
    )
    def test_equals_the_formula(self, words, query, split):
        expected = bm25(split)
        places, scores = words.find(query, 6)
        order = sorted(range(6), key=lambda place: -expected[place])
        assert places == [place for place in order if expected[place] > 0]
        assert scores == pytest.approx([expected[place] for place in places], rel=1e-5)
        assert words.find(query, 1)[0] == places[:1]

    def test_of_equal_texts_the_first_comes_first(self):
        pytest.importorskip("bm25s")
        words = Words(["b c", "a b", "a b", "a b"])
        assert words.find("a", 2)[0] == [1, 2]

    @pytest.mark.parametrize("query", ["unknown", "?!", ""])
    def test_nothing_is_found(self, words, query):
        assert words.find(query, 3) == ([], [])

    def test_texts_without_words(self):
        pytest.importorskip("bm25s")
        assert Words(["", "?"]).find("a", 3) == ([], [])


def test_a_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(ValueError, match="needs bm25s: run pip install bm25s, or"):
        Words(["a"])


class TestFusion:
    def test_by_hand(self):
        places, scores = fuse([[7, 3, 5], [3, 9]], 3)
        assert places == [3, 7, 9]
        expected = [1 / 62 + 1 / 61, 1 / 61, 1 / 62]
        assert scores == pytest.approx(expected, abs=1e-12)

    def test_of_equal_scores_the_lower_place_comes_first(self):
        assert fuse([[8, 2], [2, 8], []], 5)[0] == [2, 8]
