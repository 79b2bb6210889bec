"""Reads the training and evaluation tables from files or from TensorFlow Datasets."""

import dataclasses
import functools
import hashlib

from bert_tf.data.records.parallel import read_parallel
from bert_tf.data.records.readers import read_table
from bert_tf.data.records.tfds import read_tfds
from bert_tf.ground import count


def read_tables(
    source, train=None, evaluation=None, *, read=read_table, group_column="", **options
):
    """Returns the training table, and the evaluation table or None.

    The columns and the label separator detected in the training data also apply to the
    evaluation data.

    Args:
        source: has `train_file` and `eval_file`, or `tfds`, `tfds_data_dir`,
            `tfds_train_split` and `tfds_eval_split`, where "" means none; and
            `eval_fraction`, the fraction of the training data to hold out, or 0.
        train, evaluation: `memory.Rows` in place of these files, or None.
        read: function that reads a file, with the arguments of `read_table`.
        group_column: of the training data alone, as in `read_table`; "" for none.
        options: as in `read_table`.
    """
    if source.tfds:
        if read not in (read_table, read_parallel):
            raise ValueError(
                f"this task needs more than the texts and labels that tfds gives. Write "
                f"the data of {source.tfds} to a file."
            )
        for name in ("label_separator", "delimiter", "encoding", "sheet"):
            options.pop(name, None)
        data_dir = source.tfds_data_dir or None
        options["targets"] = read is read_parallel
        read = functools.partial(read_tfds, source.tfds, data_dir=data_dir)
        train_path, eval_path = source.tfds_train_split, source.tfds_eval_split
    else:
        train_path = source.train_file if train is None else train
        eval_path = source.eval_file if evaluation is None else evaluation
    groups = {"group_column": group_column} if group_column else {}
    train = read(train_path, **options, **groups)
    if source.eval_fraction:
        return hold_out(train, source.eval_fraction)
    if not eval_path:
        return train, None
    return train, read(eval_path, columns=train.columns, **options)


def hold_out(table, fraction):
    """Splits a table into (training table, held-out evaluation table).

    A hash of the text decides. So the same text is never on both sides, a record stays on
    its side when others are added, and no seed changes it. Of questions on contexts, the
    article's title is hashed, or else the context. Of translations, neither the same
    source nor the same target is on both sides; see `_name_groups`.

    Args:
        fraction: approximate fraction of the records to hold out, in (0, 1).

    Raises:
        ValueError: one of the tables would be empty.
    """

    def name(record):
        if "context" in record:
            return record.get("title") or record["context"]
        if "answers" in record:
            return record.get("title") or record["text_pair"]
        return "\t".join((record["text"], record.get("text_pair", "")))

    names = map(name, table.records)
    first = next(iter(table.records), {})
    if "target" in first and "answers" not in first:
        names = _name_groups(table.records)
    sides = [[], []]
    for number, text in enumerate(names):
        sides[is_held_out(text, fraction)].append(number)
    for numbers, purpose in zip(sides, ("train", "evaluate")):
        if not numbers:
            raise ValueError(
                f"{table.path}: eval_fraction={fraction} of "
                f"{count(len(table.records), 'row')} leaves none to {purpose} on; choose "
                "another fraction, or give an eval_file."
            )
    train, evaluation = (
        dataclasses.replace(
            table,
            records=[table.records[number] for number in numbers],
            lines=[table.lines[number] for number in numbers],
        )
        for numbers in sides
    )
    size = count(len(evaluation.records), "row")
    description = (
        f"{table.path}: {size} held out for evaluation (eval_fraction={fraction})"
    )
    return train, dataclasses.replace(evaluation, description=description)


def _name_groups(records):
    """Returns for each pair of source and target the first source of its group.

    Two pairs are in one group if they have the same source or the same target, or if
    other pairs link them. The first source is that of the alphabet.
    """
    parents = {}

    def find(node):
        while parents.setdefault(node, node) != node:
            parents[node] = node = parents[parents[node]]
        return node

    nodes = [(("text", r["text"]), ("target", r["target"])) for r in records]
    for text, target in nodes:
        parents[find(target)] = find(text)
    first = {}
    for text, _ in nodes:
        group = find(text)
        first[group] = min(first.get(group, text[1]), text[1])
    return [first[find(text)] for text, _ in nodes]


def is_held_out(text, fraction):
    """Returns whether a text is one of the `fraction` of all texts that are held out."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
