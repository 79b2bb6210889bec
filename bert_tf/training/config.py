"""How to train: every choice, its default and the reason for it."""

import dataclasses
import math

from bert_tf.ground import above_zero, at_least, one_of
from bert_tf.training.selection import parse_freeze


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train; names and meanings are those of Hugging Face's TrainingArguments."""

    num_train_epochs: float = 3.0  # Passes over the training data.
    max_steps: int = 0  # Updates; 0 means by epochs.
    train_minutes: float = (
        0.0  # Or this long, once it is compiled, whatever the epochs.
    )
    per_device_train_batch_size: int = 32  # Examples of a micro-batch on a device.
    per_device_eval_batch_size: int = 128  # Examples at once in evaluation.
    gradient_accumulation_steps: int = 1  # Micro-batches an update, to save memory.
    gradient_checkpointing: bool = False  # Layers are computed twice, to save memory.
    learning_rate: float = 5e-5  # Peak; 2e-5 to 5e-5 suit BERT, more the small ones.
    optim: str = "adamw"  # Or lamb, for batches of thousands; its rates are near 1e-3.
    lr_scheduler_type: str = (
        "linear"  # After the warm-up: linear, polynomial, cosine, constant.
    )
    lr_decay_power: float = 1.0  # Of polynomial; 1 as BERT's own, 0.5 goes with lamb.
    warmup_ratio: float = 0.1  # Share of the run; Adam's variance needs it.
    max_warmup_steps: int = 10_000  # No warm-up is longer; BERT's own was this long.
    layerwise_lr_decay: float = (
        1.0  # Each layer down learns this much slower; 1: alike.
    )
    weight_decay: float = 0.01  # As published; not on biases and LayerNorm.
    adam_beta1: float = 0.9  # Decay of the mean gradient.
    adam_beta2: float = 0.999  # Decay of the mean squared gradient.
    adam_epsilon: float = 1e-8  # Added to its root.
    ema_decay: float = (
        0.0  # Scores and keeps averages of the weights, such as 0.999; 0: none.
    )
    max_grad_norm: float = 1.0  # Of the reduced gradient; 0 turns it off.
    freeze: str = (
        ""  # What stays as it is: embeddings, N lowest layers; "embeddings,3".
    )
    lora_rank: int = 0  # Train adapters of this rank and the head only; 0: all weights.
    lora_alpha: float = 16.0  # Adapters count alpha/rank times, so ranks compare.
    bf16: bool = False  # Compute in bfloat16, keep weights in float32.
    fp16: bool = (
        False  # Compute in float16, for GPUs without bfloat16; scales the loss.
    )
    seed: int = 1  # Of new weights, order and dropout.
    eval_strategy: str = "epoch"  # Evaluate each epoch, every eval_steps, or "no".
    eval_steps: int = 500  # Updates between evaluations where eval_strategy is steps.
    early_stopping_patience: int = 0  # Evaluations without a gain, then stop; 0: never.
    early_stopping_threshold: float = 0.0  # What is more than this is a gain.
    save_steps: int = 500  # Updates between checkpoints, beside one an evaluation.
    save_total_limit: int = 1  # Checkpoints kept; with more, a damaged one costs less.
    logging_steps: int = 10  # Updates between lines of metrics.jsonl.
    load_best_model_at_end: bool = (
        True  # Keep the best evaluated weights, not the last.
    )
    distribution: str = "auto"  # one_device, mirrored (GPUs), multi_worker (TF_CONFIG).

    def __post_init__(self):
        for name in ("per_device_train_batch_size", "per_device_eval_batch_size"):
            at_least(self, name, 1)
        for name in ("gradient_accumulation_steps", "eval_steps", "logging_steps"):
            at_least(self, name, 1)
        at_least(self, "save_total_limit", 1)
        for name in (
            "max_steps",
            "train_minutes",
            "max_warmup_steps",
            "save_steps",
            "seed",
            "weight_decay",
            "max_grad_norm",
            "lora_rank",
            "early_stopping_patience",
            "early_stopping_threshold",
        ):
            at_least(self, name, 0)
        one_of("eval_strategy", self.eval_strategy, ("epoch", "steps", "no"))
        one_of("optim", self.optim, ("adamw", "lamb"))
        schedules = ("linear", "polynomial", "cosine", "constant")
        one_of("lr_scheduler_type", self.lr_scheduler_type, schedules)
        for name in ("learning_rate", "lr_decay_power", "lora_alpha"):
            above_zero(self, name)
        if not math.isfinite(self.train_minutes):
            raise ValueError(
                f"train_minutes must be finite; received {self.train_minutes}."
            )
        if not (self.max_steps or self.train_minutes):
            above_zero(self, "num_train_epochs")
        if not 0 <= self.warmup_ratio <= 1:
            raise ValueError(
                f"warmup_ratio must be in [0, 1]; received {self.warmup_ratio}."
            )
        if not 0 < self.layerwise_lr_decay <= 1:
            raise ValueError(
                f"layerwise_lr_decay must be in (0, 1]; received "
                f"{self.layerwise_lr_decay}. 1 lets all layers learn alike."
            )
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1); received {self.ema_decay}.")
        parse_freeze(self.freeze)
        self._check_pairs()

    def _check_pairs(self):
        """Refuses what makes no sense together."""
        if self.max_steps and self.train_minutes:
            raise ValueError(
                f"max_steps={self.max_steps} and train_minutes={self.train_minutes} both "
                "say when to end; drop one."
            )
        if self.bf16 and self.fp16:
            raise ValueError(
                "bf16 and fp16 exclude each other; keep bf16 where the hardware has it."
            )
        if self.freeze and self.lora_rank:
            raise ValueError(
                f"lora_rank={self.lora_rank} freezes all but adapters and head already; "
                f"drop freeze={self.freeze!r}."
            )
        if self.early_stopping_patience and self.eval_strategy == "no":
            raise ValueError(
                f"early_stopping_patience={self.early_stopping_patience} needs "
                "evaluations, but eval_strategy is no; make it epoch or steps."
            )

    def total_steps(self, steps_per_epoch):
        return self.max_steps or math.ceil(self.num_train_epochs * steps_per_epoch)

    def warmup_steps(self, total_steps):
        return min(self.max_warmup_steps, math.ceil(total_steps * self.warmup_ratio))

    @property
    def dtype_policy(self):
        """The Keras policy of the model."""
        if self.fp16:
            return "mixed_float16"
        return "mixed_bfloat16" if self.bf16 else "float32"
