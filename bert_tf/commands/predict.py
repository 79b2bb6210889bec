r"""Predicts for texts with a trained model.

bert-tf predict --model=model --input_file=texts.jsonl
bert-tf predict --model=model "Where is my parcel?" "Thank you!"
cat texts.txt | bert-tf predict --model=model
bert-tf predict --model=bert --task=fill_mask "A [MASK] says meow."
bert-tf predict --model=bert --task=features --layers=-1,-2 \
    --input_file=texts.txt --output_file=states.npz

Prints one JSON object for each text, in order, or writes them to --output_file.
"""

import sys

from bert_tf.commands import flags
from bert_tf.run.prediction import PredictConfig, as_line, predict
from bert_tf.tasks import TASKS


def define():
    flags.define(PredictConfig)
    flags.define_options(PredictConfig, TASKS, "prediction")


def main(texts):
    config = flags.parse(PredictConfig)
    lines, source = texts, "arguments"
    if not lines and not config.input_file:
        lines, source = sys.stdin.buffer, "standard input"
    predictions = predict(config, lines, source)
    if not config.output_file:
        sys.stdout.writelines(map(as_line, predictions))
