"""Detects and parses TSV, CSV, JSON lines and plain lines.

Every row of cells and every JSON object comes with the line on which it begins, counted
from 1. A format is named by its mark: the character between cells, or the brace that
opens an object.
"""

import collections
import csv
import itertools
import json
import pathlib
import re

from bert_tf.data.records.delimiters import detect_delimiter, has_quoted_cells
from bert_tf.data.records.files import decode, has_wrong_bytes, split_lines
from bert_tf.ground import count, quote, quote_all

FORMATS = {"{": "JSON lines", "\t": "TSV", ",": "CSV", "": "one text a line"}
_SEPARATOR = re.compile(
    r"sep=(.)\r?\n", re.IGNORECASE
)  # First line of some of Excel's.
_RESTARTS = 50  # After a quote that never closes, reading goes on at the next line.
_OBJECT = 'Write one object a line, such as {"text": "...", "label": "..."}.'

# Keeps numbers as they are written: the label 1.0 is "1.0", and 1e5 is not 100000.0.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)
_PLAIN_JSON = json.JSONDecoder()


def detect_format(path, text, request, delimiter=None):
    """Returns the mark of a file's format, by its content or else its extension.

    Args:
        path: name of the file.
        text: its content, not blank.
        request: `columns.Request`.
        delimiter: character that the user names, or None.
    """
    if delimiter:
        return delimiter
    suffix = pathlib.Path(path).suffix.lower()
    first = next(filter(str.strip, split_lines(text)))
    if suffix in (".jsonl", ".json") or object_or_none(first):
        return "{"
    if separator := _SEPARATOR.match(text):
        return separator[1]
    return detect_delimiter(path, text, suffix, request) or ""


def name_format(mark, quoted):
    """Returns the name of a format for a description."""
    form = FORMATS.get(mark) or f"CSV with {mark!r}"
    return f"{form} with quotes" if mark == "\t" and quoted else form


def split_rows(path, text, mark, faults):
    """Returns the rows of cells, the line on which each begins, and whether quotes count.

    In CSV, quotes enclose cells. In TSV, they are plain characters, as in GLUE's files,
    unless the cells are quoted as Excel writes them. Without a mark, each line is a cell.
    """
    quoted = mark != "" and (mark != "\t" or has_quoted_cells(path, text))
    if quoted:
        rows, lines = _split_csv(text, mark, faults)
    else:
        rows = [line.split(mark) if mark else [line] for line in split_lines(text)]
        lines = list(range(1, len(rows) + 1))
    if mark and _SEPARATOR.match(text):
        rows, lines = rows[1:], lines[1:]
    # With one cell a line, a blank line is an empty text. In a table it is no row.
    if next((len(row) for row in rows if any(row)), 1) == 1:
        return [row or [""] for row in rows], lines, quoted
    filled = [len(row) > 1 or any(row) for row in rows]
    rows, lines = itertools.compress(rows, filled), itertools.compress(lines, filled)
    return list(rows), list(lines), quoted


def _split_csv(text, mark, faults):
    """Returns the rows of CSV and the lines on which they begin."""
    texts = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
    rows, lines, offset, restarts = [], [], 0, 0
    limit = csv.field_size_limit(len(text) + 1)  # Global, so it is restored below.
    try:
        reader = csv.reader(iter(texts), delimiter=mark, strict=True)
        while True:
            begin = offset + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return rows, lines
            except csv.Error as error:
                problem = _explain(str(error))
                faults.add(
                    begin,
                    problem,
                    'Put the field in quotes and write each " in it as "", or save the '
                    "table as TSV.",
                )
                # A row of several lines may have swallowed rows that are whole.
                if offset + reader.line_num > begin and restarts < _RESTARTS:
                    restarts, offset = restarts + 1, begin
                    rest = itertools.islice(texts, begin, None)
                    reader = csv.reader(rest, delimiter=mark, strict=True)
                continue
            rows.append(row)
            lines.append(begin)
    finally:
        csv.field_size_limit(limit)


