"""A search that stays open, and the command."""

import io
import json
import logging
import pathlib
import sys

import pytest

import bert_tf
from bert_tf.commands import search as command
from bert_tf.retrieval import searching
from bert_tf.retrieval.settings import SearchConfig

QUERIES = ["film bad", "very fine"]


def find(queries=QUERIES, **options):
    return bert_tf.search(
        SearchConfig(**{"index": "index", "top_k": 7} | options), queries
    )


def ids(hits):
    return [[hit["id"] for hit in own] for own in hits]


class TestSearcher:
    def test_it_loads_once_and_finds_the_same(self, monkeypatch):
        pytest.importorskip("bm25s")
        config = SearchConfig(index="index", method="hybrid", top_k=7)
        searcher = bert_tf.Searcher(config)
        both = find(method="hybrid")
        monkeypatch.setattr(SearchConfig, "load_model", None)
        for query, expected in zip(QUERIES, both):
            (hits,) = searcher.search([query])
            assert hits == expected
        with pytest.raises(ValueError, match="query must have words; received ' '"):
            searcher.search([" "])

    def test_it_says_what_is_faster(self, monkeypatch, caplog):
        monkeypatch.setattr(searching, "MANY", 6)
        with caplog.at_level(logging.INFO, "bert_tf"):
            find()
        assert "each query is compared with 7 vectors; --approximate is" in caplog.text


class TestCommand:
    def run(self, monkeypatch, capsys, **options):
        config = SearchConfig(index="index", top_k=2, **options)
        monkeypatch.setattr(command.flags, "parse", lambda kind: config)
        command.main([])
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    def test_one_query_prints_a_hit_a_line(self, monkeypatch, capsys):
        rows = self.run(monkeypatch, capsys, query=QUERIES[0])
        assert rows == find(QUERIES[:1], top_k=2)[0]

    def test_a_terminal_gets_the_hits_of_each_line(self, monkeypatch, capsys):
        terminal = io.StringIO("\n".join([QUERIES[0], "", QUERIES[1], ""]))
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
        rows = self.run(monkeypatch, capsys)
        first, second = find(top_k=2)
        assert [row["id"] for row in rows] == [hit["id"] for hit in first + second]

    def test_a_file_of_queries_prints_a_list_a_line(self, monkeypatch, capsys):
        pathlib.Path("queries.txt").write_text("\n".join(QUERIES))
        rows = self.run(monkeypatch, capsys, input_file="queries.txt")
        assert ids(rows) == ids(find(top_k=2))
