"""The settings of training, with their defaults and their checks."""

import dataclasses
import math

from bert_tf.docstrings import list_settings
from bert_tf.ground import above_zero, at_least, check_numbers, one_of, setting
from bert_tf.training.engine import ENGINES, HELP
from bert_tf.training.selection import parse_freeze

_SMALLEST = 1.2e-38
# The update holds each micro-batch as a graph of its own.
_MOST_MICRO_BATCHES = 4096


@list_settings
@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How to train; names and meanings are those of Hugging Face's TrainingArguments.

    Example:
        >>> import bert_tf
        >>> bert_tf.TrainConfig(bf16=True).dtype_policy
        'mixed_bfloat16'
    """

    num_train_epochs: float = setting(
        3.0, "Passes over the training data.", section="training: length"
    )
    max_steps: int = setting(
        0, "Updates to train for. 0: by num_train_epochs or train_minutes."
    )
    train_minutes: float = setting(
        0.0, "Minutes to train for, after compilation. 0: by epochs or max_steps."
    )
    seed: int = setting(
        1, "Seed of new weights, of the order of examples and of dropout."
    )

    per_device_train_batch_size: int = setting(
        32, "Examples of a micro-batch on each device.", section="batches and hardware"
    )
    per_device_eval_batch_size: int = setting(128, "Examples of a batch in evaluation.")
    gradient_accumulation_steps: int = setting(
        1, "Micro-batches of an update; small ones save memory."
    )
    engine: str = setting("", HELP)
    gradient_checkpointing: bool = setting(
        False, "Compute each layer twice to save memory."
    )
    bf16: bool = setting(False, "Compute in bfloat16 with float32 weights.")
    fp16: bool = setting(False, "Compute in float16 with a scaled loss (older GPUs).")
    attention: str = setting(
        "",
        "ops, by_example, splash (TPU) or cudnn (GPU). Empty: chosen.",
    )
    attention_dropout: bool = setting(True, "Dropout of attention; kernels have none.")
    distribution: str = setting(
        "auto",
        "auto, one_device, mirrored (all devices), multi_worker (TF_CONFIG).",
    )

    learning_rate: float = setting(
        5e-5,
        "Peak learning rate. Larger values (1e-4 to 5e-4) suit small models.",
        section="learning rate",
    )
    lr_scheduler_type: str = setting(
        "linear", "Decay after the warm-up: linear, polynomial, cosine or constant."
    )
    lr_decay_power: float = setting(
        1.0, "Power of the polynomial decay; 0.5 is usual with lamb."
    )
    warmup_ratio: float = setting(
        0.1, "Fraction of the run in which the learning rate rises from 0."
    )
    # The length of BERT's own warm-up.
    max_warmup_steps: int = setting(
        10_000, "Upper limit of the warm-up in updates. 0: no warm-up."
    )
    layerwise_lr_decay: float = setting(
        1.0, "Ratio of each layer's learning rate to that of the layer above."
    )

    optim: str = setting(
        "adamw",
        "adamw, or lamb for batches of thousands (with rates near 1e-3).",
        section="optimizer and trained weights",
    )
    adam_beta1: float = setting(
        0.9, "Decay of the optimizer's running mean of gradients."
    )
    adam_beta2: float = setting(
        0.999, "Decay of the optimizer's running mean of squared gradients."
    )
    adam_epsilon: float = setting(1e-8, "Adam's epsilon, added to the denominator.")
    max_grad_norm: float = setting(
        1.0, "Gradients of a larger norm are scaled down to it. 0: never."
    )
    weight_decay: float = setting(
        0.01, "Decay of weights in an update, except of biases and LayerNorm."
    )
    ema_decay: float = setting(
        0.0, "Decay of weight averages to evaluate and save, say 0.999. 0: none."
    )
    adversarial_epsilon: float = setting(
        0.0, "Also train on the worst change of word vectors of this norm. 0: off."
    )
    freeze: str = setting(
        "",
        "Freeze embeddings, a number of lowest layers, or both: embeddings,3.",
    )
    lora_rank: int = setting(
        0, "Train only LoRA adapters of this rank and the head. 0: all weights."
    )
    # Divided by the rank, so that ranks compare at the same learning rate.
    lora_alpha: float = setting(
        16.0, "LoRA adapters are multiplied by lora_alpha / lora_rank."
    )
    quantization_aware: bool = setting(
        False, "Round weights as export --quantize=int8 does."
    )

    eval_strategy: str = setting(
        "epoch",
        "When to evaluate: epoch, steps (by eval_steps) or no (at the end).",
        section="evaluation and checkpoints",
    )
    eval_steps: int = setting(
        500, "Updates between evaluations if eval_strategy is steps."
    )
    early_stopping_patience: int = setting(
        0, "Evaluations without improvement that end training. 0: never."
    )
    early_stopping_threshold: float = setting(
        0.0, "Smallest gain that resets the count of early_stopping_patience."
    )
    load_best_model_at_end: bool = setting(
        True, "Keep the weights of the best evaluation."
    )
    save_steps: int = setting(
        500, "Updates between checkpoints. 0: only at evaluations and the end."
    )
    save_total_limit: int = setting(
        1, "Checkpoints to keep; more of them protect against a damaged one."
    )
    logging_steps: int = setting(10, "Updates between lines of metrics.jsonl.")
    overwrite_output_dir: bool = setting(
        False, "Replace the run in output_dir, if any."
    )

    def __post_init__(self):
        check_numbers(self)
        for name in (
            "per_device_train_batch_size",
            "per_device_eval_batch_size",
            "gradient_accumulation_steps",
            "eval_steps",
            "logging_steps",
            "save_total_limit",
        ):
            at_least(self, name, 1)
        for name in (
            "max_steps",
            "train_minutes",
            "max_warmup_steps",
            "save_steps",
            "seed",
            "weight_decay",
            "max_grad_norm",
            "adversarial_epsilon",
            "lora_rank",
            "early_stopping_patience",
            "early_stopping_threshold",
        ):
            at_least(self, name, 0)
        one_of("eval_strategy", self.eval_strategy, ("epoch", "steps", "no"))
        one_of(
            "attention", self.attention, ("", "ops", "by_example", "splash", "cudnn")
        )
        one_of("engine", self.engine, ("", *ENGINES))
        one_of("optim", self.optim, ("adamw", "lamb"))
        schedules = ("linear", "polynomial", "cosine", "constant")
        one_of("lr_scheduler_type", self.lr_scheduler_type, schedules)
        for name in ("learning_rate", "lr_decay_power", "lora_alpha"):
            above_zero(self, name)
        if not (self.max_steps or self.train_minutes):
            above_zero(self, "num_train_epochs")
        if not 0 <= self.warmup_ratio <= 1:
            raise ValueError(
                f"warmup_ratio must be in [0, 1]; received {self.warmup_ratio}."
            )
        for name in ("adam_beta1", "adam_beta2", "ema_decay"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1); received {value}.")
        if not self.adam_epsilon >= _SMALLEST:
            raise ValueError(
                f"adam_epsilon must be > 0, and at least {_SMALLEST:g}, the smallest "
                f"number of float32; received {self.adam_epsilon}."
            )
        if self.gradient_accumulation_steps > _MOST_MICRO_BATCHES:
            raise ValueError(
                f"gradient_accumulation_steps must be at most {_MOST_MICRO_BATCHES}; "
                f"received {self.gradient_accumulation_steps}. Raise "
                "per_device_train_batch_size instead."
            )
        if not 0 < self.layerwise_lr_decay <= 1:
            raise ValueError(
                f"layerwise_lr_decay must be in (0, 1]; received "
                f"{self.layerwise_lr_decay}. 1 trains all layers at the same rate."
            )
        parse_freeze(self.freeze)
        self._check_pairs()

    def _check_pairs(self):
        """Checks settings that exclude or need each other."""
        if self.max_steps and self.train_minutes:
            raise ValueError(
                f"max_steps={self.max_steps} and train_minutes={self.train_minutes} both "
                "set the length of the run; drop one."
            )
        if self.bf16 and self.fp16:
            raise ValueError(
                "bf16 and fp16 exclude each other; keep bf16 if the hardware has it."
            )
        if self.attention == "cudnn" and not (self.bf16 or self.fp16):
            raise ValueError(
                "attention=cudnn computes in half precision; pass bf16 too, or "
                "attention=ops."
            )
        if self.quantization_aware and (self.bf16 or self.fp16):
            raise ValueError(
                "quantization_aware rounds float32 numbers to eight bits, of which half "
                "precision has too few; drop bf16 or fp16."
            )
        if self.freeze and self.lora_rank:
            raise ValueError(
                f"lora_rank={self.lora_rank} already freezes all weights but those of "
                f"the adapters and the head; drop freeze={self.freeze!r}."
            )
        if self.early_stopping_patience and self.eval_strategy == "no":
            raise ValueError(
                f"early_stopping_patience={self.early_stopping_patience} needs "
                "evaluations, but eval_strategy is no; set it to epoch or steps."
            )

    def total_steps(self, steps_per_epoch):
        """Returns the number of updates of the run, unless `train_minutes` ends it.

        Raises:
            ValueError: there are more than can be counted.
        """
        steps = self.max_steps or self.num_train_epochs * steps_per_epoch
        if steps >= 2**31:
            raise ValueError(
                f"num_train_epochs={self.num_train_epochs} makes {steps:.3g} updates; "
                "lower it."
            )
        return math.ceil(steps)

    def warmup_steps(self, total_steps):
        """Returns the number of updates of the warm-up."""
        return min(self.max_warmup_steps, math.ceil(total_steps * self.warmup_ratio))

    @property
    def dtype_policy(self):
        """Name of the Keras dtype policy of the model."""
        if self.fp16:
            return "mixed_float16"
        return "mixed_bfloat16" if self.bf16 else "float32"
