"""The approximate search: what it finds, what it keeps, and what it refuses."""

import json
import pathlib
import shutil
import sys

import numpy as np
import pytest

import bert_tf
from bert_tf.retrieval import graph as graphs
from bert_tf.retrieval import kept
from bert_tf.retrieval.folder import Collection
from bert_tf.retrieval.vectors import find_nearest, quantize

pytest.importorskip("usearch")
QUERIES = ["poor film", "is it good"]
WIDTH = 24


@pytest.fixture
def index(made, tmp_path):
    """An index without a graph."""
    path = tmp_path / "index"
    shutil.copytree("index", path, ignore=shutil.ignore_patterns(graphs.FOLDER))
    return path


@pytest.fixture
def makings(monkeypatch):
    """A list that gets an entry for each graph that is made."""
    makings, make = [], graphs._make

    def count(*arguments):
        makings.append(arguments)
        return make(*arguments)

    monkeypatch.setattr(graphs, "_make", count)
    return makings


def find(index, **options):
    """Returns the hits of each query, scores rounded: a graph multiplies one by one."""
    config = bert_tf.SearchConfig(index=str(index), top_k=3, **options)
    return [
        [hit | {"score": round(hit["score"], 5)} for hit in own]
        for own in bert_tf.search(config, QUERIES)
    ]


class TestManyVectors:
    @pytest.fixture(scope="class", params=["float32", "float16", "int8"])
    @classmethod
    def case(cls, request):
        """Queries, a `Collection` of 5,000 vectors in clusters, and its graph."""
        random = np.random.default_rng(0)
        centers = random.normal(size=[50, WIDTH])
        vectors = centers[random.integers(50, size=5000)]
        vectors = vectors + 0.5 * random.normal(size=vectors.shape)
        queries = vectors[:100] + 0.3 * random.normal(size=[100, WIDTH])
        vectors, queries = (
            (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
            for x in (vectors, queries)
        )
        collection = Collection(None, *quantize(vectors, request.param))
        facts = {"width": WIDTH, "count": len(vectors)}
        return queries, collection, graphs._make(facts, collection)

    @pytest.mark.parametrize("k", [1, 10, 300])
    def test_nearly_all_are_found_with_their_exact_scores(self, case, k):
        queries, collection, graph = case
        places, scores = graphs.find_near(graph, queries, collection, k)
        exact, _ = find_nearest(queries, collection.vectors, collection.scales, k)
        assert places.shape == exact.shape == (100, k)
        found = np.mean([len(set(a) & set(b)) / k for a, b in zip(places, exact)])
        assert found > 0.98
        products = find_nearest(queries, collection.vectors, collection.scales, 5000)
        for own, row, numbers, values in zip(places, scores, *products):
            known = dict(zip(numbers.tolist(), values.tolist()))
            expected = [known[place] for place in own.tolist()]
            np.testing.assert_allclose(row, expected, atol=1e-6)
            assert (np.diff(row) <= 0).all()


@pytest.mark.parametrize("method", ["dense", "hybrid"])
def test_a_small_index_is_found_whole(index, makings, method):
    exact = find(index, method=method)
    assert find(index, method=method, approximate=True) == exact
    assert (index / "graph" / kept.FACTS).is_file()
    assert find(index, method=method, approximate=True) == exact
    assert len(makings) == 1
    assert not list(index.glob(".*"))


def test_a_graph_that_is_damaged_or_of_other_vectors_is_made_anew(index, makings):
    exact = find(index)
    find(index, approximate=True)
    file, facts = index / "graph" / graphs.FILE, index / "graph" / kept.FACTS
    stored = json.loads(facts.read_text())
    for spoil in (
        lambda: file.write_bytes(file.read_bytes()[:-4]),
        lambda: file.unlink(),
        lambda: facts.write_text("{"),
        lambda: facts.write_text(json.dumps(stored | {"corpus_sha256": "0"})),
    ):
        spoil()
        makings.clear()
        assert find(index, approximate=True) == exact
        assert len(makings) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"index": "index", "method": "bm25"},
        {"model": "e5", "corpus_file": "corpus.txt"},
    ],
)
def test_only_vectors_of_an_index_have_a_graph(options):
    with pytest.raises(ValueError, match="approximate is for the vectors of an index"):
        bert_tf.SearchConfig(approximate=True, **options)


def test_without_the_package(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ValueError, match="run pip install usearch, or leave out"):
        find(index, approximate=True)
    assert not pathlib.Path(index, "graph").exists()
