"""Learns a WordPiece vocabulary from raw text.

python scripts/learn_vocabulary.py --input_files='text/*.txt' --output=vocab.txt

Prints its size, and its quality on held-out lines, as one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import vocabulary

flags.define(vocabulary.VocabularyConfig)


def main(_):
    config = flags.parse(vocabulary.VocabularyConfig)
    print(json.dumps(vocabulary.learn_vocabulary(config)))


if __name__ == "__main__":
    flags.start(main)
