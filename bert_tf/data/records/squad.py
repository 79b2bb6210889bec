"""Questions on contexts: SQuAD's JSON (1.1, 2.0, CMRC) and JSON lines become records.

A record has `id`, `question`, `context`, perhaps the `title` of the article that the
context is of, and where they are wanted `answers`, a list of {"text", "start"}: the start
in characters of the context, None where the answer is not in it; an empty list where the
question has no answer.
"""

import dataclasses
import json
import logging
import pathlib

from bert_tf.data.records import files, parsing
from bert_tf.data.records.objects import refuse_half_characters
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote, quote_all

_log = logging.getLogger(__name__)
_FORM = (
    'Write {"question": "...", "context": "...", "answers": [{"text": "...", '
    '"answer_start": 0}]} a line, or a file of SQuAD.'
)


def read_questions(path, *, with_labels=True, columns=None, **asked):
    """Reads questions, their contexts and, where wanted, the answers.

    Args:
        path: SQuAD's JSON, or JSON lines with `question`, `context` and `answers`.
        with_labels: False for prediction: answers are not read.
        columns, asked: as in `read_table`; there are no columns to choose here.

    Returns:
        A Table. An answer that does not stand where the file says is looked for nearby;
        how many were moved, and how many are nowhere, is logged.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else that is wrong; names the file and the place.
    """
    parsing.refuse_asked_columns(path, asked)
    text = files.read_text(path)
    whole = pathlib.Path(path).suffix == ".json" or _is_squad(text)
    squad = _whole(path, text) if whole else None
    if squad is not None:
        questions, form, unit = list(_squad(path, squad)), "SQuAD's JSON", "question"
        places = list(range(1, len(questions) + 1))
    else:
        questions, places = parsing.parse_objects(path, text, numbers=True)
        form, unit = "JSON lines", "line"
    nested = squad is not None
    if not questions:
        raise ValueError(f"{path}: no questions. {_FORM}")
    records = [
        _record(f"{path}, {unit} {place}", question, str(number), with_labels, nested)
        for number, (place, question) in enumerate(zip(places, questions))
    ]
    table = Table(str(path), records, places, {}, form, unit)
    if with_labels:
        _tell_moved(table, [_locate(record) for record in records])
    return _described(table, with_labels)


def read_question_lines(lines, *, columns=None, source="standard input"):
    """Reads questions to answer: a JSON object with `question` and `context` a line."""
    form = '{"question": "...", "context": "..."}'
    found = parsing.parse_object_lines(lines, source, form)
    records = [
        _record(where, fields, str(number), False)
        for number, (where, fields) in enumerate(found)
    ]
    described = f"{source}: {count(len(records), 'question')}"
    return Table(source, records, list(range(1, len(records) + 1)), {}, described)


def _is_squad(text):
    return text.lstrip().startswith("{") and '"paragraphs"' in text[:100_000]


def _whole(path, text):
    """The object of a file that is one; None for a file of one object a line."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        if parsing.object_or_none(next(filter(str.strip, text.split("\n")))):
            return None
        cut = "the file ends in the midst of it, so it was cut short; fetch it anew"
        if error.pos < len(text.rstrip()) - 1 and "Unterminated" not in error.msg:
            cut = "mend it there"
        raise ValueError(
            f"{path}, line {error.lineno}: not JSON: {error.msg} (column {error.colno}); "
            f"{cut}."
        ) from None
    except RecursionError:
        raise ValueError(f"{path}: JSON nested too deep.") from None
    return found if isinstance(found, dict) and "data" in found else None


def _squad(path, found):
    """Yields the questions of SQuAD's nested form, with their contexts."""
    for article in _list(path, found, "data"):
        for paragraph in _list(path, article, "paragraphs"):
            for question in _list(path, paragraph, "qas"):
                if type(question) is not dict:
                    raise ValueError(f"{path}: a question that is no object. {_FORM}")
                of = {
                    "context": paragraph.get("context"),
                    "title": article.get("title"),
                }
                yield question | of


