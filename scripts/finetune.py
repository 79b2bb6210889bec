r"""Fine-tunes a BERT on labelled text.

python scripts/finetune.py --model=minilm --train_file=train.tsv --eval_file=dev.tsv \
  --output_dir=model

Prints the metrics as JSON; the model folder is --output_dir.
"""

import flags

with flags.quiet_imports():
    import bert_tf
    from bert_tf import report
    from bert_tf.tasks import TASKS

flags.define(bert_tf.FinetuneConfig)
trained = {name: task for name, task in TASKS.items() if task.scored}
flags.define_options(bert_tf.FinetuneConfig, trained, "training")
flags.define(bert_tf.TrainConfig)


def main(_):
    config = flags.parse(bert_tf.FinetuneConfig)
    print(report.as_json(bert_tf.finetune(config, flags.parse(bert_tf.TrainConfig))))


if __name__ == "__main__":
    flags.start(main)
