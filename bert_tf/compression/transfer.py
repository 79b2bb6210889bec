"""Texts without labels, from which a student learns what its teacher predicts.

Shapes: N records.
"""

import dataclasses
import logging

import numpy as np

from bert_tf.data.records.options import reader_arguments
from bert_tf.tasks.predicting import FIELDS

_log = logging.getLogger(__name__)


def read_texts(config, task, table):
    """Returns the `Table` of a file of texts without labels.

    Args:
        config: has `transfer_file`, and how files are read.
        task: `Task`.
        table: `Table` of the labelled records; its columns are read.

    Raises:
        FileNotFoundError, ValueError: the file cannot be read; it has single texts and
            the labelled records pairs, or the reverse.
    """
    options = reader_arguments(config) | task.read_options(
        dataclasses.asdict(task.options)
    )
    options.pop("label_column", None)
    texts = task.read(
        config.transfer_file,
        columns=table.columns,
        **options | {"with_labels": False},
    )
    _log.info("%s", texts.description)
    own, others = (
        [name for name in FIELDS if name in side.records[0]] for side in (table, texts)
    )
    if own != others:
        raise ValueError(
            f"{config.transfer_file} has {', '.join(others)}, but {table.path} has "
            f"{', '.join(own)}; both must have the same."
        )
    return texts


def add_texts(task, table, texts):
    """Returns the columns of labelled records and of texts without labels.

    Args:
        task: `Task`.
        table: `Table` of the labelled records.
        texts: list of the other records.

    Returns:
        as `Task.columns`, and `labelled`, float32 [N]: 0 for a text without a label.
    """
    blind = [task.label_blindly(record) for record in texts]
    records = [*table.records, *blind]
    lines = [*table.lines, *range(1, len(blind) + 1)]
    both = dataclasses.replace(table, records=records, lines=lines)
    labelled = np.arange(len(records)) < len(table.records)
    return task.columns(both) | {"labelled": labelled.astype(np.float32)}
