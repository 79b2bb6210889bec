"""Reads texts with a tag for each word from CoNLL's columns and from JSON lines.

A record has `text`; `words`, a list of (start, end) in characters of the text; and, with
labels, `tags`, one string for each word: O, or B-, I-, E- or S- and an entity type.
"""

import collections
import dataclasses
import logging
import pathlib

from bert_tf.data.records import files, parsing
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


def read_tagged(path, *, with_labels=True, columns=None, **named):
    """Reads a file of words and their tags: CoNLL's columns or JSON lines.

    CoNLL: one word a line, in columns separated by TABs or spaces. The first column is
    the word, the last one its tag. A blank line ends a sentence; -DOCSTART- lines are
    skipped. JSON lines: {"tokens": [...], "tags": [...]}, or {"text": "...", "entities":
    [{"start": 0, "end": 5, "type": "PER"}]}, where start and end count characters.

    Args:
        path: the file, UTF-8.
        with_labels: False for prediction: tags are not read, and files of plain texts
            are read by `read_table`.
        columns, named: arguments of `read_table` for plain texts. In other files, a
            column named by the user is an error.

    Returns:
        A Table. In CoNLL's form, the text of a record is its words joined by spaces.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the line.
    """
    text = files.read_text(path)
    suffix = pathlib.Path(path).suffix.lower()
    first = next(filter(str.strip, files.split_lines(text)))
    fields = parsing.object_or_none(first)
    if suffix in (".jsonl", ".json") or fields:
        read = _read_objects if with_labels or has_words(fields or {}) else None
    else:
        read = _read_conll if with_labels or _is_conll(text) else None
    if read is None:
        return _add_words(read_table(path, with_labels=False, columns=columns, **named))
    parsing.refuse_columns(path, named)
    return _describe(read(path, text, with_labels), with_labels)


def read_tagged_lines(lines, *, columns=None, source="standard input"):
    """Reads texts to predict as `read_texts` does, or lines of {"tokens": [...]}."""
    lines = [
        files.decode(line, source, number) if isinstance(line, bytes) else line
        for number, line in enumerate(lines, 1)
    ]
    first = parsing.object_or_none(lines[0]) if lines else None
    if not has_words(first or {}):
        return _add_words(read_texts(lines, columns=columns, source=source))
    records = [
        read_words(
            f"{source}, line {number}", parsing.object_or_none(line) or {}, False
        )
        for number, line in enumerate(lines, 1)
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


def _read_conll(path, text, with_labels):
    records, lines = [], []
    words, tags, begin, width = [], [], 0, 0
    mark = "\t" if any("\t" in x.strip() for x in files.split_lines(text)) else None

    def finish():
        if words:
            records.append(join_words(words, tags if with_labels else None))
            lines.append(begin)
            words.clear()
            tags.clear()

    for number, line in enumerate(files.split_lines(text), 1):
        if not line.strip():
            finish()
            continue
        # If TABs separate the columns, all other spaces belong to words.
        cells = [cell.strip(" ") for cell in line.split(mark)] if mark else line.split()
        if cells[0] == _DOCUMENT:
            finish()
            continue
        if not cells[0]:
            raise ValueError(
                f"{path}, line {number}: no word; received {quote(line)}. Write the word "
                "in the first column."
            )
        width = width or len(cells)
        if len(cells) < 2 or len(cells) != width:
            rule = (
                "a word and its tag are needed" if width < 2 else f"others have {width}"
            )
            raise ValueError(
                f"{path}, line {number}: {count(len(cells), 'column')} where {rule}; "
                f"received {quote(line)}. Write a word and its tag on each line, and a "
                "blank line after each sentence."
            )
        if with_labels and not is_tag(cells[-1]):
            raise ValueError(
                f"{path}, line {number}: the tag {quote(cells[-1])} is not O, B-TYPE, "
                f"I-TYPE, E-TYPE or S-TYPE; received {quote(line)}. Put the tags in the "
                "last column."
            )
        if not words:
            begin = number
        words.append(cells[0])
        tags.append(cells[-1])
    finish()
    if not records:
        raise ValueError(f"{path}: no words. Write a word and its tag on each line.")
    separator = "TABs" if mark else "spaces"
    form = f"CoNLL's {width} columns, separated by {separator}, the last with the tags"
    return Table(str(path), records, lines, {}, form)


def _read_objects(path, text, with_labels):
    objects, lines = parsing.parse_objects(path, text)
    records = [
        read_words(f"{path}, line {line}", fields, with_labels)
        for line, fields in zip(lines, objects)
    ]
    form = "JSON lines of words" if has_words(objects[0]) else "JSON lines of texts"
    return Table(str(path), records, lines, {}, form)


def _describe(table, with_labels):
    """Completes the description; logs I- and E- tags that no B- tag precedes."""
    words = sum(len(record["words"]) for record in table.records)
    size = f"{count(len(table.records), 'text')}, {count(words, 'word')}"
    description = f"{table.path}: {table.description}; {size}"
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
