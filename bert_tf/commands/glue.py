"""Fine-tunes on all tasks of GLUE in a folder, and prints one table.

bert-tf glue --model=minilm --data_dir=glue --output_dir=results

Folders and files have their published names, such as CoLA/train.tsv and CoLA/dev.tsv.
The same command resumes an interrupted run; finished tasks are not run again.
"""

import json
import sys

from bert_tf.commands import flags
from bert_tf.run.glue import GlueConfig, as_table, run_glue
from bert_tf.training.config import TrainConfig


def define():
    flags.define(GlueConfig)
    flags.define(TrainConfig)


def main(_):
    result = run_glue(flags.parse(GlueConfig), flags.parse(TrainConfig))
    print(as_table(result), file=sys.stderr)
    print(json.dumps(result))
