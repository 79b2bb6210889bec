"""Reads queries and the passages to rank for each, from JSON lines of lists or rows of pairs.

A record has `text`, the query; `passages`, any number of them; and, with labels, `labels`,
the grade of each passage: 0 if it does not answer the query, more if it answers it better.
"""

import dataclasses

from bert_tf.data.records import files, parsing
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.lines import read_texts
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.objects import (
    find_field,
    quote_json,
    read_id,
    refuse_half_characters,
)
from bert_tf.data.records.readers import read_table
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote_all

MOST_GRADE = 100  # The gain of a grade is a power of 2.
_QUERIES = ("query", "text", "question")
_POSITIVES = ("positive", "positives", "pos")
_NEGATIVES = ("negatives", "negative", "neg")
_SINGLE = ("passage", "text_pair")
_LISTS = {"passages", *_POSITIVES, *_NEGATIVES}
_FORM = (
    'Write {"query": "...", "positive": "...", "negatives": ["..."]} or {"query": "...", '
    '"passages": ["..."], "labels": [1]} a line.'
)
_UNLABELLED = '{"query": "...", "passages": ["...", "..."]}'
_GRADES = "Write 1 for a passage that answers the query and 0 for another, or grades."


def read_rankings(path, *, with_labels=True, columns=None, id_column=None, **options):
    """Reads queries, their passages and, with labels, the grades of these.

    Args:
        path: JSON lines with `query` and either `positive` and `negatives` (texts or
            lists of texts) or `passages` and `labels`; or a table of pairs, such as a
            TSV of query, passage and grade, or `memory.Rows` of either kind. With labels,
            the rows of a table that have the same query become one record; without, each
            row is a record of one passage, so that predictions are as many as rows.
        with_labels: False for prediction: labels are not read.
        columns, id_column: as in `read_table`.
        options: others of `read_table`; lists have no columns to choose.

    Returns:
        A Table, whose `columns` are empty if the file holds lists.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the line.
    """
    if not _holds_lists(path):
        named = {} if id_column is None else {"id_column": id_column}
        table = read_table(
            path, with_labels=with_labels, columns=columns, **named, **options
        )
        faults = Faults(table.path, table.unit, options.get("bad_rows", "error"))
        return _make_lists(table, with_labels, faults)
    encoding, bad_rows = options.pop("encoding", None), options.pop("bad_rows", "error")
    parsing.refuse_columns(path, options)
    if isinstance(path, Rows):
        faults = Faults(path, "row", bad_rows, may_skip=with_labels)
        form, objects, lines = path.form, path.objects(), path.places
    else:
        form, faults = "JSON lines", Faults(path, bad_rows=bad_rows)
        text = files.read_text(path, encoding)
        objects, lines = parsing.parse_objects(text, faults, numbers=True)

    def read(where, fields):
        return _record(where, fields, with_labels) | read_id(where, fields, id_column)

    records, lines = faults.read(read, objects, lines)
    skipped = faults.settle(len(records))
    table = Table(str(path), records, lines, {}, form, faults.unit, skipped)
    return _describe(table)


def read_ranking_lines(lines, *, columns=None, id_column=None, source="standard input"):
    """Reads queries to predict for: JSON objects of lists, or "query TAB passage" a line."""
    lines = list(lines)
    first = lines[0] if lines else {}
    first = first.decode(errors="replace") if isinstance(first, bytes) else first
    if parsing.object_or_none(first) is None:
        columns = columns or {role: role for role in ("text", "text_pair")}
        table = read_texts(lines, columns=columns, id_column=id_column, source=source)
        return _make_lists(table, False, Faults(source, table.unit))
    records = [
        _record(where, fields, False) | read_id(where, fields, id_column)
        for where, fields in parsing.parse_object_lines(lines, source, _UNLABELLED)
    ]
    return Table(source, records, list(range(1, len(records) + 1)), {}, "JSON lines")


def check_lists(table):
    """Raises a ValueError if there is nothing to learn from whole lists of a `Table`."""
    grades = [record["labels"] for record in table.records]
    empty = [line for line, own in zip(table.lines, grades) if not any(own)]
    if empty:
        raise ValueError(
            f"{table.path}: ranking_loss=listwise needs a positive passage for every "
            f"query, but {len(empty):,} of {len(grades):,} have none; the first is on "
            f"{table.unit} {empty[0]}. Delete them, or pass ranking_loss=pairwise."
        )
    if all(len(set(own)) < 2 for own in grades):
        raise ValueError(
            f"{table.path}: no query has passages of different labels, so a list has "
            "nothing to learn from. Add negative passages to the positive ones."
        )


def _holds_lists(path):
    """Returns whether the first record of a file, or the columns of `Rows`, are lists."""
    if isinstance(path, Rows):
        return bool(_LISTS & set(path.names or ()))
    try:
        with open(path, "rb") as file:
            first = next(filter(bytes.strip, file), b"")
    except OSError:
        return False  # The reader of tables says what is wrong.
    fields = parsing.object_or_none(first.decode("utf-8-sig", "replace"))
    return bool(fields) and bool(_LISTS & fields.keys())


