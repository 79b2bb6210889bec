"""Approximate search for the nearest vectors by a graph, kept beside the vectors.

HNSW (Malkov and Yashunin, 2018) of the package usearch: a search compares the query with
the vectors along a path through the graph, a few thousand instead of all.
"""

import pathlib

import numpy as np

from bert_tf.ground import progress
from bert_tf.retrieval.kept import keep, open_kept
from bert_tf.retrieval.vectors import choose_best, restore

FOLDER, FILE = "graph", "graph.usearch"
LINKS, BREADTH = 32, 200  # Of a vector; candidates while its links are chosen.
SEARCHED = 400  # Candidates of a search, or twice what it finds if that is more.
_STEP = 8192  # Vectors that are added at once.


def open_graph(index, facts, collection):
    """Returns the graph of an index: the one that it keeps, or else a new one, and kept.

    A graph of other vectors, of another version of usearch, or that is damaged is made
    anew.

    Args:
        index: path of the folder of the index.
        facts: of `read_facts`.
        collection: its `Collection`.

    Raises:
        ValueError: usearch is not installed.
    """
    path = pathlib.Path(index, FOLDER)
    identity = {
        **{
            name: facts[name]
            for name in ("corpus_sha256", "settings", "model", "count")
        },
        "links": LINKS,
        "breadth": BREADTH,
        "usearch": import_usearch().__version__,
    }

    def load(path):
        graph = _empty(facts)
        graph.view(str(path / FILE))
        if len(graph) != facts["count"]:
            raise ValueError("cut short")
        return graph

    if graph := open_kept(path, identity, load):
        return graph
    graph = _make(facts, collection)
    keep(path, identity, lambda beside: graph.save(str(beside / FILE)))
    return graph


def find_near(graph, queries, collection, k):
    """Returns the places and the products of nearly all of the k nearest vectors.

    The products are those of `find_nearest`; so is the order of what is found.

    Args:
        graph: of `open_graph`.
        queries: float32 [Q, D].
        collection: `Collection` that the graph is of.
        k: number of vectors to find; all if there are fewer.

    Returns:
        int64 [Q, k] and float32 [Q, k].
    """
    k = min(k, len(graph))
    graph.expansion_search = max(SEARCHED, 2 * k)
    all_places, all_scores = [], []
    for query in queries:
        # The graph holds 16 bits a number, or 8; the vectors themselves decide.
        found = graph.search(query, min(2 * k, len(graph))).keys
        places = np.sort(found.astype(np.int64))
        scales = None if collection.scales is None else collection.scales[places]
        scores = restore(collection.vectors[places], scales) @ query
        chosen = choose_best(scores, k)
        all_places.append(places[chosen])
        all_scores.append(scores[chosen])
    return np.stack(all_places), np.stack(all_scores)


def _empty(facts):
    return import_usearch().index.Index(
        ndim=facts["width"],
        metric="ip",
        dtype="f16",
        connectivity=LINKS,
        expansion_add=BREADTH,
    )


def _make(facts, collection):
    graph = _empty(facts)
    number = facts["count"]
    with progress(description="linking", total=number, unit="vector") as bar:
        for begin in range(0, number, _STEP):
            places = np.arange(begin, min(begin + _STEP, number))
            own = slice(begin, begin + len(places))
            scales = None if collection.scales is None else collection.scales[own]
            graph.add(places, restore(collection.vectors[own], scales))
            bar.update(len(places))
    return graph


def import_usearch():
    """Returns the package usearch; raises a ValueError if it is not installed."""
    try:
        import usearch.index
    except ImportError:
        raise ValueError(
            "an approximate search needs usearch: run pip install usearch, or leave out "
            "--approximate."
        ) from None
    return usearch
