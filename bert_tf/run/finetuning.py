"""Fine-tuning: from a model folder and a file of labelled texts to a model folder."""

import dataclasses
import functools
import logging
import pathlib

from bert_tf.checkpoints import folder as folders
from bert_tf.data.records.containers import take_rows
from bert_tf.data.records.options import TableOptions, reader_arguments
from bert_tf.data.records.sources import read_tables
from bert_tf.docstrings import list_settings
from bert_tf.ground import at_least, count, lazy, quote, require, setting
from bert_tf.predictor import check_length
from bert_tf.run import seeds
from bert_tf.run.needs import check_source
from bert_tf.run.writing import write_model, write_report
from bert_tf.tasks import find_task
from bert_tf.tasks.lengths import describe_cuts
from bert_tf.tasks.options import TakesOptions
from bert_tf.tokenization import make_tokenizer
from bert_tf.training import engine, journal
from bert_tf.training.config import TrainConfig

session = lazy("bert_tf.run.session")

_log = logging.getLogger(__name__)


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class FinetuneConfig(TakesOptions, TableOptions):
    """What to fine-tune, on which data, and where to write it.

    Options of the task are given by keyword, too: `FinetuneConfig(task="classification",
    label_smoothing=0.1, …)`. `tasks.TASKS[name].Options` lists them.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.FinetuneConfig(
        ...     model="bert", train_file="train.csv", output_dir="classifier",
        ...     label_smoothing=0.1)
        >>> config.task_options.label_smoothing
        0.1
    """

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
    model: str = setting(
        "",
        "Model folder, minilm, or a published name such as bert-base-uncased.",
        section="model",
    )
    from_scratch: bool = setting(
        False, "Start from random weights (not decoder_model's)."
    )
    task: str = setting("classification", "Task; its options are below.")
    output_dir: str = setting(
        "",
        "Folder to write; an interrupted run in it is resumed.",
        section="output",
    )
    seeds: int = setting(
        1, "Runs with seeds seed, seed+1, …; reports mean and interval."
    )

    def __post_init__(self):
        self.check_files()
        require(self, "model", "output_dir")
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
        at_least(self, "seeds", 1)
        at_least(self.task_options, "max_seq_length", 8)

    @property
    def task_options(self):
        """The options of the task, an instance of its `Options`."""
        return find_task(self.task, scored=True).make_options(self.options)


def finetune(config, training=None, *, train_data=None, eval_data=None):
    """Fine-tunes a model and writes it as a model folder.

    Args:
        config: `FinetuneConfig`.
        training: `TrainConfig`; its defaults if None.
        train_data: records in memory in place of `train_file`: a pandas, polars or Arrow
            table; a dict of columns; or a list or iterator of dicts, or of tuples (text,
            label) or (text, text_pair, label). The columns are those of files; labels may
            be numbers. Errors name rows by the index of a pandas table, else from 0.
        eval_data: the same in place of `eval_file`.

    Returns:
        dict, as metrics.json of the folder holds it: `eval_accuracy` and so on, fractions
        from 0 to 1, and figures of training. With several `seeds`, see
        `seeds.summarise`.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        TypeError: `train_data` or `eval_data` are no records.
        loop.Stopped: on SIGTERM; the same call resumes.
        ConnectionError: one of several workers is lost; the same calls resume.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.FinetuneConfig(
        ...     model="bert", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="classifier", max_seq_length=16)
        >>> training = bert_tf.TrainConfig(num_train_epochs=2)
        >>> 0 <= bert_tf.finetune(config, training)["eval_accuracy"] <= 1
        True
    """
    training = training or TrainConfig()
    data = _take_data(config, train_data, eval_data)
    engine.select(training.engine)
    flags = session.collect_flags(config, training)
    tables = None
    if data:  # Read now, because their digest is one of the flags.
        tables = _read(config, **data)
        flags |= _describe_data(data, tables)

    def work(strategy):
        if config.seeds == 1:
            return _finetune(config, training, flags, strategy, tables)
        metric = f"eval_{find_task(config.task).metric_of(flags)}"
        writes = engine.part("workers").Workers(strategy).chief
        return seeds.run(
            functools.partial(finetune, **data),
            config,
            training,
            flags=flags,
            metric=metric,
            writes=writes,
        )

    return session.unless_finished(config.output_dir, flags, training, work)


def _take_data(config, train_data, eval_data):
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


def _read(config, train_data=None, eval_data=None):
    """Returns the training table, and the evaluation table or None; logs what they are."""
    kind = find_task(config.task)
    tables = read_tables(
        config,
        train_data,
        eval_data,
        read=kind.read,
        **reader_arguments(config),
        **kind.read_options(dataclasses.asdict(config.task_options)),
    )
    for table in filter(None, tables):
        _log.info("%s", table.description)
    return tables


def _describe_data(data, tables):
    """Returns {"train_data": what records in memory are, …} for flags.txt."""
    tables = dict(zip(("train_data", "eval_data"), tables))
    return {
        name: f"{count(len(tables[name].records), 'record')} from memory "
        f"({rows.form}), SHA-256 {_digest([tables[name]])[:16]}"
        for name, rows in data.items()
    }


def _digest(tables):
    """Returns the fingerprint of the records of tables."""
    return journal.digest(
        repr(record) for table in filter(None, tables) for record in table.records
    )


def prepare(config, tables=None):
    """Reads and checks what a run needs; nothing is written.

    Args:
        config: `FinetuneConfig`.
        tables: `Table` of the training and of the evaluation data, or None; None to read
            the files.

    Returns:
        `session.Job`, and the two tables.

    Raises:
        ValueError, FileNotFoundError: bad input.
    """
    start, options = folders.resolve(config.model), config.task_options
    folder = folders.read(start)
    check_length(options.max_seq_length, folder.config)
    train_table, eval_table = tables = tables or _read(config)
    kind = find_task(config.task)
    task = kind.learn(make_tokenizer(folder), train_table, options)
    task.inherit(folder, train_table)
    job = session.Job(
        task=task,
        folder=folder,
        weights=None if config.from_scratch else start,
        train=task.columns(train_table),
        evaluation=eval_table and task.columns(eval_table),
        fingerprint=_digest(tables),
    )
    cuts = describe_cuts(task, job.train, folder.config.max_position_embeddings)
    if cuts:
        _log.info("%s", cuts)
    return job, tables


def _finetune(config, training, flags, strategy, tables=None):
    """Makes one run, as `finetune`."""
    output_dir = pathlib.Path(config.output_dir)
    # Everything that a user may have got wrong comes before anything is written.
    job, (train_table, eval_table) = prepare(config, tables)
    task, folder = job.task, job.folder
    trained = session.train(job, training, output_dir, flags, strategy)
    metrics = {
        **trained.scores,
        **trained.figures,
        "train_examples": len(train_table.records),
        **session.count_skipped(train=train_table, eval=eval_table),
    }
    if engine.part("workers").Workers(strategy).chief:
        settings = {"task": task.name, "columns": train_table.columns}
        settings |= task.settings(trained.scores)
        write_model(output_dir, trained.model, task, folder, settings)
        write_report(
            config,
            training,
            task,
            trained.lines,
            metrics,
            flags=flags,
            plain=folder.config.is_plain,
        )
        session.finish(output_dir, metrics)
    return metrics
