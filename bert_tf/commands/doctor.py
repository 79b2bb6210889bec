"""Finds problems before a run, and says how to solve them.

bert-tf doctor
bert-tf doctor --model=minilm --train_file=train.csv --eval_file=test.csv

Prints the findings as one JSON object, and as a table on standard error. The exit
status is 1 if there is a problem.
"""

import json
import os
import shutil
import sys

from bert_tf import doctor
from bert_tf.commands import flags


def define():
    flags.define(doctor.DoctorConfig)


def main(_):
    findings = doctor.examine(flags.parse(doctor.DoctorConfig))
    problems, notes = doctor.count_levels(findings)
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    print(doctor.format_table(findings, width, color), file=sys.stderr)
    result = {"problems": problems, "notes": notes, "findings": findings}
    print(json.dumps(result, ensure_ascii=False))
    return 1 if problems else 0
