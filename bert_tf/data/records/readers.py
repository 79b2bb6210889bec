"""Reads labeled texts from TSV, CSV, JSON lines, plain lines, and rows in memory.

A record is a dict with `text` and, if the file has them, `text_pair` and `label`. The
values are strings as they stand in the file; blanks around labels are removed. The label
is a list of strings if a text may have several labels. An error message is one line that
names the file, the line, the value and what to do.
"""

import functools
import pathlib

from bert_tf.data.records import files, layouts, parsing, sheets
from bert_tf.data.records.columns import (
    choose_columns,
    flatten,
    has_header,
    make_request,
)
from bert_tf.data.records.delimiters import read_delimiter
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.lines import read_texts
from bert_tf.data.records.memory import Rows, read_cells
from bert_tf.data.records.objects import (
    name_columns,
    read_objects,
    refuse_half_characters,
)
from bert_tf.data.records.tables import Table, complete
from bert_tf.ground import count, quote, quote_all

__all__ = ["Table", "read_table", "read_texts"]


def read_table(path, *, delimiter=None, encoding=None, sheet=None, **options):
    """Reads a file of texts, or pairs of texts, and their labels.

    The content, or else the extension, decides the format: TSV (quotes are plain
    characters, as in GLUE, unless they enclose cells as in Excel's), CSV (quotes, `""`,
    newlines inside quotes), JSON lines, or plain lines. The extension alone decides for
    Excel (.xlsx) and Parquet. The first row is a header if it contains a known name or a
    name given here. Some files without a header are detected by their lines (see
    `bert_tf.data.records.layouts`).

    Args:
        path: the file; or `memory.Rows`, for which the next three do not matter.
        delimiter: character between cells: "comma", "semicolon", "tab", "pipe" or one
            character. None detects it (see `bert_tf.data.records.delimiters`), and is an
            error if there is doubt.
        encoding: such as "cp1252". None takes the byte order mark's, or else UTF-8.
        sheet: name of the sheet of an Excel file; None takes the first that has cells.
        options: which columns to read, and how; of `columns.make_request`:
            text_column, text_pair_column, label_column: name of a column that the file
                must have, or its position from 0 (not in JSON lines). None detects the
                column by its name (see `bert_tf.data.records.columns`), and is an error
                if there is doubt.
            id_column: column whose values become `id` of the records; None for none.
            group_column: the same of `group`, a string.
            with_labels: False for prediction: labels are not read, and texts may be
                empty. In a file without a header, one column is the text, two are the
                text and its pair.
            many_labels: True if a text may have any number of labels: a JSON list, one
                column with a character between labels, or several columns of 0 and 1,
                named as "a,b,c".
            label_separator: character between labels; None detects it (see
                `bert_tf.data.records.many_labels`).
            number_labels: True if labels must be numbers; they stay strings.
            targets: True if the label is the text's translation. It is called `target`
                in the records; rows with an empty text or target are left out.
            columns: `Table.columns` of the training file. They are tried before
                detection, and decide whether the texts are pairs.
            bad_rows: "error" to raise an error that lists all rows that cannot be read,
                "skip" to leave them out and log how many.

    Returns:
        A Table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong with the file.
    """
    request = make_request(**options)
    if isinstance(path, Rows):
        return _read_memory(path, request)
    delimiter = read_delimiter(delimiter)
    suffix = pathlib.Path(path).suffix.lower()
    if suffix in sheets.READERS:
        form, names, rows, lines = sheets.READERS[suffix](path, sheet)
        faults = Faults(path, "row", request.bad_rows)
        return _read_rows(path, names, rows, lines, request, form=form, faults=faults)
    faults = Faults(path, bad_rows=request.bad_rows)
    text, encoding = files.read_encoded(
        path, encoding, is_latin1=layouts.is_trec, escapes=faults.skips
    )
    decoded = "" if encoding == "UTF-8" else f", decoded as {encoding}"
    if faults.skips and files.has_wrong_bytes(text):
        text = parsing.drop_wrong_bytes(text, faults)
    fixed = delimiter or request.targets
    layout = None if fixed else layouts.detect_layout(text, request)
    if layout:
        return _read_layout(path, request, *layout, faults, decoded)
    mark = parsing.detect_format(path, text, request, delimiter)
    if mark == "{":
        objects, lines = parsing.parse_objects(text, faults)
        chosen, records, lines = read_objects(objects, lines, request, faults)
        form = parsing.FORMATS[mark] + decoded
        return _complete(path, form, chosen, records, lines, request, faults)
    rows, lines, quoted = parsing.split_rows(path, text, mark, faults)
    form = parsing.name_format(mark, quoted) + decoded
    return _read_rows(
        path, None, rows, lines, request, form=form, mark=mark, faults=faults
    )


