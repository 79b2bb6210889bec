"""Detects and parses TSV, CSV, JSON lines and plain lines.

Every row of cells and every JSON object comes with the line on which it begins, counted
from 1. A format is named by its mark: the character between cells, or the brace that
opens an object.
"""

import csv
import io
import itertools
import json

from bert_tf.data.records.columns import are_names
from bert_tf.data.records.files import decode, split_lines
from bert_tf.ground import count, quote, quote_all

FORMATS = {
    "{": "JSON lines",
    "\t": "TSV",
    ",": "CSV",
    ";": "CSV with ';'",
    "": "one text a line",
}
SAMPLE = 50  # Lines; enough to tell a delimiter from a comma in a sentence.

# Keeps numbers as they are written: the label 1.0 is "1.0", and 1e5 is not 100000.0.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)
_PLAIN_JSON = json.JSONDecoder()


def detect_format(text, suffix, request):
    """Returns the mark of a file's format, by its content or else its extension."""
    lines = list(itertools.islice(filter(str.strip, split_lines(text)), SAMPLE))
    if suffix in (".jsonl", ".json") or object_or_none(lines[0]):
        return "{"
    for mark in "\t,;":
        cells = [cell.strip(' "') for cell in lines[0].split(mark)]
        # A known name before a comma may begin a sentence: "Question, please".
        if len(cells) > 1 and are_names(cells, request, 1 if mark == "\t" else 2):
            return mark
    # In a file without a header, sentences may contain commas, but no TABs.
    for mark in ",\t;" if suffix == ".csv" else "\t":
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return mark
    if suffix == ".csv":
        return ","
    return "\t" if suffix == ".tsv" or "label" in request.roles else ""


def split_rows(path, text, mark):
    """Returns the rows of cells, and the line on which each begins.

    The marks "," and ";" mean CSV with quotes. In TSV, quotes are plain characters, as in
    GLUE's files. Without a mark, each line is one cell.
    """
    if mark in (",", ";"):
        rows, lines = _split_csv(path, text, mark)
    else:
        rows = [line.split(mark) if mark else [line] for line in split_lines(text)]
        lines = list(range(1, len(rows) + 1))
    # With one cell a line, a blank line is an empty text. In a table it is no row.
    if next((len(row) for row in rows if any(row)), 1) == 1:
        return [row or [""] for row in rows], lines
    filled = [len(row) > 1 or any(row) for row in rows]
    rows, lines = itertools.compress(rows, filled), itertools.compress(lines, filled)
    return list(rows), list(lines)


def _split_csv(path, text, mark):
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=mark, strict=True)
    rows, lines, begin = [], [], 1
    limit = csv.field_size_limit(len(text) + 1)  # Global, so it is restored below.
    try:
        for row in reader:
            rows.append(row)
            lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        line, problem = reader.line_num, str(error)
    else:
        return rows, lines
    finally:
        csv.field_size_limit(limit)
    if "unexpected end" in problem:
        line, problem = begin, "a quote opens here and never closes"
    elif "expected after" in problem:
        problem = "text right after a closing quote"
    elif "new-line" in problem:
        problem = "a carriage return inside a row, outside quotes"
    raise ValueError(
        f'{path}, line {line}: {problem}. Put the field in quotes and write each " in '
        'it as "", or save the table as TSV.'
    )


def refuse_torn_rows(path, rows, lines, mark, header):
    """Raises ValueError if a row is not as wide as the first one."""
    width = len(rows[0])
    torn = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if torn is None:
        return
    row, first = rows[torn], "the header" if header else f"line {lines[0]}"
    advice = "Add the missing fields."
    if len(row) > width:
        advice = f'If a text contains "{mark}", put the text in quotes (").'
        if mark == "\t":
            advice = "If a text contains a TAB, replace it by a space."
    raise ValueError(
        f"{path}, line {lines[torn]}: {count(len(row), 'field')} where {first} has "
        f"{width}: received {quote_all(row, 6)} for {quote_all(rows[0], 6)}. {advice}"
    )


def parse_objects(path, text, numbers=False):
    """Returns the dicts of JSON lines, and the line of each.

    Numbers are kept as strings unless `numbers` is True.
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
        else:
            problem = None if fields and isinstance(fields, dict) else "not an object"
        if problem:
            raise ValueError(
                f"{path}, line {number}: {problem}; received {quote(line)}. "
                'Write one object a line, such as {"text": "...", "label": "..."}.'
            )
        objects.append(fields)
        lines.append(number)
    return objects, lines


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
            f"{path}: this form of file has no columns to choose; drop "
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
