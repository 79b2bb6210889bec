r"""Removes attention heads, feed-forward units and layers from a fine-tuned model.

bert-tf prune --model=model --train_file=train.tsv --eval_file=dev.tsv --prune=0.4 \
  --output_dir=pruned

Prints the metrics as JSON, with the sizes and scores before; the model folder is --output_dir.
"""

from bert_tf import report
from bert_tf.commands import flags
from bert_tf.compression.plan import PruneConfig
from bert_tf.compression.stages import prune
from bert_tf.tasks import TASKS
from bert_tf.training.config import TrainConfig


def define():
    flags.define(PruneConfig)
    trained = {n: task for n, task in TASKS.items() if task.scored and not task.decodes}
    flags.define_options(PruneConfig, trained, "training")
    flags.define(TrainConfig)


def main(_):
    config = flags.parse(PruneConfig)
    print(report.as_json(prune(config, flags.parse(TrainConfig))))
