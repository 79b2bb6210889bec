"""Parallel text in all its forms, and what is wrong with it."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
import tiny_tfds

from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.parallel import (
    read_parallel,
    read_source_lines,
    split_pair,
)
from bert_tf.data.records.sources import hold_out, read_tables
from bert_tf.data.records.tables import Table

PAIRS = [("Hi, you.", "Hallo, du."), ("Run!", "Lauf!")]
RECORDS = [{"text": text, "target": target} for text, target in PAIRS]
TATOEBA = "Hi.\t嗨。\tCC-BY #1\nRun!\t你用跑的。\tCC-BY #2\n"


class TestTwoFiles:
    def test_line_n_belongs_to_line_n(self, write):
        write("a.en", "Hi, you.\r\nRun!\tNow\r\n")
        write("b.de", "Hallo, du.\nLauf!\n")
        table = read_parallel("a.en,b.de")
        assert table.records == [RECORDS[0], {"text": "Run!\tNow", "target": "Lauf!"}]
        assert table.lines == [1, 2]
        assert table.columns == {}
        assert table.description == "a.en,b.de: two line-aligned files; 2 rows"

    def test_a_file_of_this_name_comes_first(self, write):
        write("a,b.tsv", "Hi.\tHallo.\n")
        write("a", "x")
        write("b.tsv", "y")
        assert read_parallel("a,b.tsv").records == [{"text": "Hi.", "target": "Hallo."}]

    @pytest.mark.parametrize(
        ("path", "pair"),
        [
            ("a.en,b.de", ("a.en", "b.de")),
            ("a.en, b.de", ("a.en", "b.de")),
            ("a,1.en,b.de", ("a,1.en", "b.de")),  # It exists.
            ("c.en", None),
            ("c.en,", None),
        ],
    )
    def test_names_with_commas(self, write, path, pair):
        write("a,1.en", "x")
        write("b.de", "y")
        assert split_pair(path) == pair

    @pytest.mark.parametrize(
        ("source", "target", "place"),
        [
            ("a\nb\nc\n", "x\n", "line 2 of a.en, 'b'"),
            ("a", "x\ny", "line 2 of b.de, 'y'"),
        ],
    )
    def test_unequal_lengths(self, write, refusal, source, target, place):
        write("a.en", source)
        write("b.de", target)
        message = refusal(read_parallel, "a.en,b.de")
        assert f"{place}, has no partner" in message

    def test_blank_lines_at_the_end_need_no_partner(self, write):
        write("a.en", "a\n\n\n")
        write("b.de", "x\n")
        assert read_parallel("a.en,b.de").records == [{"text": "a", "target": "x"}]

    def test_an_empty_side_is_left_out_and_counted(self, write):
        write("a.en", "a\n\nc\nd\n")
        write("b.de", "x\ny\n \nz\n")
        table = read_parallel("a.en,b.de")
        assert [record["target"] for record in table.records] == ["x", "z"]
        assert table.where(1) == "a.en,b.de, line 4"
        assert "; 2 rows; 2 rows with an empty text or target left out" in (
            table.description
        )

    def test_nothing_but_empty_lines(self, write, refusal):
        write("a.en", "a\n\n")
        write("b.de", "\ny\n")
        message = refusal(read_parallel, "a.en,b.de")
        assert "no row has both a source and a target" in message

    def test_lines_of_another_encoding(self, write, refusal):
        write("a.en", "a\nb\n")
        write("b.de", b"Stra\xdfe\nx\n")
        assert "encoding=cp1252" in refusal(read_parallel, "a.en,b.de")
        table = read_parallel("a.en,b.de", bad_rows="skip")
        assert table.records == [{"text": "b", "target": "x"}]
        assert table.skipped == 1

    def test_a_missing_file(self, write, refusal):
        write("a.en", "a\n")
        message = refusal(read_parallel, "a.en,b.de", error=FileNotFoundError)
        assert message.startswith("b.de: no such file")

    @pytest.mark.parametrize("flag", ["text_column", "label_column", "delimiter"])
    def test_they_have_no_columns(self, write, refusal, flag):
        write("a.en", "a\n")
        write("b.de", "x\n")
        assert f"drop {flag}" in refusal(read_parallel, "a.en,b.de", **{flag: "1"})


class TestTables:
    def test_two_columns_without_header(self, write):
        content = "".join(f"{text}\t{target}\n" for text, target in PAIRS)
        table = read_parallel(write("a.txt", content))
        assert table.records == RECORDS
        assert table.columns == {"text": 0, "target": 1}
        assert table.description == (
            "a.txt: TSV, no header; text = column 0 ('Hi, you.'), target = column 1 "
            "('Hallo, du.'); 2 rows"
        )

    def test_known_names(self, write):
        path = write("a.csv", 'target,n,source\n"Hallo, du.",1,"Hi, you."\n')
        assert read_parallel(path).records == RECORDS[:1]

    def test_tatoeba_both_ways(self, write):
        path = write("cmn.txt", TATOEBA)
        table = read_parallel(path, text_column="0", label_column="1")
        assert table.records[0] == {"text": "Hi.", "target": "嗨。"}
        table = read_parallel(path, text_column="1", label_column="0")
        assert table.records[0] == {"text": "嗨。", "target": "Hi."}
        assert table.columns == {"text": 1, "target": 0}
        again = read_parallel(path, columns=table.columns)
        assert again.records == table.records
        sources = read_parallel(path, columns=table.columns, with_labels=False)
        assert sources.records == [{"text": "嗨。"}, {"text": "你用跑的。"}]

    def test_three_columns_are_in_doubt(self, write, refusal):
        message = refusal(read_parallel, write("cmn.txt", TATOEBA))
        assert "which column is the text?" in message

    @pytest.mark.parametrize("flag", ["text_column", "label_column"])
    def test_a_column_that_is_not_there(self, write, refusal, flag):
        named = {"text_column": "0", "label_column": "1"} | {flag: "de"}
        message = refusal(read_parallel, write("cmn.txt", TATOEBA), **named)
        assert "no column 'de' for the" in message
        assert f"Give one as {flag}" in message

    def test_pairs_of_sources_are_refused(self, write, refusal):
        path = write("cmn.txt", TATOEBA)
        message = refusal(read_parallel, path, text_pair_column="1")
        assert "drop text_pair_column" in message

    def test_targets_stand_as_they_are(self, write):
        """They are texts: with blanks, line ends, and differences of case alone."""
        path = write("a.csv", 'source,target\na," x"\nb,"y\nz"\nc,X\n')
        targets = [record["target"] for record in read_parallel(path).records]
        assert targets == [" x", "y\nz", "X"]

    def test_empty_cells_are_left_out_and_counted(self, write):
        table = read_parallel(write("a.tsv", "source\ttarget\na\t\n\tx\nb\ty\n"))
        assert table.records == [{"text": "b", "target": "y"}]
        assert "2 rows with an empty text or target left out" in table.description

    def test_a_file_that_looks_like_a_known_data_set(self, write):
        table = read_parallel(write("a.tsv", "ham\tSchinken\nspam\tReklame\n"))
        assert table.records[0] == {"text": "ham", "target": "Schinken"}

    def test_excel(self, tmp_path):
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in (("en", "de"), *PAIRS):
            book.active.append(row)
        book.save(tmp_path / "a.xlsx")
        path = tmp_path / "a.xlsx"
        table = read_parallel(path, text_column="en", label_column="de")
        assert table.records == RECORDS
        assert table.columns == {"text": "en", "target": "de"}


class TestObjects:
    def test_json_lines(self, write):
        objects = [{"source": text, "target": target} for text, target in PAIRS]
        path = write(
            "a.jsonl", "".join(json.dumps(fields) + "\n" for fields in objects)
        )
        assert read_parallel(path).records == RECORDS

    @pytest.fixture
    def languages(self, write):
        objects = [{"id": 1, "translation": {"en": a, "de": b}} for a, b in PAIRS]
        return write(
            "a.jsonl", "".join(json.dumps(fields) + "\n" for fields in objects)
        )

    def test_hugging_faces_form(self, languages):
        named = {"text_column": "en", "label_column": "de"}
        table = read_parallel(languages, **named)
        assert table.records == RECORDS
        sources = read_parallel(languages, columns=table.columns, with_labels=False)
        assert sources.records == [{"text": text} for text, _ in PAIRS]

    def test_languages_must_be_named(self, languages, refusal):
        message = refusal(read_parallel, languages)
        assert "which column is the text?" in message
        assert "'en', 'de'" in message

    def test_rows_in_memory(self):
        tuples = take_rows(PAIRS, "train_data")
        assert read_parallel(tuples).records == RECORDS
        nested = take_rows([{"translation": dict(zip("ab", p))} for p in PAIRS], "data")
        named = {"text_column": "a", "label_column": "b"}
        assert read_parallel(nested, **named).records == RECORDS
        texts = take_rows(["Hi, you."], "data")
        assert read_parallel(texts, with_labels=False).records == [{"text": "Hi, you."}]


class TestPrediction:
    def test_lines_are_not_split(self, write):
        path = write("a.en", "a\tb\n\nc\td\n")
        table = read_parallel(path, with_labels=False, columns={})
        assert [record["text"] for record in table.records] == ["a\tb", "", "c\td"]
        assert table.description == "a.en: one text a line; 3 rows"

    def test_a_pair_of_files_is_refused(self, write, refusal):
        write("a.en", "a\n")
        write("b.de", "x\n")
        message = refusal(read_parallel, "a.en,b.de", with_labels=False)
        assert "Give a.en" in message

    def test_json_lines(self, write):
        path = write("a.en", '{"source": "a"}\n{"source": "b"}\n')
        table = read_parallel(path, with_labels=False)
        assert table.records == [{"text": "a"}, {"text": "b"}]

    def test_standard_input(self):
        lines = [b"a\tb\n", b"\n"]
        table = read_source_lines(lines, columns={"text": 1, "target": 0})
        assert table.records == [{"text": "a\tb"}, {"text": ""}]
        (record,) = read_source_lines(['{"source": "c"}'], columns={}).records
        assert record == {"text": "c"}


class Source:
    train_file = "a.en,a.de"
    eval_file = "b.en,b.de"
    eval_fraction = 0.0
    tfds = ""


def test_training_and_evaluation_files(write):
    write("a.en", "a\n"), write("a.de", "x\n")
    write("b.en", "b\n"), write("b.de", "y\n")
    train, evaluation = read_tables(Source, read=read_parallel)
    assert train.records == [{"text": "a", "target": "x"}]
    assert evaluation.records == [{"text": "b", "target": "y"}]


def test_neither_source_nor_target_is_on_both_sides():
    random = np.random.default_rng(1)
    records = [
        {"text": f"s{a}", "target": f"t{b}"}
        for a, b in random.integers(900, size=(600, 2))
    ]
    table = Table("a", records, list(range(600)), {}, "a")
    train, evaluation = hold_out(table, 0.2)
    for side in ("text", "target"):
        values = [{r[side] for r in part.records} for part in (train, evaluation)]
        assert not values[0] & values[1]
    assert 60 < len(evaluation.records) < 200
    # Only the groups decide, not the order of the records.
    table = Table("a", records[::-1], list(range(600)), {}, "a")
    assert hold_out(table, 0.2)[0].records == train.records[::-1]


def test_tfds(tmp_path):
    # As wmt and its like have them: a feature for each language.
    features = {language: tfds.features.Text() for language in ("de", "en")}
    examples = [{"en": text, "de": target} for text, target in PAIRS]
    tiny_tfds.write(tmp_path, "tiny_pairs", features, train=examples)

    class Named(Source):
        tfds = "tiny_pairs"
        tfds_data_dir = tmp_path
        tfds_train_split, tfds_eval_split = "train", ""

    named = {"text_column": "en", "label_column": "de", "sheet": ""}
    train, evaluation = read_tables(Named, read=read_parallel, **named)
    assert train.records == RECORDS
    assert evaluation is None


@pytest.mark.skipif(
    not (DATA := pathlib.Path(__file__).parents[4] / "shared/data").is_dir(),
    reason="needs ../shared/data",
)
def test_published_files():
    folder = DATA / "multi30k"
    table = read_parallel(f"{folder}/val.en,{folder}/val.de")
    assert len(table.records) == 1014
    assert table.records[0]["target"].startswith("Eine Gruppe von Männern")
    cmn = DATA / "tatoeba_cmn_eng/cmn.txt"
    table = read_parallel(cmn, text_column="1", label_column="0")
    assert len(table.records) == 26655
    assert table.records[0] == {"text": "嗨。", "target": "Hi."}
