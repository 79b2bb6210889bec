r"""Finds the smallest file of a fine-tuned model that still answers as well.

bert-tf compress --model=model --train_file=train.tsv --eval_file=dev.tsv \
  --max_size_mb=12 --train_minutes=30 --output_dir=small

Tries float16, eight bits, a smaller vocabulary, pruning and distillation, prints one table
and, as JSON, the same figures. OUTPUT_DIR/model and OUTPUT_DIR/export are the best; the
exit status is 1 if none keeps the limits.
"""

from bert_tf import report
from bert_tf.commands import flags
from bert_tf.compression.compressing import CompressConfig, compress
from bert_tf.training.config import TrainConfig


def define():
    flags.define(CompressConfig)
    flags.define(TrainConfig)


def main(_):
    config = flags.parse(CompressConfig)
    print(report.as_json(compress(config, flags.parse(TrainConfig))))
