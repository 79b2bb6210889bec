"""The labelled records that a verb trains and evaluates on: settings, reading, fingerprint."""

import dataclasses
import logging

from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.options import TableOptions, reader_arguments
from bert_tf.data.records.sources import read_tables
from bert_tf.ground import count, quote, require, setting
from bert_tf.run.needs import check_source
from bert_tf.tasks import find_task
from bert_tf.tasks.options import TakesOptions
from bert_tf.training import journal

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, init=False)
class TrainingData(TakesOptions, TableOptions):
    """The files of a run; a base of configurations that train a task."""

    train_file: str = setting(
        "",
        "TSV, CSV, JSONL, Excel or Parquet; for translation also a.en,b.de.",
        section="data",
    )
    eval_file: str = setting(
        "", "Evaluation file, in the same formats. Empty: no evaluation."
    )
    eval_fraction: float = setting(
        0.0, "Fraction of train_file to hold out for evaluation. 0: none."
    )
    tfds: str = setting("", "A TensorFlow Dataset instead of files, such as glue/sst2.")
    tfds_data_dir: str = setting("", "Folder of prepared datasets. Empty: TFDS's own.")
    tfds_train_split: str = setting("train", "Split to train on, such as train[:90%].")
    tfds_eval_split: str = setting(
        "validation", "Split to evaluate on. Empty: no evaluation."
    )

    def check_data(self):
        """Raises a ValueError for sources of records that exclude each other."""
        if self.tfds and (self.train_file or self.eval_file):
            raise ValueError(
                f"the data come either from tfds ({quote(self.tfds)}) or from files, not from "
                "both; drop one."
            )
        if self.eval_fraction:
            if not 0 < self.eval_fraction < 1:
                raise ValueError(
                    f"eval_fraction must be in (0, 1); received {self.eval_fraction}."
                )
            if self.eval_file or self.tfds:
                raise ValueError(
                    "eval_fraction holds out a part of train_file; drop eval_file, or, "
                    "with tfds, pass tfds_train_split=train[:90%]."
                )


def take_data(config, train_data, eval_data):
    """Returns {"train_data": `Rows`, …} of the records in memory, checked."""
    check_source(config, "train", train_data)
    check_source(config, "eval", eval_data)
    if train_data is None and not config.tfds:
        require(config, "train_file")
    if eval_data is not None and config.eval_fraction:
        raise ValueError(
            "eval_fraction holds out a part of the training data; drop it, or eval_data."
        )
    data = {"train_data": train_data, "eval_data": eval_data}
    data = {name: x for name, x in data.items() if x is not None}
    if data and config.tfds:
        raise ValueError(
            f"the data come either from tfds ({quote(config.tfds)}) or from {next(iter(data))}, "
            "not from both; drop one."
        )
    return {name: take_rows(x, name) for name, x in data.items()}


def read_data(config, train_data=None, eval_data=None):
    """Returns the training table, and the evaluation table or None; logs what they are."""
    kind = find_task(config.task)
    tables = read_tables(
        config,
        train_data,
        eval_data,
        read=kind.read,
        group_column=getattr(config, "reweigh_column", ""),
        **reader_arguments(config),
        **kind.read_options(dataclasses.asdict(config.task_options)),
    )
    for table in filter(None, tables):
        _log.info("%s", table.description)
    return tables


def describe_data(data, tables):
    """Returns {"train_data": what records in memory are, …} for flags.txt."""
    tables = dict(zip(("train_data", "eval_data"), tables))
    return {
        name: f"{count(len(tables[name].records), 'record')} from memory "
        f"({rows.form}), SHA-256 {digest_data([tables[name]])[:16]}"
        for name, rows in data.items()
    }


def digest_data(tables):
    """Returns the fingerprint of the records of tables."""
    return journal.digest(
        repr(record) for table in filter(None, tables) for record in table.records
    )
