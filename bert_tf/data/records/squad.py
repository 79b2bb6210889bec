"""Reads questions on contexts from SQuAD's JSON (1.1, 2.0, CMRC) and from JSON lines.

A record has `id`, `question`, `context`, perhaps the `title` of the context's article,
and, with labels, `answers`: a list of {"text", "start"}, where start counts characters of
the context and is None if the context does not contain the answer. The list is empty if
the question has no answer.
"""

import dataclasses
import json
import logging
import pathlib

from bert_tf.data.records import files, parsing
from bert_tf.data.records.faults import Fault, Faults
from bert_tf.data.records.memory import Rows
from bert_tf.data.records.objects import (
    quote_json,
    read_id,
    refuse_half_characters,
)
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote, quote_all

_log = logging.getLogger(__name__)
_FORM = (
    'Write {"question": "...", "context": "...", "answers": [{"text": "...", '
    '"answer_start": 0}]} a line, or a file of SQuAD.'
)


def read_questions(
    path,
    *,
    with_labels=True,
    encoding=None,
    bad_rows="error",
    columns=None,
    id_column=None,
    **named,
):
    """Reads a file of questions, their contexts and, with labels, the answers.

    Args:
        path: SQuAD's JSON, or JSON lines with `question`, `context` and `answers`.
        with_labels: False for prediction: answers are not read.
        encoding, bad_rows: as in `read_table`.
        columns: ignored, because the files have a fixed form.
        id_column: field of the questions with their `id`; None takes "id" if there is
            such a field, or else counts.
        named: columns named by the user, as in `read_table`; any of them is an error.

    Returns:
        A Table. If an answer does not stand where the file says, the nearest occurrence
        in the context is used. The log says how many answers were moved or not found.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the place.
    """
    parsing.refuse_columns(path, named)
    table = read_objects(
        path,
        with_labels=with_labels,
        encoding=encoding,
        bad_rows=bad_rows,
        id_column=id_column,
    )
    if with_labels:
        _log_moved(table, [_locate(record) for record in table.records])
    return describe(table, with_labels)


def read_objects(path, *, with_labels, encoding, bad_rows, id_column):
    """Returns the Table of the questions of a file, or of `Rows`, not yet described."""
    nested = False
    if isinstance(path, Rows):
        form = path.form
        faults = Faults(path, "row", bad_rows, may_skip=with_labels)
        questions, places = path.objects(), path.places
    else:
        text = files.read_text(path, encoding)
        whole = pathlib.Path(path).suffix == ".json" or _is_squad(text)
        squad = _parse_whole(path, text) if whole else None
        nested = squad is not None
        form, unit = ("SQuAD's JSON", "question") if nested else ("JSON lines", "line")
        faults = Faults(path, unit, bad_rows)
        if nested:
            questions = list(_list_questions(path, squad))
            places = list(range(1, len(questions) + 1))
        else:
            questions, places = parsing.parse_objects(text, faults, numbers=True)
        if not questions:
            raise ValueError(f"{path}: no questions. {_FORM}")

    def read(where, numbered):
        number, question = numbered
        record = _record(where, question, str(number), with_labels, nested)
        return record | read_id(where, question, id_column)

    records, places = faults.read(read, enumerate(questions), places)
    skipped = faults.settle(len(records))
    return Table(str(faults.path), records, places, {}, form, faults.unit, skipped)


def read_question_lines(
    lines, *, columns=None, id_column=None, source="standard input"
):
    """Reads questions to predict: lines of JSON objects with `question` and `context`."""
    form = '{"question": "...", "context": "..."}'
    objects = parsing.parse_object_lines(lines, source, form)
    records = [
        _record(where, fields, str(number), False) | read_id(where, fields, id_column)
        for number, (where, fields) in enumerate(objects)
    ]
    description = f"{source}: {count(len(records), 'question')}"
    return Table(source, records, list(range(1, len(records) + 1)), {}, description)


def _is_squad(text):
    return text.lstrip().startswith("{") and '"paragraphs"' in text[:100_000]


def _parse_whole(path, text):
    """Returns the object of a JSON file, or None for a file of JSON lines."""
    try:
        # Numbers may have any number of digits.
        squad = json.loads(text, parse_int=_read_integer)
    except json.JSONDecodeError as error:
        if parsing.object_or_none(next(filter(str.strip, text.split("\n")))):
            return None
        advice = "The file ends inside an object, so it is cut short; copy it again"
        if error.pos < len(text.rstrip()) - 1 and "Unterminated" not in error.msg:
            advice = "Correct it there"
        raise ValueError(
            f"{path}, line {error.lineno}: not JSON: {error.msg} (column {error.colno}). "
            f"{advice}."
        ) from None
    except RecursionError:
        raise ValueError(f"{path}: JSON that is nested too deep. {_FORM}") from None
    return squad if isinstance(squad, dict) and "data" in squad else None


