"""The counted words that an index keeps: used again, and only for the same texts."""

import json
import logging
import pathlib
import shutil

import numpy as np
import pytest

import bert_tf
from bert_tf.retrieval import counted, kept, searching
from bert_tf.retrieval.words import Words

pytest.importorskip("bm25s")
QUERIES = ["poor film", "good", "unknown"]


@pytest.fixture
def index(made, tmp_path):
    """An index whose words were not counted."""
    path = tmp_path / "index"
    shutil.copytree(
        pathlib.Path("index"), path, ignore=shutil.ignore_patterns(counted.FOLDER)
    )
    return path


@pytest.fixture
def counts(monkeypatch):
    """A list that gets the texts of each count."""
    counts, whole = [], Words.__init__

    def count(self, texts):
        counts.append(list(texts))
        whole(self, counts[-1])

    monkeypatch.setattr(Words, "__init__", count)
    return counts


def find(index, method="bm25"):
    config = bert_tf.SearchConfig(index=str(index), method=method, top_k=3)
    return searching.search(config, QUERIES)


@pytest.mark.parametrize("method", ["bm25", "hybrid"])
def test_a_second_search_counts_nothing(method, index, counts):
    first = find(index, method)
    assert len(counts) == 1 and len(counts[0]) == 7
    assert (index / "words" / kept.FACTS).is_file()
    assert find(index, method) == first
    assert len(counts) == 1
    assert not list(index.glob(".*"))


def test_scores_are_those_of_a_file(index):
    find(index)
    kept = Words.load(index / "words")
    _, collection = searching.open_index(index)
    anew = Words(searching.join(text) for text in collection.texts)
    for query in QUERIES:
        assert kept.find(query, 5) == anew.find(query, 5)


def test_words_of_another_corpus_are_counted_anew(index, tmp_path, counts):
    other = tmp_path / "other"
    pathlib.Path(tmp_path / "other.txt").write_text("poor poor\nnothing good\n")
    bert_tf.index(
        bert_tf.IndexConfig(
            model="e5", corpus_file=str(tmp_path / "other.txt"), output_dir=str(other)
        )
    )
    expected = find(other)
    find(index)
    shutil.rmtree(other / "words")
    shutil.copytree(index / "words", other / "words")
    counts.clear()
    assert find(other) == expected
    assert len(counts) == 1
    assert find(other) == expected
    assert len(counts) == 1


def test_damaged_words_are_counted_anew(index, counts):
    expected = find(index)
    (file,) = (index / "words").glob("data*.npy")
    for spoil in (
        lambda: file.write_bytes(file.read_bytes()[:-4]),
        lambda: np.save(file, np.array([{}], dtype=object), allow_pickle=True),
        lambda: (index / "words" / kept.FACTS).write_text("{"),
    ):
        spoil()
        counts.clear()
        assert find(index) == expected
        assert len(counts) == 1


def test_pickles_are_not_read(index):
    """Even where the sizes say that all is as it was written."""
    expected = find(index)
    facts = index / "words" / kept.FACTS
    (file,) = (index / "words").glob("data*.npy")
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    stored = json.loads(facts.read_text())
    stored["bytes"][file.name] = file.stat().st_size
    facts.write_text(json.dumps(stored))
    assert find(index) == expected


def test_a_search_goes_on_where_nothing_can_be_kept(index, monkeypatch, caplog):
    expected = find(index)
    shutil.rmtree(index / "words")

    def fail(*_, **__):
        raise OSError("read-only")

    monkeypatch.setattr(Words, "save", fail)
    with caplog.at_level(logging.WARNING):
        assert find(index) == expected
    assert "not kept for the next search: read-only" in caplog.text
    assert not list(index.glob(".*")) and not (index / "words").exists()
