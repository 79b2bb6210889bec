"""Reads questions with choices from files of SWAG, CODAH and ARC, and from JSON lines.

A record has `text`; `choices`, of which all records have the same number; and, with
labels, `label`, the index of the right choice. The model reads the text and each choice
as a pair.
"""

import dataclasses
import logging
import pathlib

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
from bert_tf.data.records.sheets import as_text
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote_all

_log = logging.getLogger(__name__)
_QUESTIONS = ("question", "text", "context", "prompt", "sent1")
_ANSWERS = ("label", "answer", "answerKey", "answer_key")
_FORM = 'Write {"question": "...", "choices": ["...", "..."], "label": 0} a line.'


def read_choices(
    path,
    *,
    with_labels=True,
    delimiter=None,
    encoding=None,
    bad_rows="error",
    columns=None,
    id_column=None,
    **named,
):
    """Reads a file of questions, their choices and, with labels, the right choice.

    Args:
        path: SWAG's CSV (with header), CODAH's TSV (a letter, the prompt, four endings,
            0 to 3), ARC's CSV (the question, the choices, a letter or a number from 1),
            or JSON lines with `question` and `choices`, or with SWAG's names.
        with_labels: False for prediction: labels are not read.
        delimiter, encoding, bad_rows: as in `read_table`.
        columns: ignored, because the files have a fixed form.
        id_column: as in `read_table`.
        named: columns named by the user, as in `read_table`; any of them is an error.

    Returns:
        A Table. Questions whose answer is none of their choices, or whose choices are all
        equal, are left out, and the log says how many.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the line.
    """
    parsing.refuse_columns(path, named)
    if isinstance(path, Rows):
        faults = Faults(path, "row", bad_rows, may_skip=with_labels)
        objects, lines = path.objects(), path.places
        return _read_objects(path.form, objects, lines, with_labels, id_column, faults)
    text, suffix = files.read_text(path, encoding), pathlib.Path(path).suffix.lower()
    mark, faults = read_delimiter(delimiter), Faults(path, bad_rows=bad_rows)
    first = next(filter(str.strip, files.split_lines(text)))
    if not mark and (suffix in (".jsonl", ".json") or parsing.object_or_none(first)):
        objects, lines = parsing.parse_objects(text, faults)
        form = "JSON lines"
    else:
        mark = mark or ("\t" if suffix == ".tsv" or "\t" in first else ",")
        form, objects, lines = _read_rows(path, text, mark, faults)
    return _read_objects(form, objects, lines, with_labels, id_column, faults)


def read_choice_lines(lines, *, columns=None, id_column=None, source="standard input"):
    """Reads questions to predict: lines of JSON objects with `question` and `choices`."""
    form = '{"question": "...", "choices": ["...", "..."]}'
    objects = parsing.parse_object_lines(lines, source, form)
    records = [
        _record(where, fields, False) | read_id(where, fields, id_column)
        for where, fields in objects
    ]
    numbers = list(range(1, len(records) + 1))
    return _complete(Table(source, records, numbers, {}, "JSON lines"), Faults(source))


def _read_objects(form, objects, lines, with_labels, id_column, faults):
    """Returns the Table of dicts, which stand on `lines`."""
    path = faults.path

    def read(where, fields):
        return _record(where, fields, with_labels) | read_id(where, fields, id_column)

    records, lines = faults.read(read, objects, lines)
    if with_labels and records:
        records, lines = _drop_unanswered(path, records, lines, faults.unit)
    table = Table(str(path), records, lines, {}, form, faults.unit)
    return _complete(table, faults)


def _read_rows(path, text, mark, faults):
    """Returns (description of the form, dicts, lines) of a table."""
    rows, lines, _ = parsing.split_rows(path, text, mark, faults)
    if not rows:
        faults.settle(0)
    header = [name.strip() for name in rows[0]]
    if {"ending0", "label"} <= set(header):
        rows, lines = parsing.drop_torn_rows(rows, lines, mark, True, faults)
        return "SWAG's layout", [dict(zip(header, row)) for row in rows[1:]], lines[1:]
    rows, lines = parsing.drop_torn_rows(rows, lines, mark, False, faults)
    header = rows[0]
    if len(header) < 4:
        raise ValueError(
            f"{path}: {count(len(header), 'column')} ({quote_all(header)}) cannot hold "
            f"a question, two choices and an answer. {_FORM}"
        )
    codah = mark == "\t" and all(len(row[0]) < 2 for row in rows)
    first = 1 if codah else 0
    form = "CODAH's layout" if codah else "ARC's layout"
    return (
        f"{form}: no header, {'a category, ' if codah else ''}question, choices, answer",
        [
            {
                "question": row[first],
                "choices": row[first + 1 : -1],
                # CODAH counts from 0, ARC from 1.
                "label" if codah else "answerKey": row[-1],
            }
            for row in rows
        ],
        lines,
    )


