"""Converts published BERT weights from one layout to another, heads included.

python scripts/convert_checkpoint.py --input=uncased_L-12_H-768_A-12 --output=bert
python scripts/convert_checkpoint.py --input=bert --output=tf1 --format=google
python scripts/convert_checkpoint.py --input=bert --output=more --add_tokens=covid,mrna

Prints what was written, and how much the outputs differ, as one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import converting

flags.define(converting.ConvertConfig)


def main(_):
    print(json.dumps(converting.convert(flags.parse(converting.ConvertConfig))))


if __name__ == "__main__":
    flags.start(main)
