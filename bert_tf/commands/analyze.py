r"""Analyses a trained model: why it said so, and how far that can be trusted.

bert-tf analyze --model=model --data=dev.tsv --output_dir=report

Prints what was found as JSON; OUTPUT_DIR/report.html is for people.
"""

from bert_tf import report
from bert_tf.analysis.analyzing import AnalyzeConfig, analyze
from bert_tf.commands import flags
from bert_tf.tasks import TASKS


def define():
    flags.define(AnalyzeConfig)
    flags.define_options(AnalyzeConfig, TASKS, "prediction")


def main(_):
    print(report.as_json(analyze(flags.parse(AnalyzeConfig))))
