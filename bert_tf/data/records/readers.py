"""Reads labelled text: TSV, CSV, JSON lines and plain lines become records.

A record is a dict with `text` and, where the file has them, `text_pair` and `label`:
strings as they stand in the file; a list of strings where a text may have several
labels. Whatever is wrong with a file is said in one line that names the file, the line,
the value and the next move.
"""

import pathlib

from bert_tf.data.records import files, layouts, parsing
from bert_tf.data.records.columns import ROLES, choose, each, has_header, want
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

    Content decides the format, then the extension: TSV (quotes are plain characters,
    as in GLUE), CSV (quotes, `""`, newlines inside quotes), JSON lines, plain lines.
    The first row is a header where it holds a known name or one given here. Some files
    without one are known by their lines (see `bert_tf.data.records.layouts`).

    Args:
        path: the file, UTF-8, with or without a byte order mark.
        text_column, text_pair_column, label_column: a name that the file must have or,
            but for JSON lines, a position counted from 0; None guesses from the names
            (see `bert_tf.data.records.columns`), and is an error where they leave a doubt.
        with_labels: False for prediction: labels are not read, texts may be empty, and
            without a header one column is the text, two are the text and its pair.
        many_labels: True where a text may have several labels, or none: a JSON list,
            one column with a character between labels, or several columns of 0 and 1,
            given as "a,b,c".
        label_separator: that character; None finds it out (see `bert_tf.data.records.many_labels`).
        columns: `Table.columns` of the training file, tried before the task's own names
            and before guessing. It also says whether pairs are wanted.

    Returns:
        A Table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else that is wrong.
    """
    wanted = want(
        with_labels,
        columns,
        many_labels=many_labels,
        text=text_column,
        text_pair=text_pair_column,
        label=label_column,
    )
    text, encoding = files.read_encoded(path, layouts.is_trec)
    mark = parsing.recognise(text, pathlib.Path(path).suffix.lower(), wanted)
    if known := layouts.recognise(text, wanted):
        form, chosen, records, lines = _read_layout(path, wanted, *known)
    elif mark == "{":
        form = parsing.FORMATS[mark]
        objects, lines = parsing.parse_objects(path, text)
        chosen, records = read_objects(path, objects, lines, wanted, many_labels)
    else:
        form, chosen, records, lines = _read_rows(path, text, mark, wanted)
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
    """Reads texts to answer, one a line: from standard input or from arguments.

    A line that is a JSON object is read by its fields; any other line is the text
    itself or, where the training columns had pairs, a text, a TAB and its pair. Empty
    lines are empty texts, so that answers stay beside their lines.

    Args:
        lines: strings, or UTF-8 bytes as from `sys.stdin.buffer`.
        columns: `Table.columns` of the training file.
        source: what errors call the lines.

    Returns:
        A Table without labels.

    Raises:
        ValueError: no lines, not UTF-8, a pair without its TAB, a field missing, pairs
            among single texts.
    """
    wanted = want(False, columns)
    records = []
    for number, line in enumerate(lines, 1):
        where = f"{source}, line {number}"
        if isinstance(line, bytes):
            line = files.decode(line, source, number)
        line = line.removesuffix("\n").removesuffix("\r")
        if fields := parsing.object_or_none(line):
            chosen = choose_fields(where, fields, wanted)
            records.append(read_object(where, fields, chosen))
            continue
        parts = line.split("\t") if wanted.pairs else [line]
        if len(parts) != (2 if wanted.pairs else 1):
            raise ValueError(
                f"{where}: the model reads pairs, a text, a TAB and its pair; received "
                f"{count(len(parts) - 1, 'TAB')} in {quote(line)}."
            )
        refuse_half_characters(where, line)
        records.append(dict(zip(ROLES, parts)))
    if not records:
        raise ValueError(f"{source}: nothing to read. Give at least one line of text.")
    for number, record in enumerate(records, 1):
        if record.keys() != records[0].keys():
            raise ValueError(
                f"{source}, line {number}: {' and '.join(record)}, where line 1 has "
                f"{' and '.join(records[0])}. Give every line the same."
            )
    chosen = {role: role for role in records[0]}
    numbers = list(range(1, len(records) + 1))
    description = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, numbers, chosen, description)


def _read_rows(path, text, mark, wanted):
    rows, lines = parsing.split_rows(path, text, mark)
    first, form = rows[0], parsing.FORMATS[mark]
    header = mark != "" and has_header(rows, wanted)
    form += ", header" if header else ", no header"
    whose = layouts.name_header(first) if header and mark == "\t" else None
    if whose:
        form = f"{whose}'s layout: {form}"
    if whose == "QQP":
        rows, lines, short = layouts.drop_short(rows, lines, len(first))
        form += f", {count(short, 'row')} cut short and skipped" if short else ""
    if whose == "STS-B":
        wanted = layouts.adopt(wanted, layouts.STSB_ROLES, first)
    parsing.refuse_torn_rows(path, rows, lines, mark, header)
    picks = choose(path, first, wanted, header=header)
    if header:
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise ValueError(
                f"{path}: a header ({quote_all(first)}) and no rows. Add rows below it."
            )
    chosen = name_columns(picks, first if header else None)
    return form, chosen, _pick(rows, picks), lines


def _read_layout(path, wanted, layout, rows, lines):
    names = layout.names
    picks = choose(path, names, layouts.adopt(wanted, layout.roles, names))
    form = f"{layout.name}'s layout: {', '.join(names)}"
    return form, name_columns(picks, names), _pick(rows, picks), lines


def _pick(rows, picks):
    return [
        {role: each(row.__getitem__, place) for role, place in picks.items()}
        for row in rows
    ]
