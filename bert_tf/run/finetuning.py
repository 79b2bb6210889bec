"""Fine-tuning: from a model folder and a file of labelled texts to a model folder."""

import dataclasses
import logging
import pathlib

import keras

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import sentence_transformers
from bert_tf.data.records.sources import read_tables
from bert_tf.data.rows.pipeline import evaluation_rows, steps_per_epoch, training_rows
from bert_tf.ground import at_least, changed, require
from bert_tf.models import lora
from bert_tf.models.backbone import BertBackbone
from bert_tf.predictor import (
    check_length,
    find_task,
    make_tokenizer,
    show_progress,
)
from bert_tf.run import seeds
from bert_tf.run.needs import columns_asked, unless_finished
from bert_tf.tasks import (
    batching_of,
    collect,
    count_of,
    examples_of,
    inputs_of,
    metric_of,
    read_options,
    refuse_foreign_options,
)
from bert_tf.training import journal, loop, selection
from bert_tf.training.loop import TrainConfig
from bert_tf.training.tensorflow.engine import Engine
from bert_tf.training.tensorflow.evaluation import make_predictor
from bert_tf.training.tensorflow.workers import Workers

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """What to fine-tune, on what, and where to put it."""

    model: str = ""  # Folder, "minilm", or a published name like bert-base-uncased.
    from_scratch: bool = False  # Random weights; of model, only config and vocabulary.
    train_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    eval_file: str = ""  # The same, to score on; none: no evaluation.
    eval_fraction: float = 0.0  # Or hold out this share of train_file, by its texts.
    tfds: str = ""  # Instead of files, a TensorFlow Dataset such as glue/sst2.
    tfds_data_dir: str = ""  # Where prepared ones lie; empty: where TFDS puts them.
    tfds_train_split: str = "train"  # Part to train on, say train[:90%].
    tfds_eval_split: str = "validation"  # Part to score on; empty: no evaluation.
    output_dir: str = ""  # Folder to write; an interrupted run in it goes on.
    task: str = "classification"  # Or regression, multi_label, token_classification, …
    class_weights: str = ""  # Of the loss: balanced, or label=2.5,label=1.
    label_smoothing: float = 0.0  # Share of the target spread over all labels.
    label_separator: str = ""  # Between the labels of a text; found out if empty.
    text_column: str = ""  # Name, or place from 0; guessed from the header if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label; for multi_label perhaps several, a,b,c of 0, 1.
    doc_stride: int = 128  # Of questions: pieces that windows of a context share.
    max_answer_length: int = 30  # Pieces of an answer.
    pooling: str = ""  # Of similarity: mean (default) or cls.
    similarity_loss: str = (
        ""  # cosine (default), or negatives for pairs without labels.
    )
    max_seq_length: int = 128  # Pieces of an example.
    long_text: str = (
        ""  # Beyond: truncate (default), head_tail; windows (words, answers).
    )
    seeds: int = 1  # Runs with seeds seed, seed+1, …; their mean and interval.

    def __post_init__(self):
        require(self, "model", "output_dir", *([] if self.tfds else ["train_file"]))
        if self.tfds and (self.train_file or self.eval_file):
            raise ValueError(
                f"data come from tfds ({self.tfds}) or from files, not from both; drop "
                "one."
            )
        if self.eval_fraction:
            if not 0 < self.eval_fraction < 1:
                raise ValueError(
                    f"eval_fraction must be in (0, 1); received {self.eval_fraction}."
                )
            if self.eval_file or self.tfds:
                raise ValueError(
                    "eval_fraction holds out a part of train_file; drop eval_file, and "
                    "with tfds write tfds_train_split=train[:90%]."
                )
        refuse_foreign_options(find_task(self.task), changed(self))
        at_least(self, "seeds", 1)
        at_least(self, "max_seq_length", 8)


def finetune(config, training=None):
    """Fine-tunes a model and writes it as a model folder.

    Args:
        config: `FinetuneConfig`.
        training: `TrainConfig`; its defaults where None.

    Returns:
        dict, as metrics.json of the folder holds it: `eval_accuracy` and so on,
        fractions from 0 to 1, and what training took. With several `seeds`, what
        `seeds.summarise` makes of them.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        loop.Stopped: on SIGTERM; the same call goes on.
        ConnectionError: of several workers, one is lost; the same calls go on.

    Example:
        >>> finetune(FinetuneConfig(
        ...     model="minilm", train_file="train.csv", eval_file="dev.csv",
        ...     output_dir="model"))  # doctest: +SKIP
    """
    training = training or TrainConfig()
    flags = dataclasses.asdict(config) | dataclasses.asdict(training)

    def work(strategy):
        if config.seeds == 1:
            return _finetune(config, training, flags, strategy)
        metric = f"eval_{metric_of(find_task(config.task), flags)}"
        writes = Workers(strategy).chief
        return seeds.run(
            finetune, config, training, flags=flags, metric=metric, writes=writes
        )

    return unless_finished(config.output_dir, flags, training.distribution, work)


