"""Evaluates a fine-tuned model on labelled text.

python scripts/evaluate.py --model=model --eval_file=test.tsv

Prints the metrics as one JSON object.
"""

import json

import flags

with flags.quiet_imports():
    from bert_tf import run
    from bert_tf.tasks import TASKS

flags.define(run.EvaluateConfig)
flags.define_options(run.EvaluateConfig, TASKS, "prediction")


def main(_):
    print(json.dumps(run.evaluate(flags.parse(run.EvaluateConfig))))


if __name__ == "__main__":
    flags.start(main)
