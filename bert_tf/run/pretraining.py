"""Pretraining: from a store of tokenised text to a model folder with both heads."""

import dataclasses
import pathlib

import keras
import tensorflow as tf

from bert_tf import report
from bert_tf.checkpoints import folder as folders
from bert_tf.config import SIZES
from bert_tf.data.corpus.masking import UNITS, Masking
from bert_tf.data.corpus.pairs import Examples
from bert_tf.data.corpus.store import Store
from bert_tf.data.rows.pipeline import steps_per_epoch
from bert_tf.data.rows.pretraining import held_out_rows, pretraining_rows, row_maker
from bert_tf.ground import at_least, changed, matmul_rate, one_of, require
from bert_tf.models.backbone import BertBackbone
from bert_tf.predictor import check_length, show_progress
from bert_tf.run.health import Health
from bert_tf.run.needs import unless_finished
from bert_tf.run.origin import held_out_store, model_folder
from bert_tf.run.peak import operations_per_token
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training import journal, loop, selection
from bert_tf.training.config import TrainConfig
from bert_tf.training.tensorflow.engine import Engine
from bert_tf.training.tensorflow.evaluation import make_summer
from bert_tf.training.tensorflow.workers import Workers

# What differs from fine-tuning, as published (Devlin et al., 2019, A.2).
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
HELD_OUT_SEED = 0  # Of what is held out: all runs are scored on the same pieces.


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """What to pretrain, on what, and where to put it."""

    data_dir: str = ""  # Store that create_pretraining_data.py made.
    eval_data_dir: str = ""  # Another one, to score on; none: no evaluation.
    size: str = ""  # New model: tiny, mini, small, medium, base or large.
    config: str = ""  # Or new model by its config.json.
    model: str = ""  # Or go on from this folder, with its own vocabulary.
    output_dir: str = ""  # Folder to write; an interrupted run in it goes on.
    max_seq_length: int = 128  # Pieces of an example.
    phases: str = ""  # Instead, lengths and updates: 128:900000,512:100000.
    nsp: bool = True  # Learn to tell the next sentence, too.
    masking: str = "piece"  # What is hidden: pieces, whole words ("word") or a "span".
    masked_lm_prob: float = 0.15  # Share of the pieces that is hidden.
    max_eval_steps: int = 100  # Batches scored each time; 0: all.

    def __post_init__(self):
        require(self, "data_dir", "output_dir")
        chosen = [f for f in ("size", "config", "model") if getattr(self, f)]
        if len(chosen) != 1:
            raise ValueError(
                "what to pretrain is told by one of size, config and model; received "
                f"{' and '.join(chosen) or 'none'}. Pass, say, --size=small."
            )
        one_of("size", self.size, ("", *SIZES))
        one_of("masking", self.masking, UNITS)
        if not 0 < self.masked_lm_prob < 1:
            raise ValueError(
                f"masked_lm_prob must be in (0, 1); received {self.masked_lm_prob}."
            )
        at_least(self, "max_eval_steps", 0)
        self.parse_phases()

    def parse_phases(self):
        """Returns [(max_seq_length, updates)]; updates are None without `phases`."""
        if not self.phases:
            return [(self.max_seq_length, None)]
        phases = []
        for part in self.phases.split(","):
            length, _, steps = part.strip().partition(":")
            if not (length.isdecimal() and steps.isdecimal() and int(steps)):
                raise ValueError(
                    "phases must be lengths and updates such as 128:900000,512:100000; "
                    f"received {self.phases!r}."
                )
            phases.append((int(length), int(steps)))
        return phases


def pretrain(config, training=None):
    """Pretrains a model and writes it as a model folder.

    Args:
        config: `PretrainConfig`.
        training: `TrainConfig`; with the defaults of `TRAINING` where None.

    Returns:
        dict, as metrics.json of the folder holds it: `eval_masked_lm_loss` (nats a
        hidden piece), `eval_masked_lm_accuracy`, `eval_next_sentence_accuracy`; what
        guessing would cost, `uniform_loss`, `unigram_loss`, `bigram_loss`; and what
        training took.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        loop.Stopped: on SIGTERM; the same call goes on.
        ConnectionError: of several workers, one is lost; the same calls go on.

    Example:
        >>> pretrain(PretrainConfig(
        ...     data_dir="store", eval_data_dir="held_out", size="small",
        ...     output_dir="model"))  # doctest: +SKIP
    """
    training = training or TrainConfig(**TRAINING)
    if config.phases:
        if training.max_steps:
            raise ValueError(
                f"phases ({config.phases}) tell the updates already; drop max_steps."
            )
        total = sum(steps for _, steps in config.parse_phases())
        training = dataclasses.replace(training, max_steps=total)
    flags = dataclasses.asdict(config) | dataclasses.asdict(training)
    return unless_finished(
        config.output_dir,
        flags,
        training.distribution,
        lambda strategy: _pretrain(config, training, flags, strategy),
    )


