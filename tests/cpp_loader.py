"""Calls SavedModels in TensorFlow's C++ loader, in a process without TensorFlow's Python."""

import json
import pathlib
import subprocess
import sys

_PROGRAM = pathlib.Path(__file__).with_name("serving") / "c_loader.py"


def run(jobs):
    """Returns the outputs of jobs, lists of dicts; see serving/c_loader.py."""
    done = subprocess.run(
        [sys.executable, str(_PROGRAM)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
