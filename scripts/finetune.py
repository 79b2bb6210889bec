r"""Fine-tunes a BERT on labelled text.

python scripts/finetune.py --model=minilm --train_file=train.tsv --eval_file=dev.tsv \
  --output_dir=model

Prints the metrics as JSON; the model folder is --output_dir.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf import run
    from bert_tf.tasks import TASKS

flags.define(run.FinetuneConfig)
flags.define_options(run.FinetuneConfig, TASKS, "training")
flags.define(run.TrainConfig)


def main(_):
    config, training = flags.parse(run.FinetuneConfig), flags.parse(run.TrainConfig)
    print(json.dumps(run.finetune(config, training)))


if __name__ == "__main__":
    flags.start(main)
