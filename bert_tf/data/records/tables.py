"""The records of a file, checked, counted and described."""

import dataclasses

from bert_tf.data.records import many_labels as several
from bert_tf.data.records.columns import flat
from bert_tf.ground import count, quote


@dataclasses.dataclass(frozen=True)
class Table:
    """The records of one file, and how they were found.

    Attributes:
        path: the file, as it was given.
        records: dicts with the keys `text`, perhaps `text_pair`, perhaps `label`.
        lines: the line on which each record begins, counted from 1.
        columns: the column behind each key: its name, or its position from 0 where
            the file has no header; several for labels that have a column each. Where
            a cell holds several labels, `label_separator` is what stands between.
            `read_table(..., columns=...)` takes it back.
        description: what was recognised, one line for a person.
        unit: what `lines` counts.
    """

    path: str
    records: list[dict]
    lines: list[int]
    columns: dict
    description: str
    unit: str = "line"

    def where(self, number):
        """Says in an error where the record of this number, from 0, stands."""
        return f"{self.path}, {self.unit} {self.lines[number]}"


def complete(
    table, *, with_labels=True, many_labels=False, separator=None, no_label=None
):
    """Checks and describes a Table whose records were just read.

    Args:
        table: a Table whose description is that of its format.
        with_labels, many_labels: as in `read_table`.
        separator: what stands between labels, None to find out.
        no_label: the value of a row that has no label and is skipped.
    """
    skipped = ""
    if with_labels and no_label is not None:
        table, number = _drop_unlabelled(table, no_label)
        if number:
            skipped = f"; {count(number, 'row')} without a label skipped"
    shown = {role: _show(table, role) for role in table.columns}
    if with_labels:
        # No label is a case of several.
        full = {r: c for r, c in shown.items() if r != "label" or not many_labels}
        _refuse_empty(table, full)
    found = ", ".join(f"{role} = {column}" for role, column in shown.items())
    size = count(len(table.records), "row")
    if with_labels and many_labels:
        table, how = several.split(table, separator)
        found = f"{found} ({how})"
    description = f"{table.path}: {table.description}; {found}; {size}{skipped}"
    return dataclasses.replace(table, description=description)


def _show(table, role):
    """The column behind a role: its name, or its position and what stands there."""
    columns = flat([table.columns[role]])
    if isinstance(columns[0], str):
        return ", ".join(map(repr, columns))
    example = flat([table.records[0][role]])[0]
    return f"column {', '.join(map(str, columns))} ({quote(example, 20)})"


def _drop_unlabelled(table, no_label):
    """SNLI and MNLI have rows on whose label the annotators did not agree."""
    kept = [
        (record, line)
        for record, line in zip(table.records, table.lines)
        if record["label"] != no_label
    ]
    if not kept:
        raise ValueError(
            f"{table.path}: all rows are without a label ({_show(table, 'label')} is "
            f"{no_label!r}). Give others, or another label_column."
        )
    number = len(table.records) - len(kept)
    records, lines = map(list, zip(*kept))
    return dataclasses.replace(table, records=records, lines=lines), number


def _refuse_empty(table, shown):
    for role, column in shown.items():
        texts = (record[role] for record in table.records)
        empty = next((n for n, text in enumerate(texts) if not text.strip()), None)
        if empty is not None:
            raise ValueError(
                f"{table.where(empty)}: the {role} ({column}) is empty. "
                "Write it, or delete the row."
            )
