"""What is analysed: a trained model and labelled or unlabelled records."""

import dataclasses
import pathlib

import numpy as np

from bert_tf.data.records.tables import Table
from bert_tf.predictor import Model


@dataclasses.dataclass
class Subject:
    """A model, and records that it predicts for.

    Attributes:
        model: `Model`, in float32.
        table: `Table` of the records.
        training: `Table` of the records that the model was trained on; None if unknown.
        folder: `pathlib.Path` for pictures.
        seed: of whatever is drawn.
    """

    model: Model
    table: Table
    training: Table | None
    folder: pathlib.Path
    seed: int

    @property
    def task(self):
        return self.model.task

    @property
    def records(self):
        return self.table.records

    @property
    def truths(self):
        """The label of each record as the data have it; "" without one."""
        return [str(record.get("label", "")) for record in self.records]


def sample(table, most, seed):
    """Returns a table of at most so many records, drawn without order."""
    count = len(table.records)
    if count <= most:
        return table
    drawn = np.random.default_rng(seed).choice(count, size=most, replace=False)
    chosen = sorted(drawn.tolist())
    return dataclasses.replace(
        table,
        records=[table.records[number] for number in chosen],
        lines=[table.lines[number] for number in chosen],
    )