def _list(path, fields, name):
    values = fields.get(name) if isinstance(fields, dict) else None
    if type(values) is not list:
        raise ValueError(
            f"{path}: no list {name!r} where SQuAD's JSON has one. {_FORM}"
        )
    return values


def _record(where, fields, number, with_labels, nested=False):
    record = {"id": str(fields.get("id", number))}
    for name in ("question", "context"):
        value = fields.get(name)
        if type(value) is not str or not value.strip():
            raise ValueError(
                f"{where}: no {name}; the object has {quote_all(fields)}. {_FORM}"
            )
        refuse_half_characters(where, value)
        record[name] = value
    if type(fields.get("title")) is str:
        record["title"] = fields["title"]
    if not with_labels:
        return record
    return record | {"answers": _answers(where, fields, nested)}


def _answers(where, fields, nested):
    impossible = fields.get("is_impossible") in (True, "true")
    found = fields.get("answers", fields.get("answer"))
    if impossible:
        return []
    if isinstance(found, dict) and isinstance(found.get("text"), list):
        # As the data sets of Hugging Face have them.
        starts = found.get("answer_start") or [None] * len(found["text"])
        found = [{"text": t, "answer_start": s} for t, s in zip(found["text"], starts)]
    elif isinstance(found, dict | str):
        found = [found]
    if not isinstance(found, list) or not found and nested:
        raise ValueError(
            f"{where}: the question {quote(fields['question'])} has no answers. Give "
            'them, or mark it {"is_impossible": true}, as SQuAD 2.0 does.'
        )
    answers = []
    for answer in found:
        answer = {"text": answer} if isinstance(answer, str) else answer
        text = answer.get("text") if isinstance(answer, dict) else None
        start = answer.get("answer_start", answer.get("start")) if text else None
        if type(text) is not str or not text.strip():
            raise ValueError(
                f"{where}: an answer without text: "
                f"{quote(json.dumps(answer, ensure_ascii=False))}. {_FORM}"
            )
        refuse_half_characters(where, text)
        try:
            start = None if start is None else int(start)
        except (TypeError, ValueError):
            raise ValueError(
                f"{where}: answer_start must be a number; received {start!r}."
            ) from None
        answers.append({"text": text, "start": start})
    return answers


def _locate(record):
    """Puts answers where they stand; returns how many were moved and are nowhere."""
    moved = lost = 0
    for answer in record["answers"]:
        text, start, context = answer["text"], answer["start"], record["context"]
        if start is not None and context.startswith(text, max(start, 0)) and start >= 0:
            continue
        told = start is not None
        near = start or 0
        places = [
            context.find(text, max(near, 0)),
            context.rfind(text, 0, max(near, 0)),
        ]
        places = [place for place in places if place >= 0]
        answer["start"] = min(places, key=lambda p: abs(p - near)) if places else None
        moved += bool(places) and told
        lost += not places
    return moved, lost


def _tell_moved(table, counts):
    moved, lost = (sum(column) for column in zip(*counts))
    if not moved + lost:
        return
    wrong = [n for n, found in enumerate(counts) if sum(found)]
    shown = ", ".join(table.records[n]["id"] for n in wrong[:5])
    _log.warning(
        "%s: %s not where the file says; %d found elsewhere in the context, %d are "
        "nowhere in it and not learnt from. Of the questions %s%s.",
        table.path,
        count(moved + lost, "answer") + (" is" if moved + lost == 1 else " are"),
        moved,
        lost,
        shown,
        f" and {len(wrong) - 5} more" if len(wrong) > 5 else "",
    )


def _described(table, with_labels):
    contexts = len({record["context"] for record in table.records})
    said = (
        f"{table.path}: {table.description}; {count(len(table.records), 'question')} "
    )
    said += f"on {count(contexts, 'context')}"
    if with_labels:
        without = sum(not record["answers"] for record in table.records)
        said += f", {without:,} without an answer" if without else ""
    return dataclasses.replace(table, description=said)
