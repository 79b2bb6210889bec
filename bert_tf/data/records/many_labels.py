"""Splits the labels of multi-label texts, which have any number of labels.

The labels of a text stand in a JSON list, in one cell with a character between them, or
in one column of 0 and 1 for each label.
"""

import dataclasses

from bert_tf.data.records.faults import Fault
from bert_tf.data.records.labels import strip_label
from bert_tf.ground import quote, quote_all

SEPARATORS = "|,;"
_YES = {"1", "1.0", "true"}
_NO = {"0", "0.0", "false"}


def split(table, separator, faults):
    """Makes the label of each record a list of strings.

    Args:
        table: `Table` whose labels are cells, lists, or tuples of the cells of several
            columns.
        separator: character between the labels of a cell. None takes the one of `|`, `,`
            and `;` that occurs in the labels; if none occurs, a cell is one label.
        faults: `faults.Faults`, which gets the rows whose label columns hold other
            values than 0 and 1.

    Returns:
        The Table, and a few words on how labels are written. The columns of the Table
        hold `label_separator` if there is a separator.

    Raises:
        ValueError: two separators occur.
    """
    columns = table.columns["label"]
    if isinstance(columns, tuple):
        names = [str(column) for column in columns]

        def read(where, record):
            return record | {"label": _read_flags(where, names, record["label"])}

        records, lines = faults.read(read, table.records, table.lines)
        table = dataclasses.replace(table, records=records, lines=lines)
        return table, "one column for each label"
    cells = [record["label"] for record in table.records]
    strings = [cell for cell in cells if cell and isinstance(cell, str)]
    if not strings:
        return _replace_labels(table, [_clean(cell) for cell in cells]), "lists"
    separator = separator or _detect_separator(table.path, strings)
    labels = [
        _clean(cell.split(separator) if separator else [cell])
        if isinstance(cell, str)
        else _clean(cell)
        for cell in cells
    ]
    if separator is None:
        return _replace_labels(table, labels), "at most one label for each text"
    table = dataclasses.replace(
        table, columns=table.columns | {"label_separator": separator}
    )
    return _replace_labels(table, labels), f"separated by {separator!r}"


def _detect_separator(path, cells):
    marks = [mark for mark in SEPARATORS if any(mark in cell for cell in cells)]
    if len(marks) > 1:
        example = max(cells, key=lambda cell: sum(mark in cell for mark in marks))
        raise ValueError(
            f"{path}: which character separates the labels? They contain "
            f"{quote_all(marks)}, as in {quote(example)}. Give label_separator."
        )
    return marks[0] if marks else None


def _read_flags(where, names, cells):
    """Returns the names of the columns that say 1."""
    for name, cell in zip(names, cells):
        if cell.strip().lower() not in _YES | _NO:
            problem = (
                f"the label column {name!r} must be 0 or 1; received {quote(cell)}"
            )
            raise Fault(where, problem)
    return [n for n, cell in zip(names, cells) if cell.strip().lower() in _YES]


def _clean(labels):
    """Strips labels, and drops empty and repeated ones."""
    return list(dict.fromkeys(filter(None, map(strip_label, labels))))


def _replace_labels(table, labels):
    records = [record | {"label": own} for record, own in zip(table.records, labels)]
    return dataclasses.replace(table, records=records)
