"""TSV, CSV, JSON lines, plain lines: told apart, then taken apart.

Every row of cells and every JSON object comes with the line on which it begins, counted
from 1. A format goes by the mark that tells it: what stands between cells, or the brace
that opens an object.
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

# Numbers stay as they are written: 1.0 is the label "1.0", 1e5 is not 100000.0.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)
_PLAIN_JSON = json.JSONDecoder()


def recognise(text, suffix, wanted):
    """The mark of a format: content where that speaks, else the extension."""
    lines = list(itertools.islice(filter(str.strip, split_lines(text)), SAMPLE))
    if suffix in (".jsonl", ".json") or object_or_none(lines[0]):
        return "{"
    for mark in "\t,;":
        cells = [cell.strip(' "') for cell in lines[0].split(mark)]
        # A known word before a comma may begin a sentence: "Question, please".
        if len(cells) > 1 and are_names(cells, wanted, 1 if mark == "\t" else 2):
            return mark
    # Without a header, sentences may hold commas; tabs they do not.
    for mark in ",\t;" if suffix == ".csv" else "\t":
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and counts != {0}:
            return mark
    if suffix == ".csv":
        return ","
    return "\t" if suffix == ".tsv" or "label" in wanted.roles else ""


def split_rows(path, text, mark):
    """Rows of cells, and the line on which each begins.

    Commas and semicolons come with CSV's quotes; a TAB is a TAB and a quote is a quote,
    as in GLUE's files; no mark at all is one cell a line.
    """
    if mark in (",", ";"):
        rows, lines = _split_csv(path, text, mark)
    else:
        rows = [line.split(mark) if mark else [line] for line in split_lines(text)]
        lines = list(range(1, len(rows) + 1))
    # A blank line is nothing in a table, but an empty text where texts are lines.
    if next((len(row) for row in rows if any(row)), 1) == 1:
        return [row or [""] for row in rows], lines
    filled = [len(row) > 1 or any(row) for row in rows]
    rows, lines = itertools.compress(rows, filled), itertools.compress(lines, filled)
    return list(rows), list(lines)


def _split_csv(path, text, mark):
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=mark, strict=True)
    rows, lines, begin = [], [], 1
    limit = csv.field_size_limit(len(text) + 1)  # Of the whole process: put back below.
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
        f'{path}, line {line}: {problem}. Put the field in quotes, each " in it '
        'written "", or save the table as TSV.'
    )


def refuse_torn_rows(path, rows, lines, mark, header):
    """Every row must be as wide as the first."""
    width = len(rows[0])
    torn = next((i for i, row in enumerate(rows) if len(row) != width), None)
    if torn is None:
        return
    row, like = rows[torn], "the header" if header else f"line {lines[0]}"
    move = "Add what is missing."
    if len(row) > width:
        move = f'A {mark} inside a text? Put that text in quotes (").'
        if mark == "\t":
            move = "A TAB inside a text? Make it a space."
    raise ValueError(
        f"{path}, line {lines[torn]}: {count(len(row), 'field')} where {like} has "
        f"{width}: received {quote_all(row, 6)} for {quote_all(rows[0], 6)}. {move}"
    )


def parse_objects(path, text, numbers=False):
    """JSON lines: dicts, and the line of each; with `numbers`, those are numbers."""
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
            problem = "JSON nested too deep"
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
    """Yields (where, dict) of lines that must be JSON objects, at least one of them.

    Args:
        lines: strings, or UTF-8 bytes.
        source: what errors call the lines.
        form: an object as it should be.
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


def refuse_asked_columns(path, asked):
    """Columns asked for, {flag: value}, where the form of a file leaves no choice."""
    named = [name for name, value in asked.items() if value is not None]
    if named:
        raise ValueError(
            f"{path}: there are no columns to choose here; drop {', '.join(named)}."
        )


def object_or_none(line):
    """The dict that a line holds as JSON, None where it is any other text."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        return _JSON.decode(line)
    except (ValueError, RecursionError):
        return None
