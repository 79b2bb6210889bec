r"""Distils a trained model into a smaller one, which learns from its predictions.

bert-tf distill --teacher=model --student=tiny --train_file=train.tsv \
  --eval_file=dev.tsv --output_dir=student

Prints the metrics as JSON; the model folder is --output_dir.
"""

from bert_tf import report
from bert_tf.commands import flags
from bert_tf.compression.distilling import DistillConfig, distill
from bert_tf.tasks import TASKS
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training.config import TrainConfig


def define():
    flags.define(DistillConfig)
    taught = {name: task for name, task in TASKS.items() if task.scored and task.soft}
    taught[Pretraining.name] = Pretraining
    flags.define_options(DistillConfig, taught, "training")
    flags.define(TrainConfig)


def main(_):
    config = flags.parse(DistillConfig)
    print(report.as_json(distill(config, flags.parse(TrainConfig))))
