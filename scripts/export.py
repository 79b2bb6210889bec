"""Exports a model folder as a SavedModel, a TFLite or an ONNX file, and checks it.

python scripts/export.py --model=model --output_dir=served/model/1
python scripts/export.py --model=model --output_dir=served/model/2 --dtype=bfloat16
python scripts/export.py --model=model --output_dir=phone --format=tflite --quantize=int8

The export and the model in memory compute 64 texts, the export in its own process. If
they differ by more than the format allows, nothing is written. Prints the report as
one JSON object.
"""

import json
import sys

import flags
from absl import logging

with flags.quiet_imports():
    from bert_tf.serving import exporting
    from bert_tf.tasks import TASKS

flags.define(exporting.ExportConfig)
flags.define_options(exporting.ExportConfig, TASKS, "prediction")


def main(_):
    # TensorFlow's converters warn of parts that are left out on purpose.
    logging.set_verbosity(logging.ERROR)
    report = exporting.export(flags.parse(exporting.ExportConfig))
    print(exporting.as_table(report), file=sys.stderr)
    print(json.dumps(report))


if __name__ == "__main__":
    flags.start(main)
