"""Recognises lists, dicts, data frames, arrays and iterators, and takes their rows.

pandas, polars and pyarrow need not be installed. Whoever passes an object of theirs has
imported them, so their types are found in `sys.modules`.
"""

import collections.abc
import itertools
import math
import sys

import numpy as np

from bert_tf.data.records.memory import Place, Rows, show
from bert_tf.ground import count, quote, quote_all

_ACCEPTED = (
    "a list or iterator of texts, of tuples, or of dicts; a dict of columns; a pandas, "
    "polars or Arrow table; or a NumPy array of texts"
)


def take_rows(data, source):
    """Returns the `Rows` of data in memory.

    Args:
        data: a list, tuple, iterator or other sequence of strings, of dicts {name: cell},
            or of tuples (text, label), (text, text_pair) or (text, text_pair, label); a
            dict of columns; a pandas DataFrame, Series or Index; a table or column of
            polars or pyarrow, or any object with Arrow's stream interface; a data set of
            the package datasets; a NumPy array of texts, [rows] or [rows, columns], or
            of records with names.
        source: name of the argument, for messages.

    Raises:
        TypeError: anything else; the message says what was received.
        ValueError: columns of different lengths, tuples of different widths, or columns
            whose names have several levels.
    """
    if isinstance(data, Rows):
        return data
    for take in (_take_pandas, _take_columns, _take_array):
        rows = take(data, source)
        if rows is not None:
            return rows
    if isinstance(data, str | bytes | bytearray | collections.abc.Set):
        advice = " Put a text into a list; a path is an option of its own, …_file."
        raise _refuse(data, source, advice * isinstance(data, str))
    if hasattr(data, "columns") or hasattr(data, "__dataframe__"):
        raise _refuse(data, source, " Convert it to a pandas DataFrame first.")
    try:
        items = list(data)
    except TypeError:  # There is nothing to iterate over, such as a number.
        raise _refuse(data, source) from None
    return _take_items(items, source, type(data).__name__)


def _refuse(data, source, advice=""):
    return TypeError(f"{source} must be {_ACCEPTED}; received {show(data)}.{advice}")


def _package(name):
    """Returns a package if it has been imported and is whole, or None."""
    package = sys.modules.get(name)
    return package if hasattr(package, "__version__") else None


def _take_pandas(data, source):
    pandas = _package("pandas")
    if pandas is None or not hasattr(pandas, "DataFrame"):
        return None
    if isinstance(data, pandas.Index):
        if isinstance(data, pandas.MultiIndex):
            raise _refuse(data, source, " Convert it by to_frame first.")
        return _take_items(list(data), source, "pandas Index")
    if isinstance(data, pandas.Series):
        return _take_items(list(data), source, "pandas Series", data.index)
    if not isinstance(data, pandas.DataFrame):
        return None
    if isinstance(data.columns, pandas.MultiIndex):
        raise ValueError(  # noqa: TRY004, since it is a DataFrame, but of wrong names.
            f"{source}: the names of the columns have {data.columns.nlevels} levels; "
            f"received {quote_all(map(str, data.columns))}. Join each to one string."
        )
    # By position, since names may occur twice.
    columns = [list(data.iloc[:, place]) for place in range(data.shape[1])]
    names = list(map(str, data.columns))
    return _make(source, "pandas DataFrame", names, columns, len(data), data.index)


def _take_columns(data, source):
    """Reads tables of polars, pyarrow and their like, data sets, and dicts of columns."""
    polars, arrow = _package("polars"), _package("pyarrow")
    if polars and isinstance(data, polars.LazyFrame):
        raise _refuse(data, source, " Call its collect() first.")
    if polars and isinstance(data, polars.DataFrame):
        columns = [column.to_list() for column in data.get_columns()]
        return _make(source, "polars DataFrame", data.columns, columns, len(data))
    if polars and isinstance(data, polars.Series):
        return _take_items(data.to_list(), source, "polars Series")
    if arrow and isinstance(data, arrow.Array | arrow.ChunkedArray):
        return _take_items(data.to_pylist(), source, "Arrow array")
    features = getattr(data, "features", None)
    if features is not None and hasattr(data, "column_names"):
        return _take_data_set(data, dict(features), source)
    if hasattr(data, "__arrow_c_stream__"):
        try:
            import pyarrow
        except ImportError:
            raise _refuse(data, source, " Or run pip install pyarrow.") from None
        table = pyarrow.table(data)
        columns = [column.to_pylist() for column in table.columns]
        return _make(source, "Arrow table", table.column_names, columns, table.num_rows)
    if isinstance(data, collections.abc.Mapping):
        return _take_dict(data, source)
    return None


