"""Writes predictions as tables: for pandas, CSV, TSV and Parquet."""

import csv
import json

import numpy as np

SUFFIXES = (".csv", ".tsv", ".parquet")


def to_frame(rows, index=None):
    """Returns a pandas DataFrame.

    Args:
        rows: list of dicts {column: value}; lists and dicts stay what they are.
        index: index of the rows; None counts from 0.

    Raises:
        ValueError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ValueError(
            "as_frame needs pandas: run pip install 'bert_tf[pandas]'."
        ) from None
    columns = {name: [row.get(name) for row in rows] for name in _names(rows)}
    return pandas.DataFrame(columns, index=index)


def write_table(path, rows, suffix):
    """Writes rows to a file.

    Args:
        path: file to write.
        rows: list of dicts {column: value}. Lists and dicts become JSON; in Parquet, lists
            of numbers stay lists.
        suffix: one of `SUFFIXES`, which determines the format.
    """
    names = _names(rows)
    if suffix == ".parquet":
        arrow, parquet = import_parquet()
        columns = {
            name: [_parquet_cell(row.get(name)) for row in rows] for name in names
        }
        parquet.write_table(arrow.table(columns), path)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        delimiter = "\t" if suffix == ".tsv" else ","
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def import_parquet():
    """Returns the modules pyarrow and pyarrow.parquet.

    Raises:
        ValueError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ValueError(
            "writing a .parquet file needs pyarrow: run pip install 'bert_tf[parquet]', "
            "or name output_file .csv."
        ) from None
    return pyarrow, parquet


def to_json(value):
    """Returns a value as JSON on one line; arrays in it become lists."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)  # Such as a date in the column of ids.


def _names(rows):
    return list(dict.fromkeys(name for row in rows for name in row))


def _cell(value):
    return to_json(value) if isinstance(value, list | dict | np.ndarray) else value


def _parquet_cell(value):
    is_list = isinstance(value, list) and value
    numbers = is_list and all(type(x) in (int, float) for x in value)
    return value if numbers else _cell(value)
