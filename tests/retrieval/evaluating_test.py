"""Scores of a search on a folder in BEIR's layout, against figures worked by hand."""

import json
import math
import pathlib
import shutil

import pytest

from bert_tf.retrieval.evaluating import evaluate_search, read_grades, score_hits
from bert_tf.retrieval.searching import search
from bert_tf.retrieval.settings import SearchConfig

HEADER = "query-id\tcorpus-id\tscore\n"
QUERIES = {"q1": "film bad", "q2": "very fine", "q3": "it"}
GRADES = [("q1", "d1", 1), ("q1", "d4", 2), ("q2", "d2", 1), ("q3", "d0", 0)]


@pytest.fixture(autouse=True)
def beir(home):
    """The folder `beir`, whose corpus was indexed."""
    folder = home / "beir"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "qrels").mkdir(parents=True)
    shutil.copy("corpus.jsonl", folder)
    lines = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    write_grades(GRADES)


def write_grades(rows, header=HEADER):
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    pathlib.Path("beir/qrels/test.tsv").write_text(header + text)


def evaluate(**options):
    return evaluate_search(
        SearchConfig(**{"index": "index", "eval_file": "beir"} | options)
    )


def test_one_query_by_hand():
    ids = [f"x{number}" for number in range(100)]
    ids[1], ids[3], ids[20] = "a", "b", "c"
    scores = score_hits(ids, {"a": 1, "b": 2, "c": 1, "d": 1, "e": 0})
    gain = 1 / math.log2(3) + 3 / math.log2(5)
    ideal = 3 + 1 / math.log2(3) + 1 / math.log2(4) + 1 / math.log2(5)
    assert scores == pytest.approx(
        {
            "ndcg_at_10": gain / ideal,
            "mrr_at_10": 1 / 2,
            "recall_at_1": 0,
            "recall_at_10": 2 / 4,
            "recall_at_100": 3 / 4,
        },
        abs=1e-12,
    )


def test_what_is_not_found_has_no_rank():
    scores = score_hits(["x"], {"a": 1})
    assert set(scores.values()) == {0.0}
    assert set(score_hits([], {"a": 1}).values()) == {0.0}
    assert set(score_hits(["a"], {"a": 3}).values()) == {1.0}


@pytest.mark.parametrize("method", ["dense", "bm25", "hybrid"])
def test_means_and_intervals_over_queries(method):
    if method != "dense":
        pytest.importorskip("bm25s")
    scores = evaluate(method=method)
    config = SearchConfig(index="index", method=method, top_k=100)
    ids = [
        [hit["id"] for hit in own]
        for own in search(config, [QUERIES["q1"], QUERIES["q2"]])
    ]
    rows = [score_hits(ids[0], {"d1": 1, "d4": 2}), score_hits(ids[1], {"d2": 1})]
    assert scores.pop("queries") == 2  # q3 has no relevant text.
    intervals = scores.pop("intervals_95")
    assert intervals.keys() == scores.keys() == rows[0].keys()
    for name, mean in scores.items():
        first, second = sorted(row[name] for row in rows)
        assert mean == pytest.approx((first + second) / 2)
        # Of two queries, one resample in four holds the same one twice.
        assert intervals[name] == pytest.approx([first, second])


def test_bm25_finds_the_words():
    pytest.importorskip("bm25s")
    write_grades([("q1", "d4", 1), ("q2", "d2", 1)])
    assert evaluate(method="bm25")["recall_at_100"] == 1.0


def test_texts_that_are_not_there_are_counted(caplog):
    write_grades([("q1", "d1", 1), ("q1", "gone", 1)])
    assert evaluate()["recall_at_100"] == 0.5
    assert "1 relevant text not in corpus.jsonl, such as 'gone'" in caplog.text


class TestRefusals:
    @pytest.mark.parametrize(
        "name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]
    )
    def test_missing_files(self, name):
        pathlib.Path("beir", name).unlink()
        with pytest.raises(FileNotFoundError, match=f"there is no file beir/{name}"):
            evaluate()

    def test_no_folder(self):
        with pytest.raises(
            FileNotFoundError, match="eval_file corpus.txt must be a fol"
        ):
            evaluate(eval_file="corpus.txt")

    def test_no_index(self):
        with pytest.raises(
            ValueError, match="received eval_file='beir' and corpus_file"
        ):
            evaluate(index="", model="e5", corpus_file="corpus.txt")
        with pytest.raises(ValueError, match="corpus_file is missing"):
            evaluate(index="", model="e5")

    def test_another_corpus(self):
        with pathlib.Path("beir/corpus.jsonl").open("a") as file:
            file.write('{"_id": "x", "text": "a film"}\n')
        with pytest.raises(
            ValueError, match="the index index was not made of beir/corp"
        ):
            evaluate()

    def test_a_query_that_is_not_there(self):
        write_grades([("q9", "d1", 1)])
        with pytest.raises(ValueError, match="the query 'q9' is not in queries.jsonl"):
            evaluate()

    def test_nothing_is_relevant(self):
        write_grades([("q1", "d1", 0)])
        with pytest.raises(ValueError, match="no query has a relevant text"):
            evaluate()

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("q1\td1", "line 2: a row must be query-id, corpus-id and a whole number"),
            ("q1\td1\thigh", "line 2: a row must be query-id, corpus-id and a whole n"),
            ("q1\td1\t1000", "line 2: a grade must be at most 100; received 1000"),
            ("q1\td1\t1\nq1\td1\t2", "line 3: 'q1' and 'd1' have two grades; delete"),
            ("", "no judgements. Give rows of query, text and grade"),
        ],
    )
    def test_rows(self, row, message):
        path = pathlib.Path("beir/qrels/test.tsv")
        path.write_text(HEADER + row + "\n")
        with pytest.raises(ValueError, match="test.tsv") as error:
            read_grades(path)
        assert message in str(error.value)

    def test_queries(self):
        pathlib.Path("beir/queries.jsonl").write_text('{"_id": "q1", "text": ""}\n')
        with pytest.raises(
            ValueError, match="line 1: text must be a string with words"
        ):
            evaluate()
