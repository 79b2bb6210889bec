"""Predictions as CSV, TSV and Parquet: nested values, quotes, numbers."""

import csv

import numpy as np
import pytest

from bert_tf.data.records.tabular import to_json, write_table

ROWS = [
    {"id": 1, "text": 'a "b",\nc\td', "labels": ["x", "é"], "embedding": [0.1, 1e-9]},
    {"id": 2, "text": "", "labels": [], "embedding": [2.0, -3.5]},
]


@pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
def test_cells(tmp_path, suffix, mark):
    write_table(tmp_path / "a", ROWS, suffix)
    with open(tmp_path / "a", newline="", encoding="utf-8") as file:
        header, first, second = csv.reader(file, delimiter=mark)
    assert header == ["id", "text", "labels", "embedding"]
    assert first == ["1", 'a "b",\nc\td', '["x", "é"]', "[0.1, 1e-09]"]
    assert second == ["2", "", "[]", "[2.0, -3.5]"]


def test_parquet_keeps_lists_of_numbers(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_table(tmp_path / "a", ROWS, ".parquet")
    first, second = parquet.read_table(tmp_path / "a").to_pylist()
    assert first == ROWS[0] | {"labels": '["x", "é"]'}
    assert second == ROWS[1] | {"labels": "[]"}


def test_json_of_arrays():
    assert (
        to_json({"a": np.array([[1.5]]), "b": np.int64(3)}) == '{"a": [[1.5]], "b": 3}'
    )