def _finetune(config, training, flags, strategy):
    """One run, as `finetune`; flags are those of both."""
    output_dir, workers = pathlib.Path(config.output_dir), Workers(strategy)
    # All that a user may have got wrong comes before anything is written.
    start = folders.resolve(config.model)
    folder = folders.read(start)
    check_length(config.max_seq_length, folder.config)
    selection.check_freeze(training.freeze, folder.config.num_hidden_layers)
    train_table, eval_table = _read_tables(config)
    kind = find_task(config.task)
    task = kind.learn(
        make_tokenizer(folder),
        train_table,
        max_seq_length=config.max_seq_length,
        **{name: getattr(config, name) for name in kind.options},
    )
    plan = {
        "batch_size": training.per_device_train_batch_size,
        "micro_batches": training.gradient_accumulation_steps
        * strategy.num_replicas_in_sync,
    }
    if getattr(task, "couples_examples", False) and plan["micro_batches"] > 1:
        raise ValueError(
            "similarity_loss=negatives compares all pairs of a batch, which "
            f"{plan['micro_batches']} parts of it can't; drop "
            "gradient_accumulation_steps, and train on one device."
        )
    train_examples = examples_of(task, task.columns(train_table))
    eval_columns = eval_table and task.columns(eval_table)
    eval_examples = eval_table and examples_of(task, eval_columns)

    evaluates = eval_table is not None and training.eval_strategy != "no"
    if training.early_stopping_patience and not evaluates:
        raise ValueError("early_stopping_patience needs an eval_file or eval_fraction.")

    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        model = task.build(
            BertBackbone(
                folder.config,
                dtype=training.dtype_policy,
                gradient_checkpointing=training.gradient_checkpointing,
            )
        )
        # The weights to start from: those of the folder; a new head's, random. A run
        # that was interrupted overwrites both with its checkpoint, in loop.train.
        if not config.from_scratch:
            folders.load_weights(start, model, new_heads=True)
        if training.lora_rank:
            lora.add_adapters(model, training.lora_rank, training.lora_alpha)
    selection.select(
        model, freeze=training.freeze, adapters_only=training.lora_rank > 0
    )

    tables = filter(None, (train_table, eval_table))
    data = journal.digest(repr(r) for table in tables for r in table.records)
    journal.begin(output_dir, flags, workers, data)
    predictor = make_predictor(model)
    # Made once: a data set traces its functions anew each time it is made.
    eval_rows = eval_table and evaluation_rows(
        inputs_of(task, eval_examples),
        task.features,
        batch_size=training.per_device_eval_batch_size,
        **batching_of(task),
    )

    def evaluate_model():
        outputs = predictor(eval_rows, count_of(task, eval_examples), show_progress)
        outputs = collect(task, eval_columns, eval_examples, outputs)
        return task.score(eval_columns, outputs)

    steps = steps_per_epoch(count_of(task, train_examples), **plan)
    engine = Engine(
        model, task, training, strategy, total_steps=training.total_steps(steps)
    )
    lines, scores = loop.train(
        engine,
        lambda step, share: training_rows(
            inputs_of(task, train_examples),
            task.features,
            **plan,
            seed=training.seed,
            start_step=step,
            share=share,
        ),
        config=training,
        steps_per_epoch=steps,
        evaluate=evaluate_model if evaluates else None,
        metric=task.metric,
        output_dir=output_dir,
    )
    if eval_table is not None and not scores:
        scores = {f"eval_{name}": value for name, value in evaluate_model().items()}
    metrics = {
        **scores,
        **journal.training_figures(lines),
        "train_examples": len(train_table.records),
    }
    if not workers.chief:
        return metrics
    learnt = dataclasses.replace(
        folder.config, extra=folder.config.extra | task.describe()
    )
    settings = {
        "task": task.name,
        "columns": train_table.columns,
        "max_seq_length": config.max_seq_length,
        **task.settings(scores),
    }
    if training.lora_rank:
        # The folder knows nothing of adapters: any reader of BERT gets their outputs.
        model = lora.merge_adapters(model, task.build(BertBackbone(folder.config)))
    folders.write(
        output_dir,
        model,
        dataclasses.replace(folder, config=learnt, settings=settings),
        architecture=task.architecture,
    )
    if "pooling" in settings:
        sentence_transformers.write(
            output_dir,
            pooling=task.pooling,
            normalize=task.normalize,
            max_seq_length=config.max_seq_length,
            hidden_size=learnt.hidden_size,
        )
    report.write(
        output_dir,
        lines,
        metrics,
        labels=getattr(task, "labels", None),
        start="random weights" if config.from_scratch else f"`{config.model}`",
        task=task.name,
        pipeline=task.pipeline,
        settings=changed(config) | changed(training),
    )
    journal.write_metrics(output_dir, metrics)
    journal.forget_state(output_dir)
    return metrics


def _read_tables(config):
    """Returns the training table, and the evaluation table or None; says what they are."""
    kind = find_task(config.task)
    options = columns_asked(config) | read_options(kind, dataclasses.asdict(config))
    tables = read_tables(config, read=kind.read, **options)
    for table in filter(None, tables):
        _log.info("%s", table.description)
    return tables
