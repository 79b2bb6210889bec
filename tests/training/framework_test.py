"""The loop and what it decides know no framework; an engine has the whole protocol."""

import ast
import inspect
import subprocess
import sys

import pytest
import tiny
from processes import ROOT

from bert_tf.training import engine as protocol
from bert_tf.training.config import TrainConfig
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.engine import Engine

MODULES = sorted((ROOT / "bert_tf" / "training").glob("*.py"))
FRAMEWORKS = {"tensorflow", "keras", "jax"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_top_level_imports_no_framework(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            assert name.split(".")[0] not in FRAMEWORKS
            assert not name.startswith("bert_tf.training.tensorflow")


def test_the_top_level_loads_no_framework():
    names = [f"bert_tf.training.{path.stem}" for path in MODULES]
    program = f"import sys, {', '.join(names)}; print({FRAMEWORKS} & {{*sys.modules}})"
    stdout = subprocess.check_output(
        [sys.executable, "-c", program], cwd=ROOT, text=True
    )
    assert stdout.strip() == "set()"


def test_the_engine_has_the_methods_of_the_protocol():
    config = TrainConfig()
    engine = Engine(
        tiny.classifier(),
        tiny.task(),
        config,
        make_strategy("one_device"),
        total_steps=3,
    )
    methods = inspect.getmembers(protocol.Engine, inspect.isfunction)
    for name, method in methods:
        if not name.startswith("_"):
            own = inspect.signature(getattr(engine, name))
            assert len(own.parameters) == len(inspect.signature(method).parameters) - 1