def _record(where, fields, with_labels):
    name = find_field(fields, _QUERIES)
    if name is None:
        problem = f"no query; the object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    record = {"text": _read_query(where, fields[name])}
    passages, labels = _read_passages(where, fields)
    if not isinstance(passages, list) or not passages:
        problem = f"a query needs a list of passages; received {quote_json(passages)}"
        raise Fault(where, problem, _FORM)
    for number, passage in enumerate(passages):
        if type(passage) is not str or (with_labels and not passage.strip()):
            problem = f"passage {number} must be a text; received {quote_json(passage)}"
            raise Fault(where, problem, _FORM)
        refuse_half_characters(where, passage)
    record["passages"] = passages
    if not with_labels:
        return record
    if not isinstance(labels, list) or len(labels) != len(passages):
        problem = f"{count(len(passages), 'passage')} need a list of as many labels; "
        raise Fault(where, f"{problem}received {quote_json(labels)}", _FORM)
    record["labels"] = [_read_grade(where, label) for label in labels]
    if not any(record["labels"]):
        problem = "no passage has a label above 0, so none is the one to rank first"
        raise Fault(where, problem, "Add a positive passage, or delete the query.")
    return record


def _read_query(where, query):
    if type(query) is not str or not query.strip():
        problem = f"the query must be a text; received {quote_json(query)}"
        raise Fault(where, problem, "Fill it in, or delete it.")
    refuse_half_characters(where, query)
    return query


def _read_passages(where, fields):
    """Returns the passages and the labels of an object, not yet checked."""
    if "passages" in fields:
        name = find_field(fields, ("labels", "label"))
        return fields["passages"], fields[name] if name else None
    if single := find_field(fields, _SINGLE):
        return [fields[single]], None
    sides = [find_field(fields, names) for names in (_POSITIVES, _NEGATIVES)]
    if sides == [None, None]:
        problem = f"no passages; the object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    texts = [fields[name] if name else [] for name in sides]
    texts = [[x] if isinstance(x, str) else x for x in texts]
    for name, side in zip(sides, texts):
        if not isinstance(side, list):
            problem = f"{name} must be a text or a list; received {quote_json(side)}"
            raise Fault(where, problem, _FORM)
    positives, negatives = texts
    return positives + negatives, [1] * len(positives) + [0] * len(negatives)


def _read_grade(where, label):
    number = None
    if isinstance(label, str | int | float) and not isinstance(label, bool):
        try:
            number = float(label)
        except (ValueError, OverflowError):
            pass
    if number is None or not 0 <= number <= MOST_GRADE:
        problem = f"a label must be a number from 0 to {MOST_GRADE}; received "
        raise Fault(where, problem + quote_json(label), _GRADES)
    return number


def _make_lists(table, with_labels, faults):
    """Returns the Table of lists of a Table of pairs.

    Raises:
        ValueError: single texts; a grade that is no number; no passage is positive.
    """
    if table.records and "text_pair" not in table.records[0]:
        raise ValueError(
            f"{table.path}: reranking reads pairs of a query and a passage, but each "
            "record has a single text; name the passage's column with text_pair_column."
        )

    def read(where, record):
        text = _read_query(where, record["text"])
        own = {"text": text, "passages": [record["text_pair"]]}
        own |= {"id": record["id"]} if "id" in record else {}
        if with_labels:
            own["labels"] = [_read_grade(where, record["label"])]
        return own

    records, lines = faults.read(read, table.records, table.lines)
    skipped = table.skipped + faults.settle(len(records))
    table = dataclasses.replace(table, records=records, lines=lines, skipped=skipped)
    return _join_queries(table) if with_labels else table


def _join_queries(table):
    """Joins the records of each query, at the place of the first."""
    joined, lines = {}, {}
    for record, line in zip(table.records, table.lines):
        text = record["text"]
        lines.setdefault(text, line)
        own = joined.setdefault(text, {"text": text, "passages": [], "labels": []})
        for name in ("passages", "labels"):
            own[name] += record[name]
    if not any(any(record["labels"]) for record in joined.values()):
        raise ValueError(
            f"{table.path}: no row has a label above 0, so there is nothing to rank "
            f"first. {_GRADES}"
        )
    records, lines = list(joined.values()), list(lines.values())
    return _describe(dataclasses.replace(table, records=records, lines=lines))


def _describe(table):
    """Completes the description with the numbers of queries and passages."""
    passages = sum(len(record["passages"]) for record in table.records)
    begin = f"{table.path}: "
    form = table.description.removeprefix(begin)
    form += f"; {len(table.records):,} queries of {count(passages, 'passage')}"
    empty = sum(not any(record.get("labels", [1])) for record in table.records)
    if empty:
        form += f", of which {empty:,} have no positive one and are not scored"
    if table.skipped and not table.columns:
        form += f"; {count(table.skipped, 'bad row')} skipped"
    return dataclasses.replace(table, description=begin + form)
