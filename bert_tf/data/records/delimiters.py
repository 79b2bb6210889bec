"""Finds the character between the cells of a table, and whether quotes enclose cells.

A header with known names decides; else the number of cells, which must be the same in
every row. If several characters fit, none is chosen: the user must name one.
"""

import collections
import csv
import itertools
import re

from bert_tf.data.records.columns import KNOWN, are_names
from bert_tf.data.records.files import split_lines
from bert_tf.ground import quote

DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_NAMES = {mark: name for name, mark in DELIMITERS.items()} | {"\\t": "tab"}
_SAMPLE = 200  # Lines; enough to tell a delimiter from a comma in a sentence.
_MOSTLY = 0.9  # Fraction of rows of the same width; the others are torn.
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^"\t\n]*))(\t|\r?\n|\r?\Z)')

_NEEDY = re.compile(r'""|\r(?!\n)')  # What no plain cell between quotes has.


def read_delimiter(value):
    """Returns the character that a setting names, or None for an empty setting.

    Raises:
        ValueError: neither a name nor one character that can separate cells.
    """
    mark = DELIMITERS.get(_NAMES.get(value, value), value or None)
    if mark is not None and (len(mark) != 1 or mark in '"\r\n\0'):
        raise ValueError(
            f"delimiter must be comma, semicolon, tab, pipe or one character; received "
            f"{quote(value)}."
        )
    return mark


def detect_delimiter(path, text, suffix, request):
    """Returns the delimiter of a table, or None for lines that are no table.

    Args:
        path: name of the file, for the error.
        text: content of the file, not blank.
        suffix: extension of the file, in lower case; decides if the lines do not.
        request: `columns.Request`.

    Raises:
        ValueError: several characters may be the delimiter.
    """
    lines = filter(str.strip, split_lines(text))
    sample = [f"{line}\n" for line in itertools.islice(lines, _SAMPLE)]
    quoted = {mark: mark != "\t" or quotes_fit(text) for mark in DELIMITERS.values()}
    tables = {
        mark: _split(sample, mark, quoted[mark]) for mark in quoted if mark in sample[0]
    }
    for mark, rows in tables.items():
        # A known name before a comma may begin a sentence: "Question, please".
        enough = 1 if mark == "\t" else 2
        if len(rows[0]) > 1 and are_names(rows[0], request, enough):
            return mark
    default = {".csv": ",", ".tsv": "\t"}.get(suffix)
    if sample[0].strip(' "\r\n').casefold() in KNOWN | request.keys and default:
        # A header of one column: the character that would make a single column, too.
        marks = [default, *DELIMITERS.values()]
        return next(
            (m for m in marks if _width(_split(sample, m, quoted[m]), 1)), default
        )
    # In a file of plain texts, sentences may contain all of these but TABs.
    fractions = (1, _MOSTLY)
    if default is None and ("label" not in request.roles or request.targets):
        tables = {mark: rows for mark, rows in tables.items() if mark == "\t"}
        fractions = (1,)
    for fraction in fractions:
        fitting = [mark for mark, rows in tables.items() if _width(rows, fraction) > 1]
        if fitting:
            return _choose(path, "".join(sample), fitting, default)
    return default or ("\t" if "label" in request.roles else None)


def _choose(path, text, marks, default):
    """Returns the delimiter among those that fit; raises ValueError if two do."""
    # A comma before a space or between digits belongs to a sentence or a number.
    apart = [m for m in marks if re.search(rf"{re.escape(m)}(?! )(?<!\d.(?=\d))", text)]
    marks = apart or marks
    if len(marks) == 1 or (default == "\t" and "\t" in marks):
        return marks[0]  # A TAB comes first.
    names = [_NAMES[mark] for mark in marks]
    raise ValueError(
        f"{path}: which character separates the cells? {' and '.join(names)} both fit "
        f"the first line, {quote(text.splitlines()[0])}. Give delimiter, such as "
        f"{names[0]}."
    )


def _split(sample, mark, quoted):
    """Returns the rows of some lines, of which the last may be cut."""
    if not quoted:
        return [line.rstrip("\r\n").split(mark) for line in sample]
    try:
        rows = list(csv.reader(sample, delimiter=mark))
    except csv.Error:  # A carriage return within a row, or a cell of a megabyte.
        return [line.rstrip("\r\n").split(mark) for line in sample]
    return rows[:-1] if len(sample) == _SAMPLE else rows


def _width(rows, fraction):
    """Returns the number of cells that a fraction of the rows has, or 0 if it varies."""
    counts = collections.Counter(len(row) for row in rows if row)
    if not counts:
        return 0
    width, number = counts.most_common(1)[0]
    return width if number >= fraction * counts.total() else 0


def quotes_fit(text):
    """Returns whether every quote of a TAB-separated text encloses a cell or is doubled."""
    return '"' in text and next(_unquoted(text), None) is None


def _unquoted(text):
    """Yields the first place where a quote is a plain character."""
    place = 0
    while place < len(text):
        cell = _CELL.match(text, place)
        if cell is None:
            yield place
            return
        place = cell.end()


def has_quoted_cells(path, text):
    """Returns whether quotes enclose cells of a TAB-separated text, as Excel writes them.

    In GLUE's files they are plain characters. They enclose cells if every quote can, and
    if one of the cells needs them: it has a doubled quote, a TAB or a line end, or it has
    a comma and no other cell has one.

    Raises:
        ValueError: a quoted cell may as well be two plain ones.
    """
    if not quotes_fit(text):
        return False
    cells = list(_CELL.finditer(text, 0, len(text)))
    quoted = [cell[1] for cell in cells if cell[1] is not None]
    ends = next(n for n, cell in enumerate(cells, 1) if cell[3] != "\t")
    header = all(cell[1] is not None for cell in cells[:ends])
    if header or any(_NEEDY.search(cell) for cell in quoted):
        return True
    if any("\t" in cell or "\n" in cell for cell in quoted):
        widths = {line.count("\t") for line in text.split("\n") if line.strip()}
        if len(widths) > 1:
            return True
        example = next(cell for cell in quoted if "\t" in cell or "\n" in cell)
        raise ValueError(
            f"{path}: do quotes enclose cells, or are they plain characters? A quoted "
            f"cell would be {quote(example)}. Save the table as CSV with commas, or as "
            "JSON lines."
        )
    plain = (cell[2] for cell in cells if cell[1] is None)
    return all("," in cell for cell in quoted) and not any("," in x for x in plain)
