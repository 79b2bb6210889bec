"""The records of one file as a Table, checked and described."""

import collections
import dataclasses
import itertools

from bert_tf.data.records import many_labels as several
from bert_tf.data.records.columns import flatten
from bert_tf.data.records.labels import (
    has_line_end,
    parse_number,
    strip_all,
    warn_of_twins,
)
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
        skipped: number of bad rows that were left out.
    """

    path: str
    records: list[dict]
    lines: list[int]
    columns: dict
    description: str
    unit: str = "line"
    skipped: int = 0

    def where(self, number):
        """Returns the place of record `number`, counted from 0, for an error message."""
        return f"{self.path}, {self.unit} {self.lines[number]}"


def complete(table, request, faults, no_label=None):
    """Checks a Table whose records were just read, and completes its description.

    Args:
        table: Table whose description names the format only.
        request: `columns.Request`.
        faults: `faults.Faults` of the file; may hold bad rows already.
        no_label: rows with this label have no label and are skipped.

    Raises:
        ValueError: there are bad rows, and they are not to be skipped.
    """
    if request.targets and request.with_labels:
        return complete_targets(table, faults)
    skipped = ""
    with_labels = request.with_labels
    if with_labels and table.records:
        table = _strip_labels(table)
        if no_label is not None:
            table, number = _drop_unlabelled(table, no_label)
            if number:
                skipped = f"; {count(number, 'row')} without a label skipped"
    shown = {role: _show(table, role) for role in table.columns}
    form = ""
    if with_labels:
        # A text of a multi-label task may have no label.
        several_labels = request.many_labels
        required = {
            r: c for r, c in shown.items() if r != "label" or not several_labels
        }
        _find_empty(table, required, faults)
        table = _without_faults(table, faults)
        if several_labels and table.records:
            table, form = several.split(table, request.label_separator, faults)
            form = f" ({form})"
        _find_line_ends(table, faults)
        if request.number_labels:
            labels = [record["label"] for record in table.records]
            faults.read(parse_number, labels, table.lines)
        table = _without_faults(table, faults)
    left_out = faults.settle(len(table.records))
    if left_out:
        skipped += f"; {count(left_out, 'bad row')} skipped"
    if with_labels:
        warn_of_twins(table.path, _count_labels(table))
    columns = ", ".join(f"{role} = {column}" for role, column in shown.items())
    size = count(len(table.records), "row")
    description = f"{table.path}: {table.description}; {columns}{form}; {size}{skipped}"
    return dataclasses.replace(table, description=description, skipped=left_out)


def complete_targets(table, faults):
    """Renames labels to targets, leaves out rows with an empty side, completes the Table.

    Args:
        table: Table whose records have `text` and `label`, both strings.
        faults: `faults.Faults` of the file; may hold bad rows already.

    Raises:
        ValueError: there are bad rows, and they are not to be skipped; or no row has
            both sides.
    """
    table = _without_faults(table, faults)
    left_out = faults.settle(len(table.records))

    def rename(fields):
        return {{"label": "target"}.get(role, role): x for role, x in fields.items()}

    records = list(map(rename, table.records))
    whole = [
        number
        for number, record in enumerate(records)
        if record["text"].strip() and record["target"].strip()
    ]
    if not whole:
        raise ValueError(
            f"{table.path}: no row has both a source and a target. Fill in both, or give "
            "other columns."
        )
    table = dataclasses.replace(
        table,
        records=[records[number] for number in whole],
        lines=[table.lines[number] for number in whole],
        columns=rename(table.columns),
        skipped=left_out,
    )
    parts = [f"{table.path}: {table.description}"]
    if table.columns:
        shown = [f"{role} = {_show(table, role)}" for role in table.columns]
        parts.append(", ".join(shown))
    parts.append(count(len(whole), "row"))
    if len(whole) < len(records):
        empty = count(len(records) - len(whole), "row")
        parts.append(f"{empty} with an empty text or target left out")
    if left_out:
        parts.append(f"{count(left_out, 'bad row')} skipped")
    return dataclasses.replace(table, description="; ".join(parts))


def _without_faults(table, faults):
    """Returns a Table without the records of bad rows."""
    records, lines = faults.drop(table.records, table.lines)
    return dataclasses.replace(table, records=records, lines=lines)


def _strip_labels(table):
    """Removes blanks around labels; logs how many had some."""
    labels = [record.get("label") for record in table.records]
    stripped = strip_all(table.path, labels)
    if stripped is labels:
        return table
    records = [
        record | {"label": label} for record, label in zip(table.records, stripped)
    ]
    return dataclasses.replace(table, records=records)


def _count_labels(table):
    """Returns {label: number of records that have it}."""
    labels = [record.get("label", ()) for record in table.records]
    if labels and not isinstance(labels[0], str):
        labels = itertools.chain.from_iterable(labels)
    return collections.Counter(labels)


def _show(table, role):
    """Returns the column of a role: its name, or its position and first value."""
    columns = flatten([table.columns[role]])
    if isinstance(columns[0], str) or not table.records:
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


def _find_empty(table, columns, faults):
    """Remembers the rows in which a cell of {role: column} is empty."""
    for role, column in columns.items():
        for record, line in zip(table.records, table.lines):
            text = record[role]
            if not text or text.isspace():
                faults.add(
                    line,
                    f"the {role} ({column}) is empty",
                    "Fill it in, or delete the row.",
                )


def _find_line_ends(table, faults):
    """Remembers the rows with a label of several lines, which no list of labels can hold."""
    labels = set(filter(has_line_end, _count_labels(table)))
    if not labels:
        return
    for record, line in zip(table.records, table.lines):
        own = record["label"]
        for label in [own] if isinstance(own, str) else own:
            if label in labels:
                faults.add(
                    line,
                    f"the label {quote(label)} has several lines",
                    "Write it on one line.",
                )
