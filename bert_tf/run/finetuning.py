"""Fine-tuning: from a model folder and a file of labelled texts to a model folder."""

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable

from bert_tf.checkpoints import folder as folders
from bert_tf.docstrings import list_settings
from bert_tf.ground import at_least, lazy, require, setting
from bert_tf.predictor import check_length
from bert_tf.run import debiasing, few_shot, seeds
from bert_tf.run.training_data import (
    TrainingData,
    describe_data,
    digest_data,
    read_data,
    take_data,
)
from bert_tf.run.writing import write_model, write_report
from bert_tf.tasks import find_task
from bert_tf.tasks.lengths import describe_cuts
from bert_tf.tokenization import make_tokenizer
from bert_tf.training import engine, journal
from bert_tf.training.config import TrainConfig

mining = lazy("bert_tf.run.mining")
session = lazy("bert_tf.run.session")

_log = logging.getLogger(__name__)


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class FinetuneConfig(TrainingData):
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

    counterfactual_file: str = setting(
        "", "Add copies with swapped words: builtin, or a file. Empty: none."
    )
    reweigh_column: str = setting(
        "", "Column of groups; weights make labels independent. Empty: none."
    )
    few_shot: bool = setting(False, "Train on pairs of 8 to 64 examples a label.")
    model: str = setting(
        "",
        "Model folder, minilm, or a published name such as bert-base-uncased.",
        section="model",
    )
    from_scratch: bool = setting(
        False, "Start from random weights (not decoder_model's)."
    )
    clean_input: bool = setting(
        False, "Clean texts of hidden and look-alike characters."
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
        self.check_data()
        at_least(self, "seeds", 1)
        self._check_task()

    def _check_task(self):
        at_least(self.task_options, "max_seq_length", 8)
        debiasing.check(self)
        few_shot.check(self)

    @property
    def training_defaults(self):
        """{field: default} of `TrainConfig` that differ for this configuration."""
        return few_shot.TRAINING if self.few_shot else {}

    @property
    def task_options(self):
        """The options of the task, an instance of its `Options`."""
        return find_task(self.task, scored=True).make_options(self.options)


def finetune(config, training=None, *, train_data=None, eval_data=None):
    """Fine-tunes a model and writes it as a model folder.

    Args:
        config: `FinetuneConfig`.
        training: `TrainConfig`; its defaults if None, with `few_shot` for one epoch.
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
    training = training or TrainConfig(**config.training_defaults)
    return run(config, training, train_data, eval_data, begin=find_start)


@dataclasses.dataclass
class Start:
    """What a verb trains, and where the training starts.

    Attributes:
        verb: name of the command.
        folder: `ModelFolder` of the model to train.
        weights: folder of its weights; None for others.
        name: of the initial model, for the model card; "" for random weights.
        prepare: function(task, table) → the task that trains, and its training columns;
            None for the task itself.
        fingerprint: digest of what the training reads beside the records; "" for nothing.
        figures: {name: number} for metrics.json.
    """

    verb: str
    folder: folders.ModelFolder
    weights: pathlib.Path | None
    name: str
    prepare: Callable | None = None
    fingerprint: str = ""
    figures: dict = dataclasses.field(default_factory=dict)


def find_start(config):
    """Returns the `Start` of fine-tuning."""
    path = folders.resolve(config.model)
    scratch, folder = config.from_scratch, folders.read(path)
    if config.clean_input:
        folder = folder.with_clean_input()
    name, path = ("", None) if scratch else (config.model, path)
    start = Start("finetune", folder, path, name)
    if config.few_shot:
        return few_shot.begin(start)
    return debiasing.debias(start, config)


def run(config, training=None, train_data=None, eval_data=None, *, begin):
    """Trains a task on labelled records; `finetune` says more.

    Args:
        config: `FinetuneConfig`, or another `TrainingData` with `task`, `output_dir` and
            `seeds`.
        training, train_data, eval_data: as of `finetune`.
        begin: function(config) → `Start`, called before anything is written.
    """
    training = training or TrainConfig()
    data = take_data(config, train_data, eval_data)
    engine.select(training.engine)
    flags = session.collect_flags(config, training)
    tables = None
    if data:  # Read now, because their digest is one of the flags.
        tables = read_data(config, **data)
        flags |= describe_data(data, tables)

    def work(strategy):
        if config.seeds == 1:
            return _run(config, training, flags, strategy, begin, tables)
        metric = f"eval_{find_task(config.task).metric_of(flags)}"
        writes = engine.part("workers").Workers(strategy).chief
        return seeds.run(
            functools.partial(run, begin=begin, **data),
            config,
            training,
            flags=flags,
            metric=metric,
            writes=writes,
        )

    return session.unless_finished(config.output_dir, flags, training, work)


def prepare(config, start, tables=None):
    """Reads and checks what a run needs; nothing is written.

    Args:
        config: as of `run`.
        start: `Start`.
        tables: `Table` of the training and of the evaluation data, or None; None to read
            the files.

    Returns:
        `session.Job`, and the two tables.

    Raises:
        ValueError, FileNotFoundError: bad input.
    """
    options, folder = config.task_options, start.folder
    check_length(options.max_seq_length, folder.config)
    train_table, eval_table = tables = tables or read_data(config)
    kind = find_task(config.task)
    task = kind.learn(make_tokenizer(folder), train_table, options)
    task.inherit(folder, train_table)
    if getattr(options, "mine_negatives", 0):
        train_table = mining.mine(train_table, start.weights, options)
    columns = task.columns(train_table)
    evaluation = eval_table and task.columns(eval_table)
    cuts = describe_cuts(task, columns, folder.config.max_position_embeddings)
    if start.prepare:
        task, columns = start.prepare(task, train_table)
    fingerprint = digest_data(tables)
    if start.fingerprint:
        fingerprint = journal.digest([fingerprint, start.fingerprint])
    job = session.Job(
        task=task,
        folder=folder,
        weights=start.weights,
        train=columns,
        evaluation=evaluation,
        fingerprint=fingerprint,
    )
    if cuts:
        _log.info("%s", cuts)
    return job, tables


def _run(config, training, flags, strategy, begin, tables=None):
    """Makes one run, as `run`."""
    output_dir = pathlib.Path(config.output_dir)
    # Everything that a user may have got wrong comes before anything is written.
    start = begin(config)
    job, (train_table, eval_table) = prepare(config, start, tables)
    task, folder = job.task, job.folder
    trained = session.train(job, training, output_dir, flags, strategy)
    metrics = {
        **trained.scores,
        **trained.figures,
        "train_examples": len(train_table.records),
        **start.figures,
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
            verb=start.verb,
            start=start.name,
            only_here=folders.read(output_dir).config.peculiarity,
        )
        session.finish(output_dir, metrics)
    return metrics