def _take_data_set(data, features, source):
    """Reads a data set of the package datasets; class numbers become names."""
    classes = {
        name: feature.names
        for name, feature in features.items()
        if hasattr(feature, "names") and hasattr(feature, "int2str")
    }

    def read(name, value):
        if name not in classes or value is None:
            return value
        return classes[name][value] if value >= 0 else None  # -1 means no class.

    objects = [{name: read(name, x) for name, x in item.items()} for item in data]
    return _take_items(objects, source, "data set", names=list(features))


def _take_dict(data, source):
    """Reads a dict of columns."""
    columns = []
    for name, column in data.items():
        no_column = str | bytes | collections.abc.Mapping | collections.abc.Set
        if isinstance(column, no_column) or hasattr(column, "column_names"):
            raise TypeError(
                f"{source} is a dict whose {quote(str(name))} is {show(column)}, not a "
                "column. Give lists of equal length as columns; put a single record "
                "into a list."
            )
        try:
            columns.append(list(column))
        except TypeError:
            raise _refuse(data, source, " Put a single record into a list.") from None
    lengths = {str(name): len(column) for name, column in zip(data, columns)}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{quote(name)} {n}" for name, n in lengths.items())
        raise ValueError(
            f"{source}: the columns have different lengths ({shown}). Give each a cell "
            "for every row."
        )
    size = max(lengths.values(), default=0)
    return _make(source, "dict of columns", list(lengths), columns, size)


def _take_array(data, source):
    if not isinstance(data, np.ndarray):
        return None
    if data.dtype.names and data.ndim == 1:
        columns = [data[name].tolist() for name in data.dtype.names]
        return _make(source, "NumPy records", data.dtype.names, columns, len(data))
    if data.ndim not in (1, 2) or data.dtype.kind not in "UOT":
        shown = f"an array of {data.dtype} with shape {list(data.shape)}"
        raise TypeError(f"{source} must be {_ACCEPTED}; received {shown}.")
    items = data.tolist()
    if data.ndim == 2:
        items = list(map(tuple, items))
    return _take_items(items, source, "NumPy array")


def _take_items(items, source, form, index=None, names=None):
    """Reads a list of texts, of dicts, or of tuples."""
    items = list(map(_plain, items))
    objects = [item for item in items if isinstance(item, dict)]
    lists = [item for item in items if isinstance(item, list)]
    for number, item in enumerate(items):
        is_list = isinstance(item, list)
        fits = is_list if lists and not objects else not is_list
        if item is not None and not (fits and isinstance(item, str | dict | list)):
            where = f"{source}, row {_places(number + 1, index)[number]}"
            raise TypeError(
                f"{where}: a record must be a text, a dict or a tuple, and all of the "
                f"same kind; received {show(item)}."
            )
    if lists:
        width = len(lists[0])
        for number, item in enumerate(items):
            if item is None or len(item) != width or not width:
                received = "None" if item is None else count(len(item), "cell")
                raise ValueError(
                    f"{source}, row {number}: {received}, where the first tuple has "
                    f"{width}. Give all tuples the same number of cells."
                )
        columns = list(zip(*items))
        return _make(source, f"{form} of tuples", None, columns, len(items), index)
    if not objects:
        return _make(source, f"{form} of texts", ["text"], [items], len(items), index)
    # A text among dicts is a dict with nothing but a text.
    items = [x if isinstance(x, dict) else {"text": x} for x in items]
    names = names or list(dict.fromkeys(itertools.chain.from_iterable(items)))
    columns = [[item.get(name) for item in items] for name in names]
    return _make(source, f"{form} of dicts", names, columns, len(items), index)


def _make(source, form, names, columns, size, index=None):
    if size and not columns:
        raise ValueError(
            f"{source}: {count(size, 'row')} without columns. Give a column of texts."
        )
    cells = list(zip(*(map(_plain, column) for column in columns)))
    names = None if names is None else list(map(str, names))
    return Rows(source, form, names, cells, _places(len(cells), index), index)


def _places(size, index):
    """Returns the positions of rows, which are shown as the labels of an index."""
    labels = range(size) if index is None else list(index)
    return [Place(number, label) for number, label in zip(range(size), labels)]


def _plain(value):
    """Returns a value as JSON would have it, where it can; missing ones are None."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    if isinstance(value, collections.abc.Set):
        return sorted(map(_plain, value), key=str)
    if isinstance(value, collections.abc.Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    missing = type(value).__name__ in ("NAType", "NaTType")
    missing |= isinstance(value, float) and math.isnan(value)
    return None if missing else value
