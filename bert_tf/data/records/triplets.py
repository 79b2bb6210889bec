"""Reads triplets: a text, another that belongs to it, and hard negatives, which do not.

A record has `text`, `text_pair`, and `negatives`, of which all records have the same number.
"""

import dataclasses
import pathlib
import re

from bert_tf.data.records import files, parsing
from bert_tf.data.records.delimiters import read_delimiter
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.objects import (
    find_field,
    quote_json,
    read_id,
    refuse_half_characters,
)
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote_all

_ANCHORS, _POSITIVE = ("anchor", "query"), "positive"
_NEGATIVE = re.compile(r"negatives?(_?\d+)?")
_ENDS = (".jsonl", ".json", ".tsv", ".csv", ".txt")  # Others are no text.
_FORM = 'Write {"anchor": "...", "positive": "...", "negative": "..."} a line.'


def read_triplets(
    path,
    *,
    delimiter=None,
    encoding=None,
    bad_rows="error",
    id_column=None,
    **others,
):
    """Reads a file of triplets.

    Args:
        path: JSON lines or `Rows` with `anchor` or `query`, `positive`, and `negative`, a
            text, or `negatives`, a list; a table with such columns, also `negative_1`,
            `negative_2`; or TSV without a header, of three texts a line.
        delimiter, encoding, bad_rows, id_column: as in `read_table`.
        others: other arguments of `read_table`.

    Returns:
        A Table; None if the file is no file of triplets, or the user names its columns.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a record is damaged, or has another number of negatives than the first.
    """
    if any(others.get(f"{name}_column") for name in ("text", "text_pair", "label")):
        return None
    if isinstance(path, Rows):
        if path.names is None or not path.cells or not _are_names(path.names):
            return None
        faults = Faults(path, "row", bad_rows)
        return _read(path.form, path.objects(), path.places, id_column, faults)
    if pathlib.Path(path).suffix.lower() not in _ENDS:
        return None
    faults, mark = Faults(path, bad_rows=bad_rows), read_delimiter(delimiter)
    text, _ = files.read_encoded(path, encoding, escapes=faults.skips)
    if faults.skips and files.has_wrong_bytes(text):
        text = parsing.drop_wrong_bytes(text, faults)
    first = next(filter(str.strip, files.split_lines(text)), "")
    fields = parsing.object_or_none(first)
    if fields:
        if not _are_names(fields):
            return None
        objects, lines = parsing.parse_objects(text, faults)
        return _read("JSON lines", objects, lines, id_column, faults)
    mark = mark or ("\t" if "\t" in first else ",")
    names = [name.strip() for name in first.split(mark)]
    header = _are_names(names)
    if not header and (mark != "\t" or len(names) != 3):
        return None
    rows, lines, quoted = parsing.split_rows(path, text, mark, faults)
    if header:
        names, rows, lines = rows[0], rows[1:], lines[1:]
    elif not _are_texts(rows):
        return None
    else:
        names = [_ANCHORS[0], _POSITIVE, "negative"]
    rows, lines = parsing.drop_torn_rows(
        [names, *rows], [0, *lines], mark, True, faults
    )
    form = f"{parsing.name_format(mark, quoted)}, {'' if header else 'no '}header"
    objects = [dict(zip(map(str.strip, names), row)) for row in rows[1:]]
    return _read(form, objects, lines[1:], id_column, faults)


def _are_names(names):
    """Returns whether names of fields are those of triplets."""
    known = {name.strip().casefold() for name in names}
    return (
        _POSITIVE in known
        and bool(known & set(_ANCHORS))
        and any(map(_NEGATIVE.fullmatch, known))
    )


def _are_texts(rows):
    """Returns whether rows of three cells are texts, and their last is no label."""
    last = {row[2] for row in rows if len(row) == 3}
    return len(last) > 2 or any(" " in cell.strip() for cell in last)


def _read(form, objects, lines, id_column, faults):
    """Returns the Table of dicts, which stand on `lines`."""

    def read(where, fields):
        return _read_record(where, fields) | read_id(where, fields, id_column)

    records, lines = faults.read(read, objects, lines)
    width = len(records[0]["negatives"]) if records else 0
    for record, line in zip(records, lines):
        if (number := len(record["negatives"])) != width:
            problem = f"{count(number, 'negative')} where the first record has {width}"
            faults.add(line, problem, "Give all records as many negatives.")
    records, lines = faults.drop(records, lines)
    if not records:
        faults.settle(0)
        raise ValueError(f"{faults.path}: a header and no rows. Add rows below it.")
    skipped = faults.settle(len(records))
    anchor = find_field(
        {k.strip().casefold(): x for k, x in objects[0].items()}, _ANCHORS
    )
    description = (
        f"{faults.path}: {form}; triplets of {anchor}, {_POSITIVE} and "
        f"{count(width, 'negative')}; {count(len(records), 'row')}"
    )
    if skipped:
        description += f"; {count(skipped, 'bad row')} skipped"
    columns = {"text": anchor, "text_pair": _POSITIVE}
    table = Table(str(faults.path), records, lines, columns, description, faults.unit)
    return dataclasses.replace(table, skipped=skipped)


def _read_record(where, fields):
    """Returns the record of an object; raises a Fault if it is none."""
    known = {name.strip().casefold(): value for name, value in fields.items()}
    anchor = find_field(known, _ANCHORS)
    if anchor is None or _POSITIVE not in known:
        problem = f"no anchor and positive; the object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    negatives = []
    for name in filter(_NEGATIVE.fullmatch, known):
        value = known[name]
        negatives += value if isinstance(value, list) else [value]
    if not negatives:
        problem = f"no negative; the object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    texts = [known[anchor], known[_POSITIVE], *negatives]
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            problem = "a text of a triplet must be a string with words; received "
            raise Fault(where, problem + quote_json(text), _FORM)
        refuse_half_characters(where, text)
    return {"text": texts[0], "text_pair": texts[1], "negatives": texts[2:]}
