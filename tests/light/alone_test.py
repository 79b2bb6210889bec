"""The light runner in a Python that has nothing else, as a command and as a module."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from bert_tf import Model

pytest.importorskip("tokenizers", reason="pip install -e '.[light]'")
ROOT = pathlib.Path(__file__).parents[2]
# What ai-edge-litert, tokenizers and numpy themselves import.
ALLOWED = ("numpy", "tokenizers", "ai_edge_litert", "flatbuffers", "ml_dtypes", "tqdm")
PROGRAM = """
import sys
import bert_tf

allowed = set(sys.stdlib_module_names) | {{"bert_tf", *{allowed}}}

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            raise ModuleNotFoundError(f"{{name}} is out of reach")

sys.meta_path.insert(0, Blocker)
from bert_tf.light.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments, allowed=ALLOWED, text=None):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(allowed=allowed), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_texts_of_the_command_line(phone, folders):
    done = run(phone, "it was good", "bad film")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    predictions = list(map(json.loads, done.stdout.splitlines()))
    expected = Model(folders["classification"]).predict(["it was good", "bad film"])
    for prediction, other in zip(predictions, expected, strict=True):
        assert prediction["label"] == other["label"]
        assert prediction["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_lines_of_standard_input(phone):
    done = run(phone, text='it was good\n{"text": "bad"}\n')
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == [
        json.loads(run(phone, text).stdout)["label"] for text in ("it was good", "bad")
    ]


def test_a_bad_folder_is_one_line(tmp_path):
    done = run(tmp_path, "text")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("missing", "package"),
    [("ai_edge_litert", "ai-edge-litert"), ("tokenizers", "tokenizers")],
)
def test_a_missing_package_is_named(missing, package, phone):
    allowed = tuple(name for name in ALLOWED if name != missing)
    done = run(phone, "text", allowed=allowed)
    assert done.returncode == 1
    assert f"pip install {package}" in done.stderr and done.stderr.count("\n") == 1