def _list_questions(path, squad):
    """Yields the questions of SQuAD's nested JSON, with their contexts and titles."""
    for article in _get_list(path, squad, "data"):
        for paragraph in _get_list(path, article, "paragraphs"):
            for question in _get_list(path, paragraph, "qas"):
                if type(question) is not dict:
                    raise ValueError(
                        f"{path}: a question is not an object; received "
                        f"{quote_json(question)}. {_FORM}"
                    )
                yield question | {
                    "context": paragraph.get("context"),
                    "title": article.get("title"),
                }


def _get_list(path, fields, name):
    values = fields.get(name) if isinstance(fields, dict) else None
    if type(values) is not list:
        received = quote_json(fields if values is None else values)
        raise ValueError(
            f"{path}: no list {name!r} where SQuAD's JSON has one; received {received}. "
            f"{_FORM}"
        )
    return values


def _read_integer(digits):
    """Returns an integer, or its digits if there are too many for Python."""
    return int(digits) if len(digits) < 100 else digits


def _record(where, fields, number, with_labels, nested=False):
    record = {"id": str(fields.get("id", number))}
    refuse_half_characters(where, record["id"])
    for name in ("question", "context"):
        value = fields.get(name)
        if type(value) is not str or not value.strip():
            received = f"; received {quote_json(value)}" if name in fields else ""
            problem = f"no {name}; the object has {quote_all(fields)}{received}"
            raise Fault(where, problem, _FORM)
        refuse_half_characters(where, value)
        record[name] = value
    if type(fields.get("title")) is str:
        refuse_half_characters(where, fields["title"])
        record["title"] = fields["title"]
    if not with_labels:
        return record
    return record | {"answers": _read_answers(where, fields, nested)}


def _read_answers(where, fields, nested):
    """Returns a list of {"text", "start"} from any form of answers."""
    impossible = fields.get("is_impossible") in (True, "true")
    values = fields.get("answers", fields.get("answer"))
    if impossible:
        return []
    if isinstance(values, dict) and isinstance(values.get("text"), list):
        # The form of Hugging Face's data sets.
        texts = values["text"]
        starts = values.get("answer_start") or [None] * len(texts)
        if not isinstance(starts, list) or len(starts) != len(texts):
            problem = f"{count(len(texts), 'answer')} and other numbers of answer_start"
            raise Fault(where, f"{problem}; received {quote_json(starts)}", _FORM)
        values = [{"text": t, "answer_start": s} for t, s in zip(texts, starts)]
    elif isinstance(values, dict | str):
        values = [values]
    if not isinstance(values, list) or not values and nested:
        raise Fault(
            where,
            f"the question {quote(fields['question'])} has no answers",
            'Give them, or mark it {"is_impossible": true}, as SQuAD 2.0 does.',
        )
    answers = []
    for answer in values:
        answer = {"text": answer} if isinstance(answer, str) else answer
        text = answer.get("text") if isinstance(answer, dict) else None
        start = answer.get("answer_start", answer.get("start")) if text else None
        if type(text) is not str or not text.strip():
            problem = f"an answer without text; received {quote_json(answer)}"
            raise Fault(where, problem, _FORM)
        refuse_half_characters(where, text)
        try:
            start = None if start is None else int(start)
        except (TypeError, ValueError, OverflowError):
            problem = f"answer_start must be a number; received {quote_json(start)}"
            advice = "Count the characters of the context from 0."
            raise Fault(where, problem, advice) from None
        answers.append({"text": text, "start": start})
    return answers


def _locate(record):
    """Corrects the starts of answers; returns how many were moved and how many missing."""
    moved = missing = 0
    for answer in record["answers"]:
        text, start, context = answer["text"], answer["start"], record["context"]
        if start is not None and context.startswith(text, max(start, 0)) and start >= 0:
            continue
        has_start = start is not None
        near = start or 0
        places = [
            context.find(text, max(near, 0)),
            context.rfind(text, 0, max(near, 0)),
        ]
        places = [place for place in places if place >= 0]
        answer["start"] = min(places, key=lambda p: abs(p - near)) if places else None
        moved += bool(places) and has_start
        missing += not places
    return moved, missing


def _log_moved(table, counts):
    """Logs how many answers `_locate` moved or did not find, and names questions."""
    moved, missing = (sum(column) for column in zip(*counts))
    wrong = moved + missing
    if not wrong:
        return
    questions = [n for n, own in enumerate(counts) if sum(own)]
    _log.warning(
        "%s: %s not where the file says: %d found elsewhere in the context, %d not in the "
        "context and not used for training. The questions are %s%s.",
        table.path,
        count(wrong, "answer") + (" is" if wrong == 1 else " are"),
        moved,
        missing,
        ", ".join(table.records[n]["id"] for n in questions[:5]),
        f" and {len(questions) - 5} more" if len(questions) > 5 else "",
    )


def describe(table, with_labels):
    """Returns a Table of questions with its description."""
    contexts = len({record["context"] for record in table.records})
    size = count(len(table.records), "question")
    description = f"{table.path}: {table.description}; {size}"
    description += f" on {count(contexts, 'context')}"
    if table.skipped:
        description += f", {count(table.skipped, 'bad row')} skipped"
    if with_labels:
        without = sum(not record["answers"] for record in table.records)
        description += f", {without:,} without an answer" if without else ""
    return dataclasses.replace(table, description=description)
