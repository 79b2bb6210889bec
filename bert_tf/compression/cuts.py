"""Model folders with fewer heads, units and layers than those that they are made from."""

import dataclasses
import functools
import logging

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.compression import pruning
from bert_tf.compression.importance import importance
from bert_tf.ground import count, replacing_folder
from bert_tf.predictor import Model

# Examples on which heads and units are ranked, so that ranking takes less than training.
_RANKED_ON = 10_000

_log = logging.getLogger(__name__)


def rank_parts(path, *, task, training, columns):
    """Returns the scores of heads and units of the model in a folder; see `importance`."""
    examples = task.examples(columns)
    batch = {
        "batch_size": training.per_device_train_batch_size,
        "micro_batches": 1,
        "seed": training.seed,
    }
    batches = min(
        task.steps_per_epoch(examples, **batch), -(-_RANKED_ON // batch["batch_size"])
    )
    rows = task.training_rows(examples, **batch)
    model = Model(path, task=task.name).keras_model
    return importance(model, task, rows, batches)


def drop(source, target, *, dropped):
    """Writes the model folder `target`, that of `source` without some layers."""
    _log.info("removing the layers %s.", ", ".join(map(str, dropped)))
    _write(source, target, functools.partial(pruning.drop_layers, dropped=dropped))


def cut(source, target, *, rank, left):
    """Writes the model folder `target`, that of `source` with so many heads and blocks."""
    heads, units = rank(source)
    sizes = [list(map(len, scores)) for scores in (heads, units)]
    blocks = pruning.count_blocks(sizes[1], pruning.BLOCK)
    heads = pruning.keep_best(heads, sum(sizes[0]) - left[0])
    units = pruning.keep_best(units, blocks - left[1], pruning.BLOCK)
    _log.info(
        "kept %d of %s and %s of %s.",
        sum(map(len, heads)),
        count(sum(sizes[0]), "attention head"),
        f"{sum(map(len, units)):,}",
        count(sum(sizes[1]), "feed-forward unit"),
    )
    _write(source, target, functools.partial(pruning.prune, heads=heads, units=units))


def _write(source, target, shrink):
    """Writes a model folder; `shrink` is function(arrays, config) → the smaller ones."""
    folder = folders.read(source)
    arrays, config = shrink(layouts.read_arrays(source), folder.config)
    architectures = config.extra.get("architectures") or [
        "BertForSequenceClassification"
    ]
    with replacing_folder(target) as beside:
        folders.write_arrays(
            beside, arrays, dataclasses.replace(folder, config=config), architectures[0]
        )
