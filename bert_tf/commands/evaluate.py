"""Evaluates a fine-tuned model on labelled text.

bert-tf evaluate --model=model --eval_file=test.tsv

Prints the metrics as one JSON object.
"""

import json

from bert_tf.commands import flags
from bert_tf.run.prediction import EvaluateConfig, evaluate
from bert_tf.tasks import TASKS


def define():
    flags.define(EvaluateConfig)
    flags.define_options(EvaluateConfig, TASKS, "prediction")


def main(_):
    print(json.dumps(evaluate(flags.parse(EvaluateConfig))))
