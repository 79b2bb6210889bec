"""Texts whose words have a tag each: CoNLL's columns and JSON lines become records.

A record has `text`; `words`, the (start, end) of each in it, in characters; and where
they are wanted `tags`, a string a word: O, or B-, I-, E- or S- and the type of an entity.
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


def read_tagged(path, *, with_labels=True, columns=None, **asked):
    """Reads words and tags: CoNLL columns, or JSON lines.

    CoNLL: a word a line, columns separated by TABs or spaces, the word first, its tag
    last; blank lines between sentences; -DOCSTART- lines are skipped. JSON lines:
    {"tokens": [...], "tags": [...]}, or {"text": "...", "entities": [{"start": 0,
    "end": 5, "type": "PER"}]} with places in characters.

    Args:
        path: the file, UTF-8.
        with_labels: False for prediction; whatever `read_table` reads will then do, too.
        columns: as in `read_table`, for that case.
        asked: columns asked for, as in `read_table`; only for that case.

    Returns:
        A Table. In CoNLL's form a record's text is its words with spaces between.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else that is wrong; names file and line.
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
        return with_words(read_table(path, with_labels=False, columns=columns, **asked))
    parsing.refuse_asked_columns(path, asked)
    return _described(read(path, text, with_labels), with_labels)


def read_tagged_lines(lines, *, columns=None, source="standard input"):
    """Reads texts to answer, as `read_texts` does, or {"tokens": [...]} a line."""
    lines = [
        files.decode(line, source, number) if isinstance(line, bytes) else line
        for number, line in enumerate(lines, 1)
    ]
    first = parsing.object_or_none(lines[0]) if lines else None
    if not has_words(first or {}):
        return with_words(read_texts(lines, columns=columns, source=source))
    records = [
        read_words(
            f"{source}, line {number}", parsing.object_or_none(line) or {}, False
        )
        for number, line in enumerate(lines, 1)
    ]
    described = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, list(range(1, len(records) + 1)), {}, described)


def with_words(table):
    """Adds `words` to the records of a Table of plain texts."""
    for record in table.records:
        record["words"] = split_words(record["text"])
    return table


def _is_conll(text):
    """Whether a file of texts has a column of tags: no plain text has."""
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
        # Odd spaces belong to words, where TABs part the columns.
        cells = [cell.strip(" ") for cell in line.split(mark)] if mark else line.split()
        if cells[0] == _DOCUMENT:
            finish()
            continue
        if not cells[0]:
            raise ValueError(f"{path}, line {number}: no word; received {quote(line)}.")
        width = width or len(cells)
        if len(cells) < 2 or len(cells) != width:
            raise ValueError(
                f"{path}, line {number}: {count(len(cells), 'column')} where "
                f"{'a word and its tag are needed' if width < 2 else f'others have {width}'}"
                f"; received {quote(line)}. Write word and tag on each line, and a blank "
                "line after each sentence."
            )
        if with_labels and not is_tag(cells[-1]):
            raise ValueError(
                f"{path}, line {number}: the tag {quote(cells[-1])} is not O, B-TYPE, "
                f"I-TYPE, E-TYPE or S-TYPE; received {quote(line)}. Is the last column "
                "the one with the tags?"
            )
        if not words:
            begin = number
        words.append(cells[0])
        tags.append(cells[-1])
    finish()
    if not records:
        raise ValueError(f"{path}: no words. Write word and tag on each line.")
    parted = "TABs" if mark else "spaces"
    form = f"CoNLL columns, {parted} between, {width} of them, the last with the tags"
    return Table(str(path), records, lines, {}, form)


def _read_objects(path, text, with_labels):
    objects, lines = parsing.parse_objects(path, text)
    records = [
        read_words(f"{path}, line {line}", fields, with_labels)
        for line, fields in zip(lines, objects)
    ]
    form = "JSON lines of words" if has_words(objects[0]) else "JSON lines of texts"
    return Table(str(path), records, lines, {}, form)


def _described(table, with_labels):
    """Says what was read; tells of I- tags that begin an entity, which B- should."""
    words = sum(len(record["words"]) for record in table.records)
    said = f"{table.path}: {table.description}; {count(len(table.records), 'text')}, "
    said += count(words, "word")
    if with_labels:
        found = collections.Counter(
            tag[2:]
            for r in table.records
            for tag in r["tags"]
            if tag[:2] in ("B-", "S-")
        )
        kinds = ", ".join(
            f"{kind} {number:,}" for kind, number in sorted(found.items())
        )
        said += f"; entities: {kinds or 'none begins with B- or S-'}"
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
                "%s: %s without B- before them are read as the begin of an entity, as "
                "conlleval reads them; the first is %s, %s.",
                table.path,
                count(len(orphans), "I- tag"),
                quote(table.records[number]["text"][start:end]),
                table.where(number).removeprefix(f"{table.path}, "),
            )
    return dataclasses.replace(table, description=said)
