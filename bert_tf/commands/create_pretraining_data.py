r"""Tokenises raw text into the store that pretraining reads.

bert-tf create-pretraining-data --input_files='text/*.txt' \
  --vocab_file=vocab.txt --output_dir=store

Prints the size of the store as one JSON object.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data


def define():
    flags.define(PretrainingDataConfig)


def main(_):
    print(json.dumps(create_pretraining_data(flags.parse(PretrainingDataConfig))))
