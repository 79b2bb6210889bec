"""Queries and their passages, as lists and as rows of pairs."""

import json

import numpy as np
import pytest

from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.rankings import read_ranking_lines, read_rankings

LIST = {"query": "who fell?", "positive": "Rome.", "negatives": ["Ada.", "It rains."]}
ROWS = (
    "query\tpassage\tlabel\nwho fell?\tAda.\t0\nwhat?\tIt rains.\t2\n"
    "who fell?\tRome.\t1\n"
)


def lines(*objects):
    return "".join(json.dumps(fields) + "\n" for fields in objects)


class TestLists:
    @pytest.mark.parametrize(
        "fields",
        [
            LIST,
            {"query": "who fell?", "pos": ["Rome."], "neg": ["Ada.", "It rains."]},
            {
                "question": "who fell?",
                "passages": ["Rome.", "Ada.", "It rains."],
                "labels": [1, "0", 0.0],
            },
        ],
    )
    def test_forms(self, write, fields):
        table = read_rankings(write("a.jsonl", lines(fields)))
        assert table.records == [
            {
                "text": "who fell?",
                "passages": ["Rome.", "Ada.", "It rains."],
                "labels": [1, 0, 0],
            }
        ]
        assert table.columns == {}
        assert table.description == "a.jsonl: JSON lines; 1 queries of 3 passages"

    def test_without_labels(self, write):
        fields = {"query": "q", "passages": ["", "b"], "n": 7}
        table = read_rankings(
            write("a.jsonl", lines(LIST, fields)), with_labels=False, id_column=None
        )
        assert table.records[1] == {"text": "q", "passages": ["", "b"]}
        assert table.records[0]["passages"] == ["Rome.", "Ada.", "It rains."]
        (record,) = read_rankings(
            write("b.jsonl", lines(fields)), with_labels=False, id_column="n"
        ).records
        assert record["id"] == 7

    def test_bad_rows_are_skipped(self, write, caplog):
        path = write("a.jsonl", lines(LIST, {"query": "", "positive": "a"}))
        table = read_rankings(path, bad_rows="skip")
        assert (len(table.records), table.skipped) == (1, 1)
        assert table.description.endswith("; 1 bad row skipped")
        assert "a.jsonl: 1 bad row skipped: line 2" in caplog.text

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"passages": [], "labels": []},
                "line 2: a query needs a list of passages",
            ),
            ({"passages": "a", "labels": [1]}, "list of passages; received '\"a\"'"),
            ({"query": " "}, "line 2: the query must be a text; received '\" \"'"),
            ({"query": None}, "the query must be a text; received 'null'"),
            ({"labels": [1, -1]}, "number from 0 to 100; received '-1'"),
            ({"labels": [1, "good"]}, "number from 0 to 100; received '\"good\"'"),
            ({"labels": [1, True]}, "a label must be a number from 0 to 100"),
            ({"labels": [1, "nan"]}, "a label must be a number from 0 to 100"),
            ({"labels": [1, 101]}, "a label must be a number from 0 to 100"),
            ({"labels": [1]}, "2 passages need a list of as many labels"),
            ({"labels": 1}, "2 passages need a list of as many labels"),
            ({"labels": [0, 0]}, "no passage has a label above 0, .* Add a positive"),
            ({"passages": ["a", " "]}, "passage 1 must be a text; received '\" \"'"),
            ({"passages": ["a", 3]}, "passage 1 must be a text; received '3'"),
            ({"passages": ["a", "\ud800"]}, "half a character"),
        ],
    )
    def test_what_is_refused(self, write, change, message):
        good = {"query": "q", "passages": ["a", "b"], "labels": [1, 0]}
        with pytest.raises(ValueError, match=message):
            read_rankings(write("a.jsonl", lines(good, good | change)))

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"positive": "a"}, "no query; the object has 'positive'"),
            (
                {"query": "q", "positive": [], "negatives": ["a"]},
                "no passage has a lab",
            ),
            ({"query": "q", "positive": 3}, "positive must be a text or a list"),
            ({"query": "q", "negatives": "a"}, "no passage has a label above 0"),
        ],
    )
    def test_forms_that_are_refused(self, write, fields, message):
        with pytest.raises(ValueError, match=message):
            read_rankings(write("a.jsonl", lines(fields)))

    def test_columns_are_refused(self, write):
        with pytest.raises(ValueError, match="no columns to choose; drop text_column."):
            read_rankings(write("a.jsonl", lines(LIST)), text_column="query")


