"""Where training and evaluation data come from: files, or a TFDS data set."""

import dataclasses
import functools
import hashlib

from bert_tf.data.records.readers import read_table
from bert_tf.data.records.tfds import read_tfds
from bert_tf.ground import count


def read_tables(source, *, read=read_table, **options):
    """Returns the training table, and the evaluation table or None.

    What is guessed of the first (columns, what stands between labels) holds for the
    second.

    Args:
        source: has `train_file` and `eval_file`, or `tfds`, `tfds_data_dir`,
            `tfds_train_split` and `tfds_eval_split`; "" for nothing; and
            `eval_fraction`, see `hold_out`, 0 for nothing.
        read: of files, `read_table` or another that takes what it takes.
        options: as in `read_table`.
    """
    if source.tfds:
        if read is not read_table:
            raise ValueError(
                f"tfds gives texts and their labels, and this task needs more; write "
                f"the data of {source.tfds} to a file."
            )
        options.pop("label_separator", None)
        data_dir = source.tfds_data_dir or None
        read = functools.partial(read_tfds, source.tfds, data_dir=data_dir)
        first, second = source.tfds_train_split, source.tfds_eval_split
    else:
        first, second = source.train_file, source.eval_file
    train = read(first, **options)
    if source.eval_fraction:
        return hold_out(train, source.eval_fraction)
    return train, read(second, columns=train.columns, **options) if second else None


def hold_out(table, fraction):
    """Takes rows of a table away to score on: about `fraction` of them, in (0, 1).

    The text decides, by a hash, not chance or place: the same text is never on both
    sides, a row stays on its side where others are added, and no seed changes it. Of
    questions it is the title of the article, where there is one, else the context.

    Returns:
        The table of the other rows, and that of the rows held out.

    Raises:
        ValueError: one of them would be empty.
    """

    def held(record):
        if "context" in record:
            text = record.get("title") or record["context"]
        else:
            text = "\t".join((record["text"], record.get("text_pair", "")))
        return is_held_out(text, fraction)

    sides = [[], []]
    for number, record in enumerate(table.records):
        sides[held(record)].append(number)
    for numbers, name in zip(sides, ("train on", "score on")):
        if not numbers:
            raise ValueError(
                f"{table.path}: eval_fraction={fraction} of "
                f"{count(len(table.records), 'row')} leaves none to {name}; choose "
                "another, or give an eval_file."
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
    told = f"{table.path}: {size} held out to score on (eval_fraction={fraction})"
    return train, dataclasses.replace(evaluation, description=told)


def is_held_out(text, fraction):
    """Whether a text is among the held out; of all texts, about `fraction` are."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
