"""Excel and Parquet files as tables of strings."""

import datetime
import decimal
import sys

import numpy as np
import pytest

from bert_tf.data.records.readers import read_table
from bert_tf.data.records.sheets import as_text
from bert_tf.data.records.squad import read_questions
from bert_tf.data.records.tagged import read_tagged


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.0", "1.0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (1e300, "1e+300"),
        (7, "7"),
        (True, "true"),
        (None, ""),
        (float("nan"), ""),
        (np.float32(2), "2"),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.bool_(False), "false"),
        ([1.0, None], ["1", ""]),
        (datetime.date(2024, 5, 1), "2024-05-01"),
        (datetime.datetime(2024, 5, 1), "2024-05-01"),
        (datetime.datetime(2024, 5, 1, 9, 30), "2024-05-01 09:30:00"),
        (decimal.Decimal("1.50"), "1.50"),
        (b"\xc3\xa9", "é"),
    ],
)
def test_a_cell_as_text(value, text):
    assert as_text(value) == text


class TestExcel:
    @pytest.fixture
    def book(self, tmp_path, monkeypatch):
        openpyxl = pytest.importorskip("openpyxl")
        monkeypatch.chdir(tmp_path)
        book = openpyxl.Workbook()
        book.active.title = "empty"
        return book

    def fill(self, book, cells, name="data"):
        sheet = book.create_sheet(name)
        for place, value in cells.items():
            sheet[place] = value
        book.save("a.xlsx")
        return sheet

    def test_the_first_sheet_with_cells_wherever_they_stand(self, book):
        cells = {"B3": "text", "D3": "label", "B4": "gut, ja", "D4": 1.0, "B6": 3.5}
        self.fill(book, cells | {"D6": "x ", "B7": " "})
        table = read_table("a.xlsx")
        assert table.records == [
            {"text": "gut, ja", "label": "1"},
            {"text": "3.5", "label": "x"},
        ]
        assert (table.lines, table.where(1)) == ([4, 6], "a.xlsx, row 6")
        assert table.description == (
            "a.xlsx: Excel, sheet 'data', header; text = 'text', label = 'label'; 2 rows"
        )
        plain = read_tagged("a.xlsx", with_labels=False)
        assert plain.records[0]["words"] == [(0, 3), (3, 4), (5, 7)]

    def test_sheets_by_name(self, book, refusal):
        for name in ("one", "two"):
            self.fill(book, {"A1": "text", "B1": "label", "A2": name, "B2": 1}, name)
        assert read_table("a.xlsx", sheet="two").records[0]["text"] == "two"
        message = refusal(read_table, "a.xlsx", sheet="tow")
        assert message == "a.xlsx: no sheet 'tow'. Did you mean 'two'?"
        assert "'empty' has no cells" in refusal(read_table, "a.xlsx", sheet="empty")

    def test_failed_and_merged_cells_are_empty(self, book, refusal):
        cells = {
            "A1": "text",
            "B1": "label",
            "A2": "a",
            "B2": "x",
            "A3": "b",
            "A4": "c",
        }
        sheet = self.fill(book, cells | {"B4": "#N/A"})
        sheet.merge_cells("B2:B3")
        book.save("a.xlsx")
        message = refusal(read_table, "a.xlsx")
        assert message.startswith(
            "a.xlsx: 2 bad rows found: rows 3, 4: the label ('label') is empty."
        )
        assert len(read_table("a.xlsx", bad_rows="skip").records) == 1

    def test_what_is_no_excel_file(self, book, write, refusal, monkeypatch):
        self.fill(book, {"A1": "a"})
        with open("a.xlsx", "rb") as file:
            write("cut.xlsx", file.read(3000))
        write("b.xlsx", "text,label\na,1\n")
        for path in ("cut.xlsx", "b.xlsx"):
            message = refusal(read_table, path)
            assert message.startswith(f"{path}: not a file of Excel: ")
        message = refusal(read_table, "c.xlsx", error=FileNotFoundError)
        assert message.startswith("c.xlsx: no such file.")
        assert "Save data of this task as JSON" in refusal(read_questions, "a.xlsx")
        monkeypatch.setitem(sys.modules, "openpyxl", None)
        assert "run pip install 'bert_tf[xlsx]'" in refusal(read_table, "a.xlsx")


class TestParquet:
    @pytest.fixture
    def save(self, tmp_path, monkeypatch):
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        monkeypatch.chdir(tmp_path)

        def save(**columns):
            parquet.write_table(pyarrow.table(columns), "a.parquet")
            return "a.parquet"

        return save

    def test_columns_and_numbers(self, save):
        table = read_table(save(id=[7, 8], text=["a", "b"], label=[1.0, 2.5]))
        assert [record["label"] for record in table.records] == ["1", "2.5"]
        assert table.description == (
            "a.parquet: Parquet, header; text = 'text', label = 'label'; 2 rows"
        )

    def test_lists_of_labels(self, save, refusal):
        path = save(text=["a", "b", None], label=[["x", "y "], None, ["y"]])
        table = read_table(path, many_labels=True, bad_rows="skip")
        assert [record["label"] for record in table.records] == [["x", "y"], []]
        assert "use the task multi_label" in refusal(read_table, path)

    def test_what_is_no_table_of_texts(self, save, write, refusal):
        path = save(text=[{"a": 1}], label=["x"])
        message = "a.parquet, row 1: the text must be a string; received \"{'a': 1}\"."
        assert refusal(read_table, path) == message
        assert "has no sheets" in refusal(read_table, path, sheet="x")
        path = write("b.parquet", "text,label\n")
        assert "b.parquet: not a file of Parquet: " in refusal(read_table, path)
