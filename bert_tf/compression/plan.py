"""What `prune` removes, and in which steps."""

import dataclasses
import math
import re

from bert_tf.compression.pruning import BLOCK, count_blocks, removable
from bert_tf.docstrings import list_settings
from bert_tf.ground import above_zero, at_least, setting
from bert_tf.run.finetuning import FinetuneConfig


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class PruneConfig(FinetuneConfig):
    """What to remove from a fine-tuned model, on which data, and where to write it.

    Options of the task are those that the model remembers, unless given by keyword.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.PruneConfig(
        ...     model="model", train_file="train.csv", output_dir="pruned",
        ...     prune_heads=0.5)
        >>> config.prune_steps
        4
    """

    # No flag: of random weights none matters more than another.
    from_scratch: bool = False
    task: str = setting("", "Task; its options are below. Empty: the model's.")
    prune: float = setting(
        0.0,
        "Fraction of the parameters of all layers to remove, in (0, 1): heads and units "
        "in the same proportion. 0: none.",
        section="pruning",
    )
    prune_heads: float = setting(
        0.0, "Fraction of the attention heads to remove, in (0, 1). 0: none."
    )
    prune_intermediate: float = setting(
        0.0, "Fraction of the feed-forward units to remove, in (0, 1). 0: none."
    )
    drop_layers: str = setting(
        "",
        "Layers to remove first: numbers from 0, the lowest, as in 2,4. Empty: none.",
    )
    prune_steps: int = setting(
        4, "Cuts in which heads and units are removed; training follows each."
    )
    prune_epochs: float = setting(
        1.0, "Epochs of training after each cut but the last."
    )

    def _check_task(self):
        if self.task:  # Else `prune` finds it in the model's folder, and checks then.
            super()._check_task()

    def __post_init__(self):
        super().__post_init__()
        if self.from_scratch:
            raise ValueError(
                "from_scratch makes random weights, of which none matters more than "
                "another; drop it."
            )
        if self.few_shot:
            raise ValueError(
                "few_shot is for finetune, since pruning needs the losses of labels; drop "
                "it."
            )
        for name in ("prune", "prune_heads", "prune_intermediate"):
            value = getattr(self, name)
            if value and not 0 < value < 1:
                raise ValueError(f"{name} must be in (0, 1); received {value}.")
        separate = [
            n for n in ("prune_heads", "prune_intermediate") if getattr(self, n)
        ]
        if self.prune and separate:
            raise ValueError(
                f"prune={self.prune} already says how many heads and units to remove; "
                f"drop {separate[0]}."
            )
        if not (self.prune or separate or self.drop_layers):
            raise ValueError(
                "nothing is to be pruned: pass prune, prune_heads, prune_intermediate or "
                "drop_layers."
            )
        at_least(self, "prune_steps", 1)
        above_zero(self, "prune_epochs")
        if self.drop_layers and not re.fullmatch(r"\d+(\s*,\s*\d+)*", self.drop_layers):
            raise ValueError(
                "drop_layers must be numbers from 0 with commas between, as in 2,4; "
                f"received {self.drop_layers!r}."
            )


def choose_dropped(config, layers):
    """Returns the numbers of the layers that a `PruneConfig` drops of so many layers.

    Raises:
        ValueError: the model has no such layer, or none would stay.
    """
    dropped = sorted(
        {int(number) for number in config.drop_layers.split(",") if number}
    )
    if dropped and dropped[-1] >= layers:
        raise ValueError(
            f"drop_layers={config.drop_layers} names layer {dropped[-1]}, but the model "
            f"has the layers 0 to {layers - 1}."
        )
    if len(dropped) == layers:
        raise ValueError(
            f"drop_layers={config.drop_layers} leaves none of the {layers} layers; keep "
            "at least one."
        )
    return dropped


def plan_cuts(config, model):
    """Returns how many heads and blocks of units are left after each cut, [(int, int)].

    The cuts are equally large, up to rounding. Those that would remove nothing are left out.

    Args:
        config: `PruneConfig`.
        model: `BertConfig` of the encoder, without the layers that are dropped.

    Raises:
        ValueError: a fraction is too large, because a head and `BLOCK` units of each layer
            must stay; or too small to remove anything.
    """
    heads, units = zip(*model.layer_shapes)
    if config.prune:
        goals = _divide(config.prune, model)
    else:
        widths = config.prune_intermediate
        goals = (
            _count("prune_heads", config.prune_heads, heads),
            _count("prune_intermediate", widths, units, BLOCK),
        )
    totals = sum(heads), count_blocks(units, BLOCK)
    cuts = [
        tuple(
            total - round(goal * step / config.prune_steps)
            for total, goal in zip(totals, goals)
        )
        for step in range(1, config.prune_steps + 1)
    ]
    return [cut for cut in dict.fromkeys(cuts) if cut != totals]


def _count(name, fraction, sizes, block=1):
    """Returns how many blocks to remove of layers with so many heads or units."""
    if not fraction:
        return 0
    goal = round(fraction * sum(sizes) / block)
    _check(name, fraction, goal, removable(sizes, block) * block / sum(sizes))
    return goal


def _divide(fraction, model):
    """Returns how many heads, and blocks of units, have a fraction of the parameters."""
    heads, units = zip(*model.layer_shapes)
    size, hidden = model.attention_head_size, model.hidden_size
    head, block = 4 * hidden * size + 3 * size, BLOCK * (2 * hidden + 1)
    # Two biases and two LayerNorms of a layer stay in any case.
    total = sum(heads) * head + sum(units) * block / BLOCK
    goal = fraction * (total + 6 * hidden * len(heads))
    alike = goal / total
    most = removable(heads), removable(units, BLOCK)
    # If heads cannot give their part, units give more, and the other way round.
    blocks = min(round(alike * sum(units) / BLOCK), most[1])
    removed = min(round((goal - blocks * block) / head), most[0])
    blocks = min(round((goal - removed * head) / block), most[1])
    largest = fraction * (most[0] * head + most[1] * block) / goal
    _check("prune", fraction, removed + blocks, largest)
    return removed, blocks


def _check(name, fraction, goal, largest):
    """Refuses a fraction that is beyond the largest one, or that removes nothing."""
    if not largest:
        raise ValueError(
            f"{name}={fraction} has nothing left to remove: each layer has one head, or "
            f"{BLOCK} units, already. Drop it, or drop whole layers (drop_layers)."
        )
    if fraction > largest:
        raise ValueError(
            f"{name}={fraction} removes too much, because a head and {BLOCK} units of each "
            f"layer must stay; pass at most {math.floor(1000 * largest) / 1000}."
        )
    if not goal:
        raise ValueError(
            f"{name}={fraction} removes less than half a head, or half of {BLOCK} units, "
            "and so nothing; raise it."
        )
