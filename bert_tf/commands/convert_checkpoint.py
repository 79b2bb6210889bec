"""Converts published BERT weights from one layout to another, heads included.

bert-tf convert-checkpoint --input=uncased_L-12_H-768_A-12 --output=bert
bert-tf convert-checkpoint --input=bert --output=tf1 --format=google
bert-tf convert-checkpoint --input=bert --output=more --add_tokens=covid,mrna
bert-tf convert-checkpoint --input=bert --output=small --trim_vocab='texts/*.txt'
bert-tf convert-checkpoint --input=bert --output=light --weights_dtype=int8

Prints what was written, and how much the outputs differ, as one JSON object.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.converting import ConvertConfig, convert


def define():
    flags.define(ConvertConfig)


def main(_):
    print(json.dumps(convert(flags.parse(ConvertConfig))))
