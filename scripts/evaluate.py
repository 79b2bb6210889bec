"""Scores a fine-tuned model on labelled text.

python scripts/evaluate.py --model=model --eval_file=test.tsv

Prints the metrics as one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf import run

flags.define(run.EvaluateConfig)


def main(_):
    print(json.dumps(run.evaluate(flags.parse(run.EvaluateConfig))))


if __name__ == "__main__":
    flags.start(main)
