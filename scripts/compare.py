"""Tells whether one fine-tuned model is better than another, or whether it is chance.

python scripts/compare.py --model=A --baseline=B --eval_file=test.tsv

Either may be the folder of a run with several seeds. Prints one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf.run import comparison

flags.define(comparison.CompareConfig)


def main(_):
    print(json.dumps(comparison.compare(flags.parse(comparison.CompareConfig))))


if __name__ == "__main__":
    flags.start(main)
