"""Reads texts with a tag for each word from CoNLL's columns and from JSON lines.

A record has `text`; `words`, a list of (start, end) in characters of the text; and, with
labels, `tags`, one string for each word: O, or B-, I-, E- or S- and an entity type.
"""

import collections
import dataclasses
import functools
import logging
import pathlib

from bert_tf.data.records import files, parsing
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.labels import strip_label
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.objects import read_id
from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.records.tables import Table
from bert_tf.data.records.tagged_objects import (
    has_words,
    is_tag,
    join_words,
    read_words,
)
from bert_tf.data.records.words import split_words
from bert_tf.ground import count, quote

_log = logging.getLogger(__name__)

_DOCUMENT = "-DOCSTART-"


def read_tagged(
    path,
    *,
    with_labels=True,
    encoding=None,
    bad_rows="error",
    columns=None,
    id_column=None,
    **named,
):
    """Reads a file of words and their tags: CoNLL's columns or JSON lines.

    CoNLL: one word a line, in columns separated by TABs or spaces. The first column is
    the word, the last one its tag. A blank line ends a sentence; -DOCSTART- lines are
    skipped. JSON lines: {"tokens": [...], "tags": [...]}, or {"text": "...", "entities":
    [{"start": 0, "end": 5, "type": "PER"}]}, where start and end count characters.

    Args:
        path: the file.
        with_labels: False for prediction: tags are not read, and files of plain texts
            are read by `read_table`.
        encoding, bad_rows: as in `read_table`.
        id_column: as in `read_table`; CoNLL's form has none.
        columns, named: arguments of `read_table` for plain texts. In other files, a
            column named by the user is an error.

    Returns:
        A Table. In CoNLL's form, the text of a record is its words joined by spaces.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the line.
    """
    if isinstance(path, Rows):
        first = path.objects()[0]
        read = _read_rows if with_labels or has_words(first) else None
        text, unit = path, "row"
    else:
        read, text = _find_reader(path, with_labels, encoding)
        unit = "line"
    if read is None:
        named |= {"columns": columns, "encoding": encoding, "bad_rows": bad_rows}
        named["id_column"] = id_column
        return _add_words(read_table(path, with_labels=False, **named))
    if read is _read_conll:
        named["id_column"] = id_column
    parsing.refuse_columns(path, named)
    faults = Faults(path, unit, bad_rows, may_skip=with_labels or unit == "line")
    form, records, lines = read(text, with_labels, faults, id_column)
    skipped = faults.settle(len(records))
    table = Table(str(path), records, lines, {}, form, unit, skipped)
    return _describe(table, with_labels)


def _find_reader(path, with_labels, encoding):
    """Returns the function that reads a file, None for plain texts, and its text."""
    suffix = pathlib.Path(path).suffix.lower()
    if with_labels or suffix not in files.BINARY:
        text = files.read_text(path, encoding)
        first = next(filter(str.strip, files.split_lines(text)))
        fields = parsing.object_or_none(first)
        if suffix in (".jsonl", ".json") or fields:
            if with_labels or has_words(fields or {}):
                return _read_objects, text
        elif with_labels or _is_conll(text):
            return _read_conll, text
    return None, None


def read_tagged_lines(lines, *, columns=None, id_column=None, source="standard input"):
    """Reads texts to predict as `read_texts` does, or lines of {"tokens": [...]}."""
    lines = [
        files.decode(line, source, number) if isinstance(line, bytes) else line
        for number, line in enumerate(lines, 1)
    ]
    first = parsing.object_or_none(lines[0]) if lines else None
    if not has_words(first or {}):
        options = {"columns": columns, "id_column": id_column, "source": source}
        return _add_words(read_texts(lines, **options))
    records = [
        _read_object(False, id_column, f"{source}, line {number}", fields or {})
        for number, fields in enumerate(map(parsing.object_or_none, lines), 1)
    ]
    description = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, list(range(1, len(records) + 1)), {}, description)


def _add_words(table):
    """Adds `words` to the records of a Table of plain texts."""
    for record in table.records:
        record["words"] = split_words(record["text"])
    return table


def _is_conll(text):
    """Returns whether every line ends with a tag, which no plain text does."""
    rows = [line.split() for line in files.split_lines(text)[:200] if line.strip()]
    rows = [row for row in rows if row[0] != _DOCUMENT]
    return all(len(row) > 1 and is_tag(row[-1]) for row in rows)