def _pretrain(config, training, flags, strategy):
    """One run, as `pretrain`; flags are those of both."""
    output_dir, workers = pathlib.Path(config.output_dir), Workers(strategy)
    phases = config.parse_phases()
    # All that a user may have got wrong comes before anything is written.
    if training.lora_rank:
        raise ValueError("lora_rank is for fine-tuning; drop it.")
    store = Store(config.data_dir)
    folder = model_folder(config, store)
    held_out = config.eval_data_dir and held_out_store(config.eval_data_dir, store)
    check_length(max(length for length, _ in phases), folder.config)
    selection.check_freeze(training.freeze, folder.config.num_hidden_layers)
    masking = Masking(store.vocab, unit=config.masking, share=config.masked_lm_prob)
    tasks = [
        Pretraining(
            masking,
            cls_id=store.vocab.index("[CLS]"),
            sep_id=store.vocab.index("[SEP]"),
            max_seq_length=length,
            next_sentence=config.nsp,
        )
        for length, _ in phases
    ]
    make_rows = [row_maker(task.features) for task in tasks]
    examples = [_examples(config, store, length, training.seed) for length, _ in phases]

    keras.utils.set_random_seed(training.seed)
    with strategy.scope():
        model = tasks[0].build(
            BertBackbone(
                folder.config,
                dtype=training.dtype_policy,
                gradient_checkpointing=training.gradient_checkpointing,
            )
        )
        # A run that was interrupted overwrites both with its checkpoint, in loop.train.
        if config.model:
            folders.load_weights(folders.resolve(config.model), model, new_heads=True)
    selection.select(model, freeze=training.freeze)

    plan = {
        "batch_size": training.per_device_train_batch_size,
        "micro_batches": training.gradient_accumulation_steps
        * strategy.num_replicas_in_sync,
    }
    health = None
    if held_out:
        rows = held_out_rows(
            _examples(config, held_out, phases[-1][0], HELD_OUT_SEED),
            make_rows[-1],
            batch_size=training.per_device_eval_batch_size,
            most=config.max_eval_steps * training.per_device_eval_batch_size,
        )
        health = Health(store, rows)
        summer = make_summer(model, tasks[-1].measure)

    def evaluate():
        scores = tasks[-1].score(summer(rows, show_progress))
        health.look(scores["masked_lm_loss"])
        return scores

    peak = matmul_rate(tf.as_dtype(model.compute_dtype).name) * workers.count
    per_token = operations_per_token(folder.config, config.masked_lm_prob)

    stores = filter(None, (store, held_out))
    data = journal.digest(repr(one.manifest) for one in stores)
    journal.begin(output_dir, flags, workers, data)
    steps = steps_per_epoch(examples[0].epoch_size(), **plan)
    engine = Engine(
        model, tasks[0], training, strategy, total_steps=training.total_steps(steps)
    )
    lines, scores = loop.train(
        engine,
        lambda step, share: phased_rows(
            phases, make_rows, examples, step, training.seed, plan, share
        ),
        config=training,
        steps_per_epoch=steps,
        evaluate=evaluate if held_out and training.eval_strategy != "no" else None,
        metric=tasks[0].metric,
        output_dir=output_dir,
        matmul_share=lambda tokens_per_second: tokens_per_second * per_token / peak,
    )
    if held_out and not scores:
        scores = {f"eval_{name}": value for name, value in evaluate().items()}
    figures = journal.training_figures(lines)
    batch = plan["batch_size"] * plan["micro_batches"]
    metrics = {
        **scores,
        **({f"{k}_loss": v for k, v in health.baselines.items()} if health else {}),
        **figures,
        "train_examples": figures["train_steps"] * batch,
    }
    if not workers.chief:
        return metrics
    folders.write(output_dir, model, folder, architecture=tasks[0].architecture)
    report.write_pretrained(
        output_dir,
        lines,
        metrics,
        baselines=health.baselines if health else {},
        start=f"`{config.model}`" if config.model else "random weights",
        settings=changed(config) | changed(training, TRAINING),
    )
    journal.write_metrics(output_dir, metrics)
    journal.forget_state(output_dir)
    return metrics


def _examples(config, store, length, seed):
    return Examples(store, max_seq_length=length, seed=seed, next_sentence=config.nsp)


def phased_rows(phases, make_rows, examples, step, seed, plan, share=(1, 0)):
    """Returns a worker's rows from `step` on, one phase after the other; the last has no end."""
    rows, begin, last = None, 0, len(phases) - 1
    for number, ((_, steps), maker, drawn) in enumerate(
        zip(phases, make_rows, examples)
    ):
        start, begin = max(step, begin), begin + (steps or 0)
        if number < last and step >= begin:
            continue
        more = pretraining_rows(
            drawn, maker, **plan, seed=seed, start_step=start, share=share
        )
        if number < last:
            more = more.take((begin - start) * plan["micro_batches"] // share[0])
        rows = more if rows is None else rows.concatenate(more)
    return rows
