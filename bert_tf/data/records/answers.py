"""Reads questions on contexts whose answers are generated: any text is an answer.

A record has `id`, `text` (the question), `text_pair` (the context), perhaps the `title`
of the context's article, and, with labels, `target`, the first answer, and `answers`, the
texts of all of them. A question without an answer has the target "" and no answers.
"""

import dataclasses

from bert_tf.data.records import parsing, squad

_NAMES = {"question": "text", "context": "text_pair"}


def read_answers(
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
        path: SQuAD's JSON; JSON lines with `question`, `context` and `answer` or
            `answers`, which are strings or objects with `text`; or `memory.Rows`. An
            answer need not occur in its context.
        with_labels, encoding, bad_rows, columns, id_column, named: as of
            `squad.read_questions`.

    Returns:
        A Table; its description counts the questions without an answer.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else is wrong; the message names the file and the place.
    """
    parsing.refuse_columns(path, named)
    table = squad.read_objects(
        path,
        with_labels=with_labels,
        encoding=encoding,
        bad_rows=bad_rows,
        id_column=id_column,
    )
    return _with_targets(squad.describe(table, with_labels))


def read_answer_lines(lines, **options):
    """Reads questions to predict: lines of JSON objects with `question` and `context`."""
    return _with_targets(squad.read_question_lines(lines, **options))


def _with_targets(table):
    """Returns a Table of questions whose records have the fields of this module."""

    def convert(record):
        fields = {_NAMES.get(name, name): value for name, value in record.items()}
        if "answers" in record:
            fields["answers"] = [answer["text"] for answer in record["answers"]]
            fields["target"] = next(iter(fields["answers"]), "")
        return fields

    return dataclasses.replace(table, records=list(map(convert, table.records)))