def _read_conll(text, with_labels, faults, id_column):
    """Returns (description of the form, records, lines) of sentences in columns."""
    records, lines = [], []
    words, tags, begin, width, bad = [], [], 0, 0, False
    mark = "\t" if any("\t" in x.strip() for x in files.split_lines(text)) else None
    for number, line in enumerate([*files.split_lines(text), ""], 1):
        # If TABs separate the columns, all other spaces belong to words.
        cells = [cell.strip(" ") for cell in line.split(mark)] if mark else line.split()
        if not line.strip() or cells[0] == _DOCUMENT:  # The end of a sentence.
            if words and not bad:
                records.append(join_words(words, tags if with_labels else None))
                lines.append(begin)
            words, tags, bad = [], [], False
            continue
        width = width or len(cells)
        begin = begin if words else number
        with faults.catch(number):
            words.append(cells[0])
            tags.append(strip_label(cells[-1]))
            _check_row(faults.where(number), line, cells, width, with_labels)
        bad |= number in faults
    if not records and not len(faults):
        raise ValueError(
            f"{faults.path}: no words. Write a word and its tag on each line."
        )
    separator = "TABs" if mark else "spaces"
    form = f"CoNLL's {width} columns, separated by {separator}, the last with the tags"
    return form, records, lines


def _check_row(where, line, cells, width, with_labels):
    """Raises a Fault if a line of CoNLL's columns is not a word and its tag."""
    if not cells[0]:
        problem = f"no word; received {quote(line)}"
        raise Fault(where, problem, "Write the word in the first column.")
    if len(cells) < 2 or len(cells) != width:
        rule = "a word and its tag are needed" if width < 2 else f"others have {width}"
        raise Fault(
            where,
            f"{count(len(cells), 'column')} where {rule}; received {quote(line)}",
            "Write a word and its tag on each line, and a blank line after each "
            "sentence.",
        )
    if with_labels and not is_tag(strip_label(cells[-1])):
        raise Fault(
            where,
            f"the tag {quote(cells[-1])} is not O, B-TYPE, I-TYPE, E-TYPE or S-TYPE; "
            f"received {quote(line)}",
            "Put the tags in the last column.",
        )


def _read_rows(rows, with_labels, faults, id_column):
    """Returns (description of the form, records, places) of `Rows`."""
    read = functools.partial(_read_object, with_labels, id_column)
    return rows.form, *faults.read(read, rows.objects(), rows.places)


def _read_object(with_labels, id_column, where, fields):
    """Returns the record of one object."""
    return read_words(where, fields, with_labels) | read_id(where, fields, id_column)


def _read_objects(text, with_labels, faults, id_column):
    """Returns (description of the form, records, lines) of JSON lines."""
    objects, lines = parsing.parse_objects(text, faults)
    read = functools.partial(_read_object, with_labels, id_column)
    records, lines = faults.read(read, objects, lines)
    form = "JSON lines of words" if has_words(objects[0]) else "JSON lines of texts"
    return form, records, lines


def _describe(table, with_labels):
    """Completes the description; logs I- and E- tags that no B- tag precedes."""
    words = sum(len(record["words"]) for record in table.records)
    size = f"{count(len(table.records), 'text')}, {count(words, 'word')}"
    description = f"{table.path}: {table.description}; {size}"
    if table.skipped:
        description += f", {count(table.skipped, 'bad row')} skipped"
    if with_labels:
        entities = collections.Counter(
            tag[2:]
            for record in table.records
            for tag in record["tags"]
            if tag[:2] in ("B-", "S-")
        )
        types = ", ".join(f"{name} {n:,}" for name, n in sorted(entities.items()))
        description += f"; entities: {types or 'none begins with B- or S-'}"
        orphans = [
            (number, place)
            for number, record in enumerate(table.records)
            for place, tag in enumerate(record["tags"])
            if tag[:2] in ("I-", "E-")
            and (place == 0 or record["tags"][place - 1][1:] != tag[1:])
        ]
        if orphans:
            number, place = orphans[0]
            start, end = table.records[number]["words"][place]
            _log.warning(
                "%s: %s without a B- tag before are read as the beginning of an "
                "entity, as conlleval does; the first is %s, %s.",
                table.path,
                count(len(orphans), "I- tag"),
                quote(table.records[number]["text"][start:end]),
                table.where(number).removeprefix(f"{table.path}, "),
            )
    return dataclasses.replace(table, description=description)
