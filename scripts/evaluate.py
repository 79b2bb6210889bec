"""Evaluates a fine-tuned model on labelled text.

python scripts/evaluate.py --model=model --eval_file=test.tsv

Prints the metrics as one JSON object.
"""

import flags

with flags.quiet_imports():
    import bert_tf
    from bert_tf import report
    from bert_tf.tasks import TASKS

flags.define(bert_tf.EvaluateConfig)
flags.define_options(bert_tf.EvaluateConfig, TASKS, "prediction")


def main(_):
    print(report.as_json(bert_tf.evaluate(flags.parse(bert_tf.EvaluateConfig))))


if __name__ == "__main__":
    flags.start(main)