def _read_rows(
    path,
    names,
    rows,
    lines,
    request,
    *,
    form,
    faults,
    mark=None,
    check=None,
):
    """Returns the Table of rows of cells.

    Args:
        names: names of the columns, or None if they may be in the first row.
        mark: character between the cells of a text file; "" for plain lines; None for
            other tables.
        faults: `Faults`.
        check: function(request, place, record) → record, for cells of any type; None
            for strings.
    """
    if not rows and names is None:
        faults.settle(0)
        raise ValueError(f"{path}: no rows. Give a table with rows.")
    header = names is not None or (mark != "" and has_header(rows, request))
    if names is not None:
        rows, lines = [list(names), *rows], [0, *lines]
    first = rows[0]
    if check is None:
        form += ", header" if header else ", no header"
    data_set = layouts.name_header(first) if header and mark == "\t" else None
    if data_set:
        form = f"{data_set}'s layout: {form}"
    if data_set == "QQP":
        rows, lines, short = layouts.drop_short(rows, lines, len(first))
        form += f", {count(short, 'row')} cut short and skipped" if short else ""
    if data_set == "STS-B":
        request = layouts.add_layout(request, layouts.STSB_ROLES, first)
    rows, lines = parsing.drop_torn_rows(rows, lines, mark, header, faults)
    positions = choose_columns(path, rows[0], request, header=header)
    if header:
        rows, lines = rows[1:], lines[1:]
        if not rows:
            faults.settle(0)
            raise ValueError(
                f"{path}: a header ({quote_all(first)}) and no rows. Add rows below it."
            )
    chosen = name_columns(positions, first if header else None)
    records = _read_cells(rows, positions)
    if mark is None:
        records, lines = faults.read(
            functools.partial(check or _check_cells, request), records, lines
        )
    return _complete(path, form, chosen, records, lines, request, faults)


def _read_memory(rows, request):
    """Returns the Table of `Rows`."""
    if not rows.cells:
        raise ValueError(f"{rows}: no rows. Give at least one.")
    names, request = rows.fit(request)
    # Predictions are as many as the rows.
    may_skip = request.with_labels
    return _read_rows(
        rows,
        names,
        rows.cells,
        rows.places,
        request,
        form=rows.form,
        faults=Faults(rows, "row", request.bad_rows, may_skip),
        check=read_cells,
    )


def _read_layout(path, request, layout, rows, lines, faults, decoded):
    """Returns the Table of a known layout."""
    names = layout.names
    request = layouts.add_layout(request, layout.roles, names)
    positions = choose_columns(path, names, request)
    form = f"{layout.name}'s layout: {', '.join(names)}{decoded}"
    chosen, records = name_columns(positions, names), _read_cells(rows, positions)
    return _complete(path, form, chosen, records, lines, request, faults)


def _complete(path, form, chosen, records, lines, request, faults):
    """Returns the Table of records, checked."""
    table = Table(str(path), records, lines, chosen, form, faults.unit)
    no_label = layouts.NO_LABEL if chosen.get("label") == "gold_label" else None
    return complete(table, request, faults, no_label)


def _read_cells(rows, positions):
    """Returns the records of rows of cells, by {role: position of its column}."""
    columns = [
        list(zip(*([row[place] for row in rows] for place in places)))
        if isinstance(places, tuple)
        else [row[places] for row in rows]
        for places in positions.values()
    ]
    return [dict(zip(positions, cells)) for cells in zip(*columns)]


def _check_cells(request, where, record):
    """Returns a record; raises a Fault if a cell is not a string, or labels no list."""
    for role, cell in record.items():
        several = role == "label" and (request.many_labels or isinstance(cell, tuple))
        for value in flatten([cell]) if several else [cell]:
            if not isinstance(value, str):
                advice = ""
                if role == "label" and isinstance(value, list):
                    advice = "For lists of labels, use the task multi_label."
                problem = f"the {role} must be a string; received {quote(str(value))}"
                raise Fault(where, problem, advice)
            refuse_half_characters(where, value)
    return record
