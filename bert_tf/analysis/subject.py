"""What is analysed: a trained model and labelled or unlabelled records."""

import dataclasses
import pathlib

import numpy as np

from bert_tf.checkpoints import exported
from bert_tf.data.records.options import TableOptions
from bert_tf.data.records.tables import Table
from bert_tf.ground import setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions


@dataclasses.dataclass(frozen=True, init=False)
class SubjectOptions(TakesOptions, TableOptions):
    """Which model to analyse, and on which records."""

    model: str = setting("", "Model folder.", section="model and records")
    per_device_eval_batch_size: int = setting(128, "Examples computed at once.")
    data: str = setting(
        "",
        "Records that the model predicts for, with labels if there are any. Empty: what "
        "needs none.",
    )
    task: str = setting(
        "", "Task to analyse, such as fill_mask. Empty: that of the model's training."
    )
    train_file: str = setting(
        "", "Records that the model was trained on. Empty: what needs them is left out."
    )

    def load_model(self):
        """Returns the `Model`, in float32.

        Raises:
            ValueError, FileNotFoundError: there is no such model folder; it is an export.
        """
        if exported.is_export(self.model):
            raise ValueError(
                f"{self.model} is an export, which has no gradients; pass the model folder."
            )
        return Model(
            self.model,
            task=self.task,
            batch_size=self.per_device_eval_batch_size,
            **self.options,
        )


@dataclasses.dataclass
class Subject:
    """A model, and records that it predicts for.

    Attributes:
        model: `Model`, in float32.
        table: `Table` of the records; None if there are none.
        training: `Table` of the records that the model was trained on; None if unknown.
        folder: `pathlib.Path` for pictures.
        seed: of whatever is drawn.
        groups: {column: array of strings}, the groups of the records.
    """

    model: Model
    table: Table | None
    training: Table | None
    folder: pathlib.Path
    seed: int
    groups: dict = dataclasses.field(default_factory=dict)

    @property
    def task(self):
        return self.model.task

    @property
    def records(self):
        return self.table.records if self.table else []

    @property
    def truths(self):
        """The label of each record as the data have it; "" without one."""
        return [str(record.get("label", "")) for record in self.records]


def sample(count, most, seed):
    """Returns the numbers of at most so many of `count` records, drawn by a seed."""
    if count <= most:
        return list(range(count))
    drawn = np.random.default_rng(seed).choice(count, size=most, replace=False)
    return sorted(drawn.tolist())


def keep(table, numbers):
    """Returns a table of some of its records."""
    return dataclasses.replace(
        table,
        records=[table.records[number] for number in numbers],
        lines=[table.lines[number] for number in numbers],
    )
