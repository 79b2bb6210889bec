"""What `help` and `dir` show: every setting with its meaning, every public name."""

import dataclasses
import inspect

import pytest

import bert_tf

CONFIGS = sorted(name for name in bert_tf.__all__ if name.endswith("Config"))
CONFIGS.remove("BertConfig")  # Its keys are not settings of ours.


@pytest.mark.parametrize("name", CONFIGS)
def test_help_says_what_each_setting_means(name):
    config = getattr(bert_tf, name)
    text = " ".join(inspect.getdoc(config).split())
    before, _, example = text.partition(" Example: ")
    assert f">>> bert_tf.{name}(" in example or f"= bert_tf.{name}(" in example
    settings = [x for x in dataclasses.fields(config) if "help" in x.metadata]
    assert settings
    for field in settings:
        said = " ".join(field.metadata["help"].split())
        assert f" {field.name} ({field.default!r}): {said}" in before


def test_the_signature_has_the_settings_and_options():
    parameters = inspect.signature(bert_tf.FinetuneConfig).parameters
    assert parameters["eval_fraction"].default == 0.0
    assert list(parameters)[-1] == "options"
    assert "options" not in inspect.signature(bert_tf.TrainConfig).parameters


def test_dir_lists_the_public_names():
    listed = {name for name in dir(bert_tf) if not name.startswith("_")}
    assert listed == set(bert_tf.__all__)
    assert "__version__" in dir(bert_tf)