def _explain(problem):
    """Returns what an error of the csv module means."""
    if "unexpected end" in problem:
        return "a quote opens here and never closes"
    if "expected after" in problem:
        return "text right after a closing quote"
    if "new-line" in problem:
        return "a carriage return inside a row, outside quotes"
    return problem


def drop_torn_rows(rows, lines, mark, header, faults):
    """Returns the rows that are as wide as the header, or as most rows, and their lines."""
    widths = collections.Counter(map(len, rows))
    if len(widths) < 2:
        return rows, lines
    width = len(rows[0]) if header else widths.most_common(1)[0][0]
    model = next(n for n, row in enumerate(rows) if len(row) == width)
    first = "the header" if header else f"line {lines[model]}"
    for row, line in zip(rows, lines):
        if len(row) == width:
            continue
        advice = "Add the missing fields."
        if len(row) > width:
            advice = f'If a text contains "{mark}", put the text in quotes (").'
            if mark is None:
                advice = "Drop the surplus cells."
            if mark == "\t":
                advice = "If a text contains a TAB, replace it by a space."
        problem = f"{count(len(row), 'field')} where {first} has {width}: received "
        problem += f"{quote_all(row, 6)} for {quote_all(rows[model], 6)}"
        faults.add(line, problem, advice)
    return faults.drop(rows, lines)


def parse_objects(text, faults, numbers=False):
    """Returns the dicts of JSON lines, and the line of each.

    Numbers are kept as strings unless `numbers` is True.

    Raises:
        ValueError: no line is an object.
    """
    decoder = _PLAIN_JSON if numbers else _JSON
    objects, lines = [], []
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        try:
            fields = decoder.decode(line)
        except json.JSONDecodeError as error:
            problem = f"not JSON: {error.msg} (column {error.colno})"
        except RecursionError:
            problem = "JSON that is nested too deep"
        except ValueError:  # Python's limit of digits.
            problem = "JSON with a number of too many digits"
        else:
            problem = None if fields and isinstance(fields, dict) else "not an object"
        if problem:
            faults.add(number, f"{problem}; received {quote(line)}", _OBJECT)
        else:
            objects.append(fields)
            lines.append(number)
    if not objects:
        faults.settle(0)
    return objects, lines


def drop_wrong_bytes(text, faults):
    """Returns a text in which the lines with wrong bytes are blank.

    Args:
        text: as `files.read_encoded` returns it with `escapes`.
        faults: `faults.Faults`, which gets these lines.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if has_wrong_bytes(line):
            faults.add(number + 1, f"bytes of another encoding; received {quote(line)}")
            lines[number] = ""
    return "\n".join(lines)


def parse_object_lines(lines, source, form):
    """Yields (where, dict) of lines of JSON.

    Args:
        lines: strings, UTF-8 bytes, or dicts.
        source: name of the lines in error messages.
        form: example of a valid object, for error messages.

    Raises:
        ValueError: a line is not a JSON object, or there is no line.
    """
    where = None
    for number, line in enumerate(lines, 1):
        where = f"{source}, line {number}"
        if isinstance(line, bytes):
            line = decode(line, source, number)
        fields = object_or_none(line)
        if fields is None:
            raise ValueError(
                f"{where}: not a JSON object; received {quote(line.strip())}. "
                f"Write {form}."
            )
        yield where, fields
    if where is None:
        raise ValueError(f"{source}: nothing to read. Give at least one question.")


def refuse_columns(path, columns):
    """Raises ValueError if {flag: value} names a column of a file of fixed form."""
    flags = [name for name, value in columns.items() if value is not None]
    if flags:
        raise ValueError(
            f"{path}: records of this form have no columns to choose; drop "
            f"{', '.join(flags)}."
        )


def object_or_none(line):
    """Returns the dict of a line that is one, or is a JSON object; None for other text."""
    if isinstance(line, dict):
        return line
    if not line.lstrip().startswith("{"):
        return None
    try:
        return _JSON.decode(line)
    except (ValueError, RecursionError):
        return None
