"""Reads labelled text: TSV, CSV, JSON lines and plain lines become records.

A record is a dict with `text` and, where the file has them, `text_pair` and `label`:
strings as they stand in the file. Whatever is wrong with a file is said in one line
that names the file, the line, the value and the next move.
"""

import dataclasses
import json
import pathlib

from bert_tf.data import files, parsing
from bert_tf.data.columns import ROLES, choose, has_header, want
from bert_tf.data.messages import count, quote, quote_all


@dataclasses.dataclass(frozen=True)
class Table:
    """The records of one file, and how they were found.

    Attributes:
        path: the file, as it was given.
        records: dicts with the keys `text`, perhaps `text_pair`, perhaps `label`.
        lines: the line on which each record begins, counted from 1.
        columns: the column behind each key: its name, or its position from 0 where
            the file has no header. `read_table(..., columns=...)` takes it back.
        description: what was recognised, one line for a person.
    """

    path: str
    records: list[dict]
    lines: list[int]
    columns: dict
    description: str


def read_table(
    path,
    *,
    text_column=None,
    text_pair_column=None,
    label_column=None,
    with_labels=True,
    columns=None,
):
    """Reads a file of texts, or pairs of texts, and their labels.

    Content decides the format, then the extension: TSV (quotes are plain characters,
    as in GLUE), CSV (quotes, `""`, newlines inside quotes), JSON lines, plain lines.
    The first row is a header where it holds a known name or one given here.

    Args:
        path: the file, UTF-8, with or without a byte order mark.
        text_column, text_pair_column, label_column: a name that the file must have or,
            but for JSON lines, a position counted from 0; None guesses from the names
            (see `bert_tf.data.columns`), and is an error where they leave a doubt.
        with_labels: False for prediction: labels are not read, texts may be empty, and
            without a header one column is the text, two are the text and its pair.
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
        text=text_column,
        text_pair=text_pair_column,
        label=label_column,
    )
    text = files.read_text(path)
    mark = parsing.recognise(text, pathlib.Path(path).suffix.lower(), wanted)
    read = _read_objects if mark == "{" else _read_rows
    form, chosen, records, lines = read(path, text, mark, wanted)
    shown = {
        role: repr(column)
        if isinstance(column, str)
        else f"column {column} ({quote(records[0][role], 20)})"
        for role, column in chosen.items()
    }
    if with_labels:
        _refuse_empty(path, records, lines, shown)
    found = ", ".join(f"{role} = {column}" for role, column in shown.items())
    description = f"{path}: {form}; {found}; {count(len(records), 'row')}"
    return Table(str(path), records, lines, chosen, description)


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
        ValueError: no lines, not UTF-8, a pair without its TAB, a field missing.
    """
    wanted = want(False, columns)
    records = []
    for number, line in enumerate(lines, 1):
        where = f"{source}, line {number}"
        if isinstance(line, bytes):
            line = files.decode(line, source, number)
        line = line.removesuffix("\n").removesuffix("\r")
        if fields := parsing.object_or_none(line):
            records.append(
                _record(where, fields, _choose_fields(where, fields, wanted))
            )
            continue
        parts = line.split("\t") if wanted.pairs else [line]
        if len(parts) != (2 if wanted.pairs else 1):
            raise ValueError(
                f"{where}: the model reads pairs, a text, a TAB and its pair; received "
                f"{count(len(parts) - 1, 'TAB')} in {quote(line)}."
            )
        _refuse_half_characters(where, line)
        records.append(dict(zip(ROLES, parts)))
    if not records:
        raise ValueError(f"{source}: nothing to read. Give at least one line of text.")
    chosen = {role: role for role in records[0]}
    numbers = list(range(1, len(records) + 1))
    description = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, numbers, chosen, description)


def _read_rows(path, text, mark, wanted):
    rows, lines = parsing.split_rows(path, text, mark)
    header = mark != "" and has_header(rows, wanted)
    parsing.refuse_torn_rows(path, rows, lines, mark, header)
    first = rows[0]
    picks = choose(path, first, wanted, header=header).items()
    chosen = {role: first[place] if header else place for role, place in picks}
    if header:
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise ValueError(
                f"{path}: a header ({quote_all(first)}) and no rows. Add rows below it."
            )
    form = f"{parsing.FORMATS[mark]}, {'header' if header else 'no header'}"
    records = [{role: row[place] for role, place in picks} for row in rows]
    return form, chosen, records, lines


def _read_objects(path, text, mark, wanted):
    objects, lines = parsing.parse_objects(path, text)
    chosen = _choose_fields(f"{path}, line {lines[0]}", objects[0], wanted)
    records = [
        _record(f"{path}, line {line}", fields, chosen)
        for line, fields in zip(lines, objects)
    ]
    return parsing.FORMATS[mark], chosen, records, lines


def _choose_fields(where, fields, wanted):
    names = list(fields)
    picks = choose(where, names, wanted, ordered=False)
    return {role: names[position] for role, position in picks.items()}


def _record(where, fields, chosen):
    record = {}
    for role, name in chosen.items():
        if name not in fields:
            raise ValueError(
                f"{where}: there is no {name!r} for the {role}; the object has "
                f"{quote_all(fields)}. Add it."
            )
        value = fields[name]
        if value is True or value is False:
            value = json.dumps(value)
        if type(value) is not str:
            value = quote(json.dumps(value, ensure_ascii=False))
            raise ValueError(
                f"{where}: {name!r} must be a string; received {value}. "
                f"Put the {role} in quotes."
            )
        _refuse_half_characters(where, value)
        record[role] = value
    return record


def _refuse_half_characters(where, text):
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where}: half a character ({text[error.start]!r}), which is not Unicode "
            "text. Remove it."
        ) from None


def _refuse_empty(path, records, lines, shown):
    for role, column in shown.items():
        texts = (record[role] for record in records)
        if all(map(str.strip, texts)):
            continue
        line = next(n for n, r in zip(lines, records) if not r[role].strip())
        raise ValueError(
            f"{path}, line {line}: the {role} ({column}) is empty. "
            "Write it, or delete the row."
        )
