"""Tells whether one fine-tuned model is better than another, or whether it is chance.

bert-tf compare --model=A --baseline=B --eval_file=test.tsv

Either may be the folder of a run with several seeds. Prints one JSON object.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.comparison import CompareConfig, compare


def define():
    flags.define(CompareConfig)


def main(_):
    print(json.dumps(compare(flags.parse(CompareConfig))))
