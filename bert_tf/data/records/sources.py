"""Reads the training and evaluation tables from files or from TensorFlow Datasets."""

import dataclasses
import functools
import hashlib

from bert_tf.data.records.readers import read_table
from bert_tf.data.records.tfds import read_tfds
from bert_tf.ground import count


def read_tables(source, *, read=read_table, **options):
    """Returns the training table, and the evaluation table or None.

    The columns and the label separator detected in the training data also apply to the
    evaluation data.

    Args:
        source: has `train_file` and `eval_file`, or `tfds`, `tfds_data_dir`,
            `tfds_train_split` and `tfds_eval_split`, where "" means none; and
            `eval_fraction`, the fraction of the training data to hold out, or 0.
        read: function that reads a file, with the arguments of `read_table`.
        options: as in `read_table`.
    """
    if source.tfds:
        if read is not read_table:
            raise ValueError(
                f"this task needs more than the texts and labels that tfds gives. Write "
                f"the data of {source.tfds} to a file."
            )
        for name in ("label_separator", "delimiter", "encoding", "sheet"):
            options.pop(name, None)
        data_dir = source.tfds_data_dir or None
        read = functools.partial(read_tfds, source.tfds, data_dir=data_dir)
        train_path, eval_path = source.tfds_train_split, source.tfds_eval_split
    else:
        train_path, eval_path = source.train_file, source.eval_file
    train = read(train_path, **options)
    if source.eval_fraction:
        return hold_out(train, source.eval_fraction)
    if not eval_path:
        return train, None
    return train, read(eval_path, columns=train.columns, **options)


def hold_out(table, fraction):
    """Splits a table into (training table, held-out evaluation table).

    A hash of the text decides. So the same text is never on both sides, a record stays on
    its side when others are added, and no seed changes it. Of questions on contexts, the
    article's title is hashed, or else the context.

    Args:
        fraction: approximate fraction of the records to hold out, in (0, 1).

    Raises:
        ValueError: one of the tables would be empty.
    """

    def is_held_out_record(record):
        if "context" in record:
            text = record.get("title") or record["context"]
        else:
            text = "\t".join((record["text"], record.get("text_pair", "")))
        return is_held_out(text, fraction)

    sides = [[], []]
    for number, record in enumerate(table.records):
        sides[is_held_out_record(record)].append(number)
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


def is_held_out(text, fraction):
    """Returns whether a text is one of the `fraction` of all texts that are held out."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
