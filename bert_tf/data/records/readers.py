"""Reads labeled texts from TSV, CSV, JSON lines and plain lines.

A record is a dict with `text` and, if the file has them, `text_pair` and `label`. The
values are strings as they stand in the file. The label is a list of strings if a text may
have several labels. An error message is one line that names the file, the line, the value
and what to do.
"""

import pathlib

from bert_tf.data.records import files, layouts, parsing
from bert_tf.data.records.columns import (
    ROLES,
    choose_columns,
    has_header,
    map_columns,
    request_columns,
)
from bert_tf.data.records.objects import (
    choose_fields,
    name_columns,
    read_object,
    read_objects,
    refuse_half_characters,
)
from bert_tf.data.records.tables import Table, complete
from bert_tf.ground import count, quote, quote_all

__all__ = ["Table", "read_table", "read_texts"]


def read_table(
    path,
    *,
    text_column=None,
    text_pair_column=None,
    label_column=None,
    with_labels=True,
    many_labels=False,
    label_separator=None,
    columns=None,
):
    """Reads a file of texts, or pairs of texts, and their labels.

    The content, or else the extension, decides the format: TSV (quotes are plain
    characters, as in GLUE), CSV (quotes, `""`, newlines inside quotes), JSON lines, or
    plain lines. The first row is a header if it contains a known name or a name given
    here. Some files without a header are detected by their lines (see
    `bert_tf.data.records.layouts`).

    Args:
        path: the file, UTF-8, with or without a byte order mark.
        text_column, text_pair_column, label_column: name of a column that the file must
            have, or its position from 0 (not in JSON lines). None detects the column by
            its name (see `bert_tf.data.records.columns`), and is an error if there is
            doubt.
        with_labels: False for prediction: labels are not read, and texts may be empty. In
            a file without a header, one column is the text, two are the text and its
            pair.
        many_labels: True if a text may have any number of labels: a JSON list, one
            column with a character between labels, or several columns of 0 and 1, named
            as "a,b,c".
        label_separator: character between labels; None detects it (see
            `bert_tf.data.records.many_labels`).
        columns: `Table.columns` of the training file. They are tried before detection,
            and decide whether the texts are pairs.

    Returns:
        A Table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong with the file.
    """
    request = request_columns(
        with_labels,
        columns,
        many_labels=many_labels,
        text=text_column,
        text_pair=text_pair_column,
        label=label_column,
    )
    text, encoding = files.read_encoded(path, layouts.is_trec)
    mark = parsing.detect_format(text, pathlib.Path(path).suffix.lower(), request)
    if layout := layouts.detect_layout(text, request):
        form, chosen, records, lines = _read_layout(path, request, *layout)
    elif mark == "{":
        form = parsing.FORMATS[mark]
        objects, lines = parsing.parse_objects(path, text)
        chosen, records = read_objects(path, objects, lines, request, many_labels)
    else:
        form, chosen, records, lines = _read_rows(path, text, mark, request)
    if encoding != "UTF-8":
        form += f", decoded as {encoding}"
    separator = label_separator or (columns or {}).get("label_separator")
    table = Table(str(path), records, lines, chosen, form)
    return complete(
        table,
        with_labels=with_labels,
        many_labels=many_labels,
        separator=separator,
        no_label=layouts.NO_LABEL if chosen.get("label") == "gold_label" else None,
    )


def read_texts(lines, *, columns=None, source="standard input"):
    """Reads texts to predict, one a line.

    A line that is a JSON object is read by its fields. Any other line is a text or, if
    the training file had pairs, a text, a TAB and its pair. An empty line is an empty
    text, so that there is one prediction for each line.

    Args:
        lines: strings, UTF-8 bytes as from `sys.stdin.buffer`, or dicts of fields.
        columns: `Table.columns` of the training file.
        source: name of the lines in error messages.

    Returns:
        A Table without labels.

    Raises:
        ValueError: there are no lines; a line is not UTF-8, has a pair without a TAB or
            lacks a field; or only some lines are pairs.
    """
    request = request_columns(False, columns)
    records = []
    for number, line in enumerate(lines, 1):
        where = f"{source}, line {number}"
        if isinstance(line, bytes):
            line = files.decode(line, source, number)
        fields = parsing.object_or_none(line)
        if fields or isinstance(line, dict):
            chosen = choose_fields(where, fields, request)
            records.append(read_object(where, fields, chosen))
            continue
        line = line.removesuffix("\n").removesuffix("\r")
        parts = line.split("\t") if request.pairs else [line]
        if len(parts) != (2 if request.pairs else 1):
            raise ValueError(
                f"{where}: the model reads pairs; received "
                f"{count(len(parts) - 1, 'TAB')} in {quote(line)}. Write a text, one TAB "
                "and the other text."
            )
        refuse_half_characters(where, line)
        records.append(dict(zip(ROLES, parts)))
    if not records:
        raise ValueError(f"{source}: nothing to read. Give at least one line of text.")
    for number, record in enumerate(records, 1):
        if record.keys() != records[0].keys():
            raise ValueError(
                f"{source}, line {number}: {' and '.join(record)}, where line 1 has "
                f"{' and '.join(records[0])}. Give every line the same fields."
            )
    chosen = {role: role for role in records[0]}
    numbers = list(range(1, len(records) + 1))
    description = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, numbers, chosen, description)


def _read_rows(path, text, mark, request):
    """Returns (description of the form, columns, records, lines) of a table."""
    rows, lines = parsing.split_rows(path, text, mark)
    first, form = rows[0], parsing.FORMATS[mark]
    header = mark != "" and has_header(rows, request)
    form += ", header" if header else ", no header"
    data_set = layouts.name_header(first) if header and mark == "\t" else None
    if data_set:
        form = f"{data_set}'s layout: {form}"
    if data_set == "QQP":
        rows, lines, short = layouts.drop_short(rows, lines, len(first))
        form += f", {count(short, 'row')} cut short and skipped" if short else ""
    if data_set == "STS-B":
        request = layouts.add_layout(request, layouts.STSB_ROLES, first)
    parsing.refuse_torn_rows(path, rows, lines, mark, header)
    positions = choose_columns(path, first, request, header=header)
    if header:
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise ValueError(
                f"{path}: a header ({quote_all(first)}) and no rows. Add rows below it."
            )
    chosen = name_columns(positions, first if header else None)
    return form, chosen, _read_cells(rows, positions), lines


def _read_layout(path, request, layout, rows, lines):
    """Returns (description of the form, columns, records, lines) of a known layout."""
    names = layout.names
    request = layouts.add_layout(request, layout.roles, names)
    positions = choose_columns(path, names, request)
    form = f"{layout.name}'s layout: {', '.join(names)}"
    return form, name_columns(positions, names), _read_cells(rows, positions), lines


def _read_cells(rows, positions):
    """Returns the records of rows of cells, by {role: position of its column}."""
    return [
        {role: map_columns(row.__getitem__, place) for role, place in positions.items()}
        for row in rows
    ]
