"""Reads texts to predict, one a line: plain text, pairs with a TAB, or JSON objects."""

from bert_tf.data.records import files, parsing
from bert_tf.data.records.columns import ROLES, make_request
from bert_tf.data.records.objects import (
    choose_fields,
    read_object,
    refuse_half_characters,
)
from bert_tf.data.records.tables import Table
from bert_tf.ground import count, quote


def read_texts(
    lines, *, columns=None, id_column=None, targets=False, source="standard input"
):
    """Reads texts to predict, one a line.

    A line that is a JSON object is read by its fields. Any other line is a text or, if
    the training file had pairs, a text, a TAB and its pair. An empty line is an empty
    text, so that there is one prediction for each line.

    Args:
        lines: strings, UTF-8 bytes as from `sys.stdin.buffer`, or dicts of fields.
        columns: `Table.columns` of the training file.
        id_column: field of the objects whose values become `id` of the records; None
            for none.
        targets: True if the texts are to be translated; they are no pairs then.
        source: name of the lines in error messages.

    Returns:
        A Table without labels.

    Raises:
        ValueError: there are no lines; a line is not UTF-8, has a pair without a TAB or
            lacks a field; or only some lines are pairs.
    """
    request = make_request(
        with_labels=False, columns=columns, id_column=id_column, targets=targets
    )
    records = []
    for number, line in enumerate(lines, 1):
        where = f"{source}, line {number}"
        if isinstance(line, bytes):
            line = files.decode(line, source, number)
        fields = parsing.object_or_none(line)
        if fields or isinstance(line, dict):
            chosen = choose_fields(where, fields, request)
            records.append(read_object(where, fields, chosen))
            continue
        if id_column:
            raise ValueError(
                f"{where}: plain text has no column {id_column!r}; received "
                f"{quote(line)}. Write JSON objects, or drop id_column."
            )
        line = line.removesuffix("\n").removesuffix("\r")
        parts = line.split("\t") if request.pairs else [line]
        if len(parts) != (2 if request.pairs else 1):
            raise ValueError(
                f"{where}: the model reads pairs; received "
                f"{count(len(parts) - 1, 'TAB')} in {quote(line)}. Write a text, one TAB "
                "and the other text."
            )
        refuse_half_characters(where, line)
        records.append(dict(zip(ROLES, parts)))
    if not records:
        raise ValueError(f"{source}: nothing to read. Give at least one line of text.")
    for number, record in enumerate(records, 1):
        if record.keys() != records[0].keys():
            raise ValueError(
                f"{source}, line {number}: {' and '.join(record)}, where line 1 has "
                f"{' and '.join(records[0])}. Give every line the same fields."
            )
    chosen = {role: role for role in records[0]}
    numbers = list(range(1, len(records) + 1))
    description = f"{source}: {count(len(records), 'line')}"
    return Table(source, records, numbers, chosen, description)
