"""Answers texts with a trained model.

python scripts/predict.py --model=model --input_file=texts.jsonl
python scripts/predict.py --model=model "Where is my parcel?" "Thank you!"
cat texts.txt | python scripts/predict.py --model=model
python scripts/predict.py --model=bert --task=fill_mask "A [MASK] says meow."

Prints a JSON object a text, in order.
"""

import json
import sys

import flags

with flags.quiet_imports():
    from bert_tf import run

flags.define(run.PredictConfig)


def main(arguments):
    config, lines, source = flags.parse(run.PredictConfig), arguments[1:], "arguments"
    if not lines and not config.input_file:
        lines, source = sys.stdin.buffer, "standard input"
    for answer in run.predict(config, lines, source):
        print(json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    flags.start(main, takes_arguments=True)
