r"""Predicts for texts with a trained model.

python scripts/predict.py --model=model --input_file=texts.jsonl
python scripts/predict.py --model=model "Where is my parcel?" "Thank you!"
cat texts.txt | python scripts/predict.py --model=model
python scripts/predict.py --model=bert --task=fill_mask "A [MASK] says meow."
python scripts/predict.py --model=bert --task=features --layers=-1,-2 \
    --input_file=texts.txt --output_file=states.npz

Prints one JSON object for each text, in order, or writes them to --output_file.
"""

import sys

import flags

with flags.quiet_imports():
    import bert_tf
    from bert_tf.run.prediction import as_line
    from bert_tf.tasks import TASKS

flags.define(bert_tf.PredictConfig)
flags.define_options(bert_tf.PredictConfig, TASKS, "prediction")


def main(arguments):
    config = flags.parse(bert_tf.PredictConfig)
    lines, source = arguments[1:], "arguments"
    if not lines and not config.input_file:
        lines, source = sys.stdin.buffer, "standard input"
    predictions = bert_tf.predict(config, lines, source)
    if not config.output_file:
        sys.stdout.writelines(map(as_line, predictions))


if __name__ == "__main__":
    flags.start(main, takes_arguments=True)
