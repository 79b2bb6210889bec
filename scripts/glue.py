"""Fine-tunes on all tasks of GLUE in a folder, and prints one table.

python scripts/glue.py --model=minilm --data_dir=glue --output_dir=results

Folders and files have their published names, such as CoLA/train.tsv and CoLA/dev.tsv.
The same command resumes an interrupted run; finished tasks are not run again.
"""

import json
import sys

import flags

with flags.quiet_imports():
    from bert_tf.run import glue
    from bert_tf.training.config import TrainConfig

flags.define(glue.GlueConfig)
flags.define(TrainConfig)


def main(_):
    result = glue.run_glue(flags.parse(glue.GlueConfig), flags.parse(TrainConfig))
    print(glue.as_table(result), file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    flags.start(main)
