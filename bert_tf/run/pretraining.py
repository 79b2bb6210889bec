"""Pretraining: from a store of tokenized text to a model folder with both heads."""

import dataclasses
import pathlib

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.config import SIZES
from bert_tf.data.corpus.store import Store
from bert_tf.docstrings import list_settings
from bert_tf.ground import lazy, one_of, require, setting
from bert_tf.predictor import check_length
from bert_tf.run.finetuning import Start
from bert_tf.run.health import Health
from bert_tf.run.origin import check_architecture, held_out_store, model_folder
from bert_tf.run.peak import operations_per_token
from bert_tf.tasks.options import TakesOptions
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training import engine, journal
from bert_tf.training.config import TrainConfig

session = lazy("bert_tf.run.session")

# Defaults that differ from fine-tuning, as published (Devlin et al., 2019, A.2).
TRAINING = {
    "learning_rate": 1e-4,
    "lr_scheduler_type": "polynomial",
    "adam_epsilon": 1e-6,
    "num_train_epochs": 40.0,
    "per_device_eval_batch_size": 32,
    "eval_strategy": "steps",
    "eval_steps": 1000,
    "save_steps": 1000,
    "logging_steps": 50,
    "load_best_model_at_end": False,
}


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class PretrainConfig(TakesOptions):
    """What to pretrain, on which data, and where to write it.

    The options of pretraining (`tasks.pretraining.Pretraining.Options`) are given by
    keyword, too.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PretrainConfig(
        ...     data_dir="store", size="tiny", output_dir="pretrained", masking="word")
        >>> config.task_options.masked_lm_prob
        0.15
    """

    data_dir: str = setting(
        "", "Store that create-pretraining-data wrote.", section="data"
    )
    eval_data_dir: str = setting(
        "", "Store of held-out text to evaluate on. Empty: no evaluation."
    )
    size: str = setting(
        "",
        "Size of a new model: tiny, mini, small, medium, base or large.",
        section="model",
    )
    config: str = setting("", "config.json of a new model, instead of a size.")
    model: str = setting(
        "", "Model folder to continue from, instead, with its own vocabulary."
    )
    output_dir: str = setting(
        "",
        "Folder to write. An interrupted run in it is resumed.",
        section="output",
    )

    def __post_init__(self):
        require(self, "data_dir", "output_dir")
        chosen = [f for f in ("size", "config", "model") if getattr(self, f)]
        if len(chosen) != 1:
            raise ValueError(
                "the model to pretrain is given by one of size, config and model; "
                f"received {' and '.join(chosen) or 'none'}. Pass, say, --size=small."
            )
        one_of("size", self.size, ("", *SIZES))
        self.task_options  # noqa: B018 (Its values are checked.)

    @property
    def task_options(self):
        """The options of pretraining."""
        return Pretraining.make_options(self.options)


def pretrain(config, training=None):
    """Pretrains a model and writes it as a model folder.

    Args:
        config: `PretrainConfig`.
        training: `TrainConfig`; with the defaults of `TRAINING` if None.

    Returns:
        dict, as metrics.json of the folder holds it: `eval_masked_lm_loss` (in nats for a
        masked token), `eval_masked_lm_accuracy`, `eval_next_sentence_accuracy`; the losses
        of baselines, `uniform_loss`, `unigram_loss`, `bigram_loss`; and figures of
        training.

    Raises:
        As `finetune`.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PretrainConfig(
        ...     data_dir="store", eval_data_dir="store", size="tiny",
        ...     output_dir="pretrained", max_seq_length=16)
        >>> training = bert_tf.TrainConfig(max_steps=2)
        >>> bert_tf.pretrain(config, training)["train_steps"]
        2
    """
    return run(config, training or TrainConfig(**TRAINING), begin=_find_start)


def _find_start(config, store):
    """Returns the `Start` of pretraining."""
    path = folders.resolve(config.model) if config.model else None
    return Start("pretrain", model_folder(config, store), path, config.model)


def run(config, training, *, begin):
    """Pretrains on a store; `pretrain` says more.

    Args:
        config: `PretrainConfig`, or another with `data_dir`, `eval_data_dir`,
            `output_dir` and the options of pretraining.
        training: `TrainConfig`.
        begin: function(config, `Store`) → `Start`, called before anything is written; its
            `prepare` takes the store in place of a table.
    """
    options = config.task_options
    if options.phases:
        if training.max_steps:
            raise ValueError(
                f"phases ({options.phases}) determine the number of updates; drop "
                "max_steps."
            )
        total = sum(steps for _, steps in options.parse_phases())
        training = dataclasses.replace(training, max_steps=total)
    engine.select(training.engine)
    flags = session.collect_flags(config, training)
    return session.unless_finished(
        config.output_dir,
        flags,
        training,
        lambda strategy: _run(config, training, flags, strategy, begin),
    )


def _run(config, training, flags, strategy, begin):
    """Makes one run, as `run`."""
    output_dir, options = pathlib.Path(config.output_dir), config.task_options
    # Everything that a user may have got wrong comes before anything is written.
    if training.lora_rank:
        raise ValueError("lora_rank is for fine-tuning; drop it.")
    store = Store(config.data_dir)
    start = begin(config, store)
    folder, held_out = start.folder, None
    if config.eval_data_dir:
        held_out = held_out_store(config.eval_data_dir, store)
    task = Pretraining.learn(None, store, options)
    check_length(task.options.longest[0], folder.config)
    check_architecture(folder.config, "the model to pretrain")
    columns = task.columns(store)
    if start.prepare:
        task, columns = start.prepare(task, store)
    manifests = [repr(part.manifest) for part in filter(None, (store, held_out))]
    job = session.Job(
        task=task,
        folder=folder,
        weights=start.weights,
        train=columns,
        evaluation=held_out,
        fingerprint=journal.digest([*manifests, *filter(None, [start.fingerprint])]),
        operations_per_token=operations_per_token(
            folder.config, options.masked_lm_prob
        ),
    )
    baselines = {}
    if held_out:
        rows = task.evaluation_rows(
            held_out, batch_size=training.per_device_eval_batch_size
        )
        health = Health(store, rows)
        job.on_scores = lambda scores: health.look(scores["masked_lm_loss"])
        baselines = health.baselines
    trained = session.train(job, training, output_dir, flags, strategy)
    metrics = {
        **trained.scores,
        **{f"{name}_loss": value for name, value in baselines.items()},
        **trained.figures,
        "train_examples": trained.figures["train_steps"] * trained.examples_per_update,
    }
    if engine.part("workers").Workers(strategy).chief:
        folders.write(output_dir, trained.model, folder, architecture=task.architecture)
        report.write_pretrained(
            output_dir,
            trained.lines,
            metrics,
            baselines=baselines,
            phases=options.parse_phases(),
            start=start.name,
            only_here=folder.config.peculiarity,
            settings=session.changed_flags(config, training, TRAINING),
        )
        session.finish(output_dir, metrics)
    return metrics