class TestRows:
    def test_rows_of_a_query_are_joined(self, write):
        table = read_rankings(write("a.tsv", ROWS))
        assert table.records == [
            {"text": "who fell?", "passages": ["Ada.", "Rome."], "labels": [0, 1]},
            {"text": "what?", "passages": ["It rains."], "labels": [2]},
        ]
        assert table.lines == [2, 3]
        assert table.columns["text_pair"] == "passage"
        assert table.description.endswith("; 3 rows; 2 queries of 3 passages")

    def test_json_lines_of_pairs(self, write):
        rows = [{"query": "q", "passage": p, "label": y} for p, y in ("a0", "b1")]
        (record,) = read_rankings(write("a.jsonl", lines(*rows))).records
        assert record == {"text": "q", "passages": ["a", "b"], "labels": [0, 1]}

    def test_queries_without_a_positive_are_named(self, write):
        table = read_rankings(write("a.tsv", ROWS.replace("\t2\n", "\t0\n")))
        assert table.description.endswith(
            "2 queries of 3 passages, of which 1 have no positive one and are not scored"
        )

    def test_without_labels_each_row_is_a_record(self, write):
        table = read_rankings(write("a.tsv", ROWS), with_labels=False)
        assert [record["passages"] for record in table.records] == [
            ["Ada."],
            ["It rains."],
            ["Rome."],
        ]
        table = read_rankings(
            write("b.tsv", ROWS), with_labels=False, id_column="label"
        )
        assert [record["id"] for record in table.records] == ["0", "2", "1"]

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("\t2\n", "\t-2\n", "line 3: a label must be a number from 0 to 100"),
            ("\t2\n", "\tgood\n", "line 3: a label must be a number .* '\"good\"'"),
            ("what?", "", "line 3: the text .* is empty"),
            ("\t2\n", "\tinf\n", "line 3: a label must be a number from 0 to 100"),
        ],
    )
    def test_what_is_refused(self, write, old, new, message):
        with pytest.raises(ValueError, match=message):
            read_rankings(write("a.tsv", ROWS.replace(old, new)))

    def test_no_positive_at_all(self, write):
        rows = ROWS.replace("\t1\n", "\t0\n").replace("\t2\n", "\t0\n")
        with pytest.raises(ValueError, match="no row has a label above 0"):
            read_rankings(write("a.tsv", rows))

    def test_single_texts(self, write):
        with pytest.raises(ValueError, match="passage's column with text_pair_column"):
            read_rankings(write("a.tsv", "text\tlabel\na\t1\nb\t0\n"))

    def test_no_such_file(self):
        with pytest.raises(FileNotFoundError):
            read_rankings("nowhere.jsonl")


class TestMemory:
    def test_lists(self):
        data = [{"query": "q", "passages": np.array(["a", "b"], object)}]
        labelled = [data[0] | {"labels": np.array([0.0, 2.0])}]
        (record,) = read_rankings(take_rows(labelled, "data")).records
        assert record == {"text": "q", "passages": ["a", "b"], "labels": [0, 2]}
        table = read_rankings(take_rows(data, "data"), with_labels=False)
        assert table.records == [{"text": "q", "passages": ["a", "b"]}]

    def test_a_missing_label_is_refused(self):
        data = [{"query": "q", "passages": ["a", "b"], "labels": [1, float("nan")]}]
        with pytest.raises(ValueError, match="data, row 0: a label must be a number"):
            read_rankings(take_rows(data, "data"))

    def test_tuples(self):
        rows = take_rows([("q", "a", 1), ("q", "b", 0)], "data")
        (record,) = read_rankings(rows).records
        assert record["labels"] == [1, 0]


class TestLines:
    def test_objects(self):
        given = [{"query": "q", "passages": ["a"]}, b'{"text": "q", "text_pair": "b"}']
        records = read_ranking_lines(given).records
        assert [record["passages"] for record in records] == [["a"], ["b"]]

    def test_pairs_with_a_tab(self):
        (record,) = read_ranking_lines(["q\ta"]).records
        assert record == {"text": "q", "passages": ["a"]}

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('{"query": "q"}', "standard input, line 1: no passages; the object has"),
            ('{"query": "", "passages": ["a"]}', "line 1: the query must be a text"),
            ('{"query": "q", "passages": []}', "line 1: a query needs a list of pass"),
            ("\ta", "line 1: the query must be a text"),
        ],
    )
    def test_what_is_refused(self, line, message):
        with pytest.raises(ValueError, match=message):
            read_ranking_lines([line])
