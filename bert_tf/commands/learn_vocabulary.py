"""Learns a WordPiece vocabulary from raw text.

bert-tf learn-vocabulary --input_files='text/*.txt' --output=vocab.txt

Prints its size, and its quality on held-out lines, as one JSON object.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.vocabulary import VocabularyConfig, learn_vocabulary


def define():
    flags.define(VocabularyConfig)


def main(_):
    print(json.dumps(learn_vocabulary(flags.parse(VocabularyConfig))))
