"""The flagfiles of recipes/: existing flags, allowed values, a command and a time."""

import dataclasses
import pathlib

import pytest

import bert_tf
from bert_tf.config import read_config
from bert_tf.tasks import TASKS

RECIPES = pathlib.Path(__file__).parents[1] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.flags")), ids=lambda p: p.stem)
def test_flagfile_of_finetune(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert f"bert-tf finetune --flagfile=recipes/{path.name} " in " ".join(comments)
    assert "Time" in " ".join(comments)
    given = dict(
        line.removeprefix("--").partition("=")[::2]
        for line in lines
        if not line.startswith("#")
    )
    # A flag without "=" is a boolean that is switched on.
    given = {name: value or True for name, value in given.items()}
    given |= {"train_file": "train", "output_dir": "out"}
    task = TASKS[given.get("task", "classification")]
    options = dataclasses.fields(task.Options)
    for config, extra in ((bert_tf.FinetuneConfig, options), (bert_tf.TrainConfig, ())):
        fields = {f.name: f.type for f in (*dataclasses.fields(config), *extra)}
        values = {name: given.pop(name) for name in fields.keys() & given.keys()}
        config(**{name: fields[name](value) for name, value in values.items()})
    assert not given


@pytest.mark.parametrize(
    ("name", "layers"), [("bert_tiny_chinese", 2), ("bert_small_chinese", 4)]
)
def test_the_chinese_configurations_are_valid(name, layers):
    config = read_config(RECIPES / name)
    assert (config.vocab_size, config.num_hidden_layers) == (21128, layers)
