r"""Fine-tunes a BERT on labelled text.

bert-tf finetune --model=minilm --train_file=train.tsv --eval_file=dev.tsv \
  --output_dir=model
Prints the metrics as JSON; the model folder is --output_dir.
"""

from bert_tf import report
from bert_tf.commands import flags
from bert_tf.run.finetuning import FinetuneConfig, finetune
from bert_tf.tasks import TASKS
from bert_tf.training.config import TrainConfig


def define():
    flags.define(FinetuneConfig)
    trained = {name: task for name, task in TASKS.items() if task.scored}
    flags.define_options(FinetuneConfig, trained, "training")
    flags.define(TrainConfig)


def main(_):
    config = flags.parse(FinetuneConfig)
    training = flags.parse(TrainConfig, **config.training_defaults)
    print(report.as_json(finetune(config, training)))
