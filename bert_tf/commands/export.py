"""Exports a model folder as a SavedModel, a TFLite or an ONNX file, and checks it.

bert-tf export --model=model --output_dir=served/model/1
bert-tf export --model=model --output_dir=served/model/2 --dtype=bfloat16
bert-tf export --model=model --output_dir=phone --format=tflite --quantize=int8

The export and the model in memory compute 64 texts, the export in its own process. If
they differ by more than the format allows, nothing is written. Prints the report as
one JSON object.
"""

import json
import sys

from bert_tf.commands import flags
from bert_tf.serving.exporting import ExportConfig, as_table, export
from bert_tf.tasks import TASKS


def define():
    flags.define(ExportConfig)
    flags.define_options(ExportConfig, TASKS, "prediction")


def main(_):
    report = export(flags.parse(ExportConfig))
    print(as_table(report), file=sys.stderr)
    print(json.dumps(report))
