"""The records of one file as a Table, checked and described."""

import dataclasses

from bert_tf.data.records import many_labels as several
from bert_tf.data.records.columns import flatten
from bert_tf.ground import count, quote


@dataclasses.dataclass(frozen=True)
class Table:
    """The records of one file, and where the file holds them.

    Attributes:
        path: path of the file, as the caller gave it.
        records: dicts with the keys `text`, perhaps `text_pair`, perhaps `label`. The
            readers of other tasks document their own keys.
        lines: the line on which each record begins, counted from 1.
        columns: the column of each key: its name, or its position from 0 if the file has
            no header; a tuple if each label has its own column. If a cell can hold
            several labels, `label_separator` is the character between them. Pass it to
            `read_table(..., columns=...)` to read another file in the same way.
        description: one line that tells a person what was detected.
        unit: what `lines` counts.
    """

    path: str
    records: list[dict]
    lines: list[int]
    columns: dict
    description: str
    unit: str = "line"

    def where(self, number):
        """Returns the place of record `number`, counted from 0, for an error message."""
        return f"{self.path}, {self.unit} {self.lines[number]}"


def complete(
    table, *, with_labels=True, many_labels=False, separator=None, no_label=None
):
    """Checks a Table whose records were just read, and completes its description.

    Args:
        table: Table whose description names the format only.
        with_labels, many_labels: as in `read_table`.
        separator: character between labels; None detects it.
        no_label: rows with this label have no label and are skipped.
    """
    skipped = ""
    if with_labels and no_label is not None:
        table, number = _drop_unlabelled(table, no_label)
        if number:
            skipped = f"; {count(number, 'row')} without a label skipped"
    shown = {role: _show(table, role) for role in table.columns}
    if with_labels:
        # A text of a multi-label task may have no label.
        required = {r: c for r, c in shown.items() if r != "label" or not many_labels}
        _refuse_empty(table, required)
    columns = ", ".join(f"{role} = {column}" for role, column in shown.items())
    size = count(len(table.records), "row")
    if with_labels and many_labels:
        table, form = several.split(table, separator)
        columns = f"{columns} ({form})"
    description = f"{table.path}: {table.description}; {columns}; {size}{skipped}"
    return dataclasses.replace(table, description=description)


def _show(table, role):
    """Returns the column of a role: its name, or its position and first value."""
    columns = flatten([table.columns[role]])
    if isinstance(columns[0], str):
        return ", ".join(map(repr, columns))
    example = flatten([table.records[0][role]])[0]
    return f"column {', '.join(map(str, columns))} ({quote(example, 20)})"


def _drop_unlabelled(table, no_label):
    """Drops rows without a label, and returns the Table and the number of these rows.

    SNLI and MNLI have rows on whose label the annotators did not agree.
    """
    kept = [
        (record, line)
        for record, line in zip(table.records, table.lines)
        if record["label"] != no_label
    ]
    if not kept:
        raise ValueError(
            f"{table.path}: no row has a label ({_show(table, 'label')} is always "
            f"{no_label!r}). Give another file, or another label_column."
        )
    number = len(table.records) - len(kept)
    records, lines = map(list, zip(*kept))
    return dataclasses.replace(table, records=records, lines=lines), number


def _refuse_empty(table, columns):
    """Raises ValueError if a cell of {role: column} is empty."""
    for role, column in columns.items():
        texts = (record[role] for record in table.records)
        empty = next((n for n, text in enumerate(texts) if not text.strip()), None)
        if empty is not None:
            raise ValueError(
                f"{table.where(empty)}: the {role} ({column}) is empty. "
                "Fill it in, or delete the row."
            )
