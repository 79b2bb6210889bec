"""Reads the cells of Excel files (.xlsx) and of Parquet files as strings.

A number is written as a person reads it: 1.0 is "1", in a label too. A date is written in
ISO's form, a truth value as "true" or "false", and an empty cell as "". A cell of Excel
whose formula failed (#N/A) is empty.
"""

import datetime
import importlib
import io
import itertools
import math
import warnings

from bert_tf.data.records import files
from bert_tf.ground import did_you_mean, quote, quote_all, reason

_MISSING = ("NAType", "NaTType")  # Of pandas, which need not be installed.
_FAILED = "e"  # What openpyxl calls the type of a cell whose formula failed.


def as_text(value):
    """Returns the cell of a table as a string; a list of values as a list of strings.

    Args:
        value: None, a string, bool, number, date, or a list or array of these. A missing
            value (None, NaN, NaT, pandas.NA) is an empty string. A dict stays a dict,
            because it is no cell.
    """
    if isinstance(value, str | dict):
        return value
    if hasattr(value, "tolist") and not isinstance(value, datetime.date):
        value = value.tolist()  # An array or number of NumPy.
    if isinstance(value, list | tuple):
        return [as_text(item) for item in value]
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        whole = math.isfinite(value) and value == int(value) and abs(value) < 2**53
        return str(int(value)) if whole else repr(value)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and value.tzinfo is None
        return str(value.date()) if midnight else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def read_xlsx(path, sheet=None):
    """Returns (description of the form, None, rows, their numbers) of an Excel file.

    Rows and columns without any value are left out. Of merged cells, the first has the
    value and the others are empty.

    Args:
        path: the file.
        sheet: name of the sheet; None takes the first that has cells.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: openpyxl is not installed; the file is not Excel's; it has no such
            sheet, or no cells.
    """
    openpyxl = _import("openpyxl", path, "xlsx")
    data = io.BytesIO(files.read_bytes(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of parts of the file that hold no cells.
        try:
            book = openpyxl.load_workbook(data, read_only=True, data_only=True)
        # A damaged archive, or missing or malformed parts of it: errors of any kind.
        except Exception as error:  # noqa: BLE001
            raise ValueError(
                f"{path}: not a file of Excel: {reason(error)}. Save it again as .xlsx."
            ) from None
        names = [page.title for page in book.worksheets]
        if sheet and sheet not in names:
            advice = did_you_mean(sheet, names, f"There are {quote_all(names)}.")
            raise ValueError(f"{path}: no sheet {quote(sheet)}. {advice}")
        for page in book.worksheets:
            if sheet in (None, "", page.title):
                try:
                    rows, numbers = _read_page(page)
                except Exception as error:  # noqa: BLE001
                    raise ValueError(
                        f"{path}: the sheet {quote(page.title)} is damaged: "
                        f"{reason(error)}. Save the file again as .xlsx."
                    ) from None
                if rows:
                    return f"Excel, sheet {page.title!r}", None, rows, numbers
    where = f"the sheet {quote(sheet)} has" if sheet else "the sheets have"
    raise ValueError(f"{path}: {where} no cells. Give another file or sheet.")


def _read_page(page):
    """Returns the rows of a sheet that have values, as strings, and their numbers."""
    page.reset_dimensions()  # Some programs write a wrong size.
    rows, numbers = [], []
    for number, cells in enumerate(page.rows, 1):
        row = ["" if x.data_type == _FAILED else as_text(x.value) for x in cells]
        if any(text and not text.isspace() for text in row):
            rows.append(row)
            numbers.append(number)
    width = max(map(len, rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    filled = [any(column) for column in zip(*rows)]
    return [list(itertools.compress(row, filled)) for row in rows], numbers


def read_parquet(path, sheet=None):
    """Returns (description, names of columns, rows, their numbers) of a Parquet file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: pyarrow is not installed, or the file is not Parquet.
    """
    if sheet:
        raise ValueError(f"{path}: a Parquet file has no sheets; drop sheet.")
    parquet = _import("pyarrow.parquet", path, "parquet")
    try:
        table = parquet.read_table(io.BytesIO(files.read_bytes(path)))
        columns = [column.to_pylist() for column in table.columns]
    except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
        if str(path) in str(error):
            raise
        raise ValueError(
            f"{path}: not a file of Parquet: {reason(error)}. Write it again."
        ) from None
    rows = [[as_text(value) for value in row] for row in zip(*columns)]
    return "Parquet", table.column_names, rows, list(range(1, len(rows) + 1))


READERS = {".xlsx": read_xlsx, ".xlsm": read_xlsx, ".parquet": read_parquet}


def _import(name, path, extra):
    """Returns a module of an optional package."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ValueError(
            f"{path}: reading this file needs {name.split('.')[0]}: run pip install "
            f"'bert_tf[{extra}]', or save the table as CSV."
        ) from None
