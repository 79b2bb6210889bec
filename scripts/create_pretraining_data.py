r"""Tokenises raw text into the store that pretraining reads.

python scripts/create_pretraining_data.py --input_files='text/*.txt' \
  --vocab_file=vocab.txt --output_dir=store

Prints the size of the store as one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import pretraining_data

flags.define(pretraining_data.PretrainingDataConfig)


def main(_):
    config = flags.parse(pretraining_data.PretrainingDataConfig)
    print(json.dumps(pretraining_data.create_pretraining_data(config)))


if __name__ == "__main__":
    flags.start(main)
