"""Reads parallel text: two line-aligned files, tables of two columns, or JSON lines.

A record has `text`, the source, and, with labels, `target`, its translation.
"""

import dataclasses
import pathlib

from bert_tf.data.records import files, parsing
from bert_tf.data.records.faults import Faults
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.objects import lift_languages
from bert_tf.data.records.readers import read_table, read_texts
from bert_tf.data.records.tables import Table, complete_targets
from bert_tf.ground import count, quote

_LANGUAGES = "translation"  # The field of objects that holds {language: text}.
_TABLES = (".csv", ".tsv", ".json", ".jsonl", *files.BINARY)


def read_parallel(
    path,
    *,
    with_labels=True,
    encoding=None,
    bad_rows="error",
    columns=None,
    **named,
):
    """Reads a file of sources and, with labels, their targets.

    Args:
        path: "a.en,b.de" for two files, of which line n of the second is the target of
            line n of the first (a file whose own name has the comma comes first); or a
            file or `memory.Rows` as `read_table` takes them. `text_column` is the source,
            `label_column` the target; without them, the columns `source` and `target`,
            or the two columns of a file without a header. Objects may have the form
            {"translation": {"en": "...", "de": "..."}}; the languages are then columns.
        with_labels: False for prediction: targets are not read, and texts may be empty.
            A file without columns then has one text a line, which may contain TABs.
        encoding, bad_rows: as in `read_table`.
        columns: `Table.columns` of the training file.
        named: the other options of `read_table`.

    Returns:
        A Table. Rows with an empty source or target are left out; its description says
        how many.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: two files have different numbers of lines; or what is wrong with the
            file, as in `read_table`.
    """
    pair_column = named.pop("text_pair_column", None)
    parsing.refuse_columns(path, {"text_pair_column": pair_column})
    options = {"encoding": encoding, "bad_rows": bad_rows}
    if isinstance(path, Rows):
        path = _lift_languages(path)
    else:
        if pair := split_pair(path):
            if not with_labels:
                raise ValueError(
                    f"{path}: predictions are made for sources alone. Give {pair[0]}."
                )
            parsing.refuse_columns(path, named)
            return _read_pair(*pair, **options)
        if not with_labels and _has_lines_only(path, columns, named):
            return _read_sources(path, encoding)
    return read_table(
        path,
        with_labels=with_labels,
        columns=columns,
        targets=True,
        **options,
        **named,
    )


def read_source_lines(lines, **options):
    """Reads sources to predict for, see `read_texts`; JSON objects may name `source`."""
    return read_texts(lines, targets=True, **options)


def split_pair(path):
    """Returns the paths of two files with a comma between, or None for one file."""
    path = str(path)
    if "," not in path or pathlib.Path(path).exists():
        return None
    parts = path.split(",")
    pairs = [
        (",".join(parts[:n]).strip(), ",".join(parts[n:]).strip())
        for n in range(1, len(parts))
    ]
    pairs = [pair for pair in pairs if all(pair)]
    exist = [pair for pair in pairs if all(pathlib.Path(p).exists() for p in pair)]
    return next(iter([*exist, *pairs]), None)


def _lift_languages(rows):
    """Returns `Rows` whose column of {language: text} is replaced by those languages."""
    if _LANGUAGES not in (rows.names or ()):
        return rows
    objects = list(map(lift_languages, rows.objects()))
    names = list(dict.fromkeys(name for fields in objects for name in fields))
    cells = [tuple(fields.get(name) for name in names) for fields in objects]
    return dataclasses.replace(rows, names=names, cells=cells)


def _read_pair(source, target, encoding, bad_rows):
    """Returns the Table of two line-aligned files."""
    name = f"{source},{target}"
    faults = Faults(name, bad_rows=bad_rows)
    sides = [
        files.split_lines(files.read_encoded(path, encoding, escapes=faults.skips)[0])
        for path in (source, target)
    ]
    for side, other in (sides, sides[::-1]):
        while len(side) > len(other) and not side[-1].strip():
            side.pop()
    if len(sides[0]) != len(sides[1]):
        sizes = [count(len(side), "line") for side in sides]
        first = min(map(len, sides))
        longer = len(sides[0]) < len(sides[1])
        raise ValueError(
            f"{source} has {sizes[0]}, {target} has {sizes[1]}: line {first + 1} of "
            f"{(source, target)[longer]}, {quote(sides[longer][first])}, has no partner. "
            "Line n of one file must be the translation of line n of the other."
        )
    for number, lines in enumerate(zip(*sides), 1):
        for path, line in zip((source, target), lines):
            if files.has_wrong_bytes(line):
                problem = f"bytes of another encoding in {path}; received {quote(line)}"
                faults.add(number, problem)
    records = [{"text": text, "label": label} for text, label in zip(*sides)]
    numbers = list(range(1, len(records) + 1))
    form = "two line-aligned files"
    return complete_targets(Table(name, records, numbers, {}, form), faults)


def _has_lines_only(path, columns, named):
    """Returns whether a file has no columns and no objects, so that a line is a text."""
    if any(named.values()) or "text" in (columns or {}):
        return False
    suffix = pathlib.Path(path).suffix.lower()
    if suffix in _TABLES or not pathlib.Path(path).is_file():
        return False
    with pathlib.Path(path).open("rb") as file:
        return not file.readline().lstrip(b"\xef\xbb\xbf \t").startswith(b"{")


def _read_sources(path, encoding):
    """Returns the Table of a file with one text a line."""
    texts = files.split_lines(files.read_text(path, encoding))
    numbers = list(range(1, len(texts) + 1))
    description = f"{path}: one text a line; {count(len(texts), 'row')}"
    records = [{"text": text} for text in texts]
    return Table(str(path), records, numbers, {"text": 0}, description)
