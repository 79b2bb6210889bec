"""Training data against bias: copies of texts about other groups, and weights of groups.

Shapes: N records.
"""

import collections
import dataclasses
import itertools
import logging

import numpy as np

from bert_tf.data.records.swaps import read_swaps, swap_records
from bert_tf.ground import count
from bert_tf.tasks import TASKS, find_task
from bert_tf.training import journal

_log = logging.getLogger(__name__)

BUILT_IN = "builtin"  # The value that means the lists of this package.
_FIELDS = ("text", "text_pair")


def check(config):
    """Refuses settings of a `FinetuneConfig` that its task or each other exclude.

    Raises:
        ValueError: the label of the task belongs to places in the text, which move if
            words are exchanged; or it is no single label, which has a frequency.
    """
    kind = find_task(config.task, scored=True)
    if config.counterfactual_file and kind.label_type is None:
        raise ValueError(
            f"counterfactual_file is for {_list_tasks(str, list, float)}, whose label is "
            f"that of the whole text; received task={config.task}. Drop it."
        )
    if config.reweigh_column and kind.label_type is not str:
        raise ValueError(
            f"reweigh_column is for {_list_tasks(str)}, because it counts how often each "
            f"label occurs in each group; received task={config.task}. Drop it."
        )
    if config.counterfactual_file and config.reweigh_column:
        raise ValueError(
            "counterfactual_file changes the group that a text speaks of, which "
            f"reweigh_column={config.reweigh_column} does not follow; drop one."
        )


def _list_tasks(*label_types):
    names = [name for name, task in TASKS.items() if task.label_type in label_types]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def debias(start, config):
    """Completes a `Start` with what a `FinetuneConfig` says against bias, if anything.

    Args:
        start: `finetuning.Start`; its `prepare`, and in it `figures` and `fingerprint`.
        config: has `counterfactual_file` and `reweigh_column`.
    """
    if not (config.counterfactual_file or config.reweigh_column):
        return start

    def prepare(task, table):
        if config.counterfactual_file:
            copies = copy_counterfactually(table, config.counterfactual_file)
            start.figures["counterfactual_examples"] = len(copies.records)
            start.fingerprint = journal.digest(map(repr, copies.records))
            table = dataclasses.replace(
                table,
                records=[*table.records, *copies.records],
                lines=[*table.lines, *copies.lines],
            )
        columns = task.columns(table)
        if config.reweigh_column:
            columns["weight"] = weigh_groups(table, config.reweigh_column)
        return task, columns

    start.prepare = prepare
    return start


def copy_counterfactually(table, path):
    """Returns a `Table` of copies of texts that speak of another group, with their labels.

    Counterfactual data augmentation (Lu et al., 2020). Each list of words makes a copy of
    each record with one of its words; both texts of a pair change together.

    Args:
        table: `Table` of the training records.
        path: list of words, see `swaps`; `BUILT_IN` for that of this package.

    Raises:
        FileNotFoundError, ValueError: the list cannot be read; no text has a word of it.
    """
    records, lines, counts, copied = [], [], {}, set()
    for swaps in read_swaps("" if path == BUILT_IN else path):
        numbers, changed = swap_records(table.records, swaps, _FIELDS)
        records += changed
        lines += [table.lines[number] for number in numbers]
        counts[swaps.name] = len(numbers)
        copied.update(numbers)
    if not records:
        raise ValueError(
            f"counterfactual_file={path}: no text of {table.path} has a word of its lists "
            f"({', '.join(counts)}). Give a list with words of these texts, or drop it."
        )
    _log.info(
        "counterfactual_file=%s adds %s of %s of %s (%s).",
        path,
        "a copy" if len(records) == 1 else f"{len(records):,} copies",
        f"{len(copied):,}",
        count(len(table.records), "text"),
        ", ".join(f"{name}: {number:,}" for name, number in counts.items()),
    )
    return dataclasses.replace(table, records=records, lines=lines)


def weigh_groups(table, column):
    """Returns weights, float32 [N], under which label and group are independent.

    Reweighing (Kamiran and Calders, 2012): P(group) · P(label) / P(group, label). The
    weights of all records, of a label and of a group add up to their numbers.

    Args:
        table: `Table` of records with `group` and `label`.
        column: name of the column of the groups, for messages.

    Raises:
        ValueError: there is one group only; a group never has one of the labels.
    """
    pairs = [(record["group"].strip(), record["label"]) for record in table.records]
    groups, labels = (collections.Counter(side) for side in zip(*pairs))
    cells = collections.Counter(pairs)
    if len(groups) < 2:
        raise ValueError(
            f"{table.path}: every record has {column}={pairs[0][0]!r}, so there are no "
            "groups to compare; give another reweigh_column, or drop it."
        )
    for group, label in itertools.product(sorted(groups), sorted(labels)):
        if not cells[group, label]:
            raise ValueError(
                f"{table.path}: no record with {column}={group!r} has the label {label!r}, "
                "so no weights make labels and groups independent; add such records, or "
                "drop reweigh_column."
            )
    weights = {
        (group, label): groups[group] * labels[label] / (len(pairs) * number)
        for (group, label), number in cells.items()
    }
    _log.info(
        "reweigh_column=%s: %s",
        column,
        "; ".join(
            f"{group}, {label}: {count(cells[group, label], 'record')} of weight "
            f"{weights[group, label]:.3g}"
            for group, label in sorted(cells)
        ),
    )
    return np.array([weights[pair] for pair in pairs], np.float32)
