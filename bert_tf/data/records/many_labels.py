"""Several labels for a text, or none.

They stand in a JSON list, in a cell with a character between them, or in a column each
that says 0 or 1.
"""

import dataclasses

from bert_tf.ground import quote, quote_all

SEPARATORS = "|,;"
_YES = {"1", "1.0", "true"}
_NO = {"0", "0.0", "false"}


def split(table, separator=None):
    """Makes each record's label a list of strings.

    Args:
        table: `Table` whose labels are cells, lists, or tuples of the cells of several
            columns.
        separator: what stands between the labels of a cell. None takes the one of
            `|`, `,` and `;` that occurs in the labels; where none does, a cell is one
            label.

    Returns:
        The Table, and in words how labels are written. Its columns hold
        `label_separator` where there is one.

    Raises:
        ValueError: two separators occur; a column of 0 and 1 has something else.
    """
    columns = table.columns["label"]
    if isinstance(columns, tuple):
        names = [str(column) for column in columns]
        found = [
            _marked(table.where(number), names, record["label"])
            for number, record in enumerate(table.records)
        ]
        return _with(table, found), "a column a label"
    cells = [record["label"] for record in table.records]
    lines = [cell for cell in cells if isinstance(cell, str)]
    if not lines:
        return _with(table, [_distinct(cell) for cell in cells]), "lists"
    separator = separator or _recognise(table.path, lines)
    found = [
        _distinct(cell.split(separator) if separator else [cell])
        if isinstance(cell, str)
        else _distinct(cell)
        for cell in cells
    ]
    if separator is None:
        return _with(table, found), "one label a text, or none"
    table = dataclasses.replace(
        table, columns=table.columns | {"label_separator": separator}
    )
    return _with(table, found), f"separated by {separator!r}"


def _recognise(path, lines):
    found = [mark for mark in SEPARATORS if any(mark in line for line in lines)]
    if len(found) > 1:
        line = max(lines, key=lambda line: sum(mark in line for mark in found))
        raise ValueError(
            f"{path}: what stands between labels? They hold {quote_all(found)}, as in "
            f"{quote(line)}. Give label_separator."
        )
    return found[0] if found else None


def _marked(where, names, cells):
    for name, cell in zip(names, cells):
        if cell.strip().lower() not in _YES | _NO:
            raise ValueError(
                f"{where}: the label column {name!r} must be 0 or 1; received "
                f"{quote(cell)}."
            )
    return [n for n, cell in zip(names, cells) if cell.strip().lower() in _YES]


def _distinct(labels):
    """Without spaces around, nothing empty, nothing twice, in their order."""
    return list(dict.fromkeys(filter(None, map(str.strip, labels))))


def _with(table, found):
    records = [
        record | {"label": labels} for record, labels in zip(table.records, found)
    ]
    return dataclasses.replace(table, records=records)