def _record(where, fields, with_labels):
    endings = sorted(
        (name for name in fields if name[:6] == "ending" and name[6:].isdecimal()),
        key=lambda name: int(name[6:]),
    )
    question = find_field(fields, _QUESTIONS)
    choices, names = fields.get("choices"), None
    if isinstance(choices, dict):  # Hugging Face's ARC: {"text": […], "label": […]}.
        names, choices = choices.get("label"), choices.get("text")
    if endings:
        lead = f"{fields['sent2']} " if fields.get("sent2") else ""
        choices = [f"{lead}{fields[name]}" for name in endings]
    if question is None or not isinstance(choices, list):
        problem = f"no question and choices; the object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    choices = [fields[question], *choices]
    for text in choices:
        if type(text) is not str:
            problem = "a question or choice must be a string; received "
            raise Fault(where, problem + quote_json(text), _FORM)
        refuse_half_characters(where, text)
    record = {"text": choices[0], "choices": choices[1:]}
    if len(record["choices"]) < 2:
        raise Fault(where, "fewer than two choices", _FORM)
    if not with_labels:
        return record
    if len(set(record["choices"])) < 2:  # Real files have such rows.
        return record | {"label": None}
    name = find_field(fields, _ANSWERS)
    if name is None:
        problem = f"which choice is right? The object has {quote_all(fields)}"
        raise Fault(where, problem, _FORM)
    label = _find_answer(as_text(fields[name]).strip(), names, name, record["choices"])
    return record | {"label": label}


def _find_answer(answer, names, field, choices):
    """Returns the index of the right choice by its name, text, letter or number, or None."""
    if names and answer in names:
        return names.index(answer)
    if answer in choices:
        return choices.index(answer)
    if answer.isdecimal():
        number = int(answer) - (field in _ANSWERS[2:])  # ARC counts from 1.
    elif len(answer) == 1 and answer.isascii() and answer.isalpha():
        number = ord(answer.upper()) - ord("A")
    else:
        return None
    return number if 0 <= number < len(choices) else None


def _drop_unanswered(path, records, lines, unit):
    """Returns the records that have a label, and their lines; logs the others."""
    kept = [n for n, record in enumerate(records) if record["label"] is not None]
    dropped = [line for line, record in zip(lines, records) if record["label"] is None]
    if not kept:
        raise ValueError(
            f"{path}: no answer is one of its choices. An answer is a number from 0, a "
            f"letter from A, or the text of a choice. {_FORM}"
        )
    if dropped:
        _log.warning(
            "%s: left out %s whose answer is none of the choices, or whose choices are all "
            "equal; the first is %s %s.",
            path,
            count(len(dropped), "question"),
            unit,
            dropped[0],
        )
    return [records[n] for n in kept], [lines[n] for n in kept]


def _complete(table, faults):
    """Checks that all questions have as many choices, and completes the description."""
    if not table.records:
        faults.settle(0)
    width = len(table.records[0]["choices"])
    for record, line in zip(table.records, table.lines):
        if len(record["choices"]) != width:
            problem = f"{count(len(record['choices']), 'choice')} where the first "
            advice = "Give all questions as many choices."
            faults.add(line, f"{problem}question has {width}", advice)
    records, lines = faults.drop(table.records, table.lines)
    skipped = faults.settle(len(records))
    size = count(len(records), "question")
    description = f"{table.path}: {table.description}; {size} of {width} choices"
    if skipped:
        description += f", {count(skipped, 'bad row')} skipped"
    return dataclasses.replace(
        table, records=records, lines=lines, description=description, skipped=skipped
    )
