"""Cross-encoders of sentence-transformers: their files, and their scores.

fixtures/make_cross_encoder.py wrote the files of version 5.7 and computed the scores.
"""

import copy
import importlib.util
import json
import pathlib

import numpy as np
import pytest

import bert_tf
from bert_tf.checkpoints import cross_encoder, folder, formats

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
FIXTURE = json.loads((FIXTURES / "cross_encoder.json").read_text())
RECORD = {"query": FIXTURE["query"], "passages": FIXTURE["passages"]}
NEW = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")


def make_weights():
    """Returns the weights that make_cross_encoder.py gave the model."""
    path = FIXTURES / "make_cross_encoder.py"
    spec = importlib.util.spec_from_file_location("make_cross_encoder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_weights(FIXTURE["shapes"])


def write(path, activation="identity", version=5, **changes):
    """Writes a folder as a version of sentence-transformers does.

    Args:
        changes: {"config", "own", "transformer" or "modules": other keys, or a list}.
    """
    files = copy.deepcopy(FIXTURE[activation]["files"])
    config, name = files["config.json"], cross_encoder.ACTIVATIONS[activation]
    if version < 5:
        for file in NEW:
            del files[file]
    if version == 4:
        config["sentence_transformers"] = {"activation_fn": name, "version": "4.1.0"}
    elif version == 3:
        config["sbert_ce_default_activation_function"] = name
    config |= changes.get("config", {})
    if version == 5:
        files[NEW[2]] |= changes.get("own", {})
        files[NEW[1]] |= changes.get("transformer", {})
        files[NEW[0]] = changes.get("modules", files[NEW[0]])
    path.mkdir()
    for file, values in files.items():
        (path / file).write_text(json.dumps(values))
    (path / "vocab.txt").write_text("\n".join(FIXTURE["vocab"]) + "\n")
    formats.write_safetensors(path / "model.safetensors", make_weights())
    return path


def scores_of(path, **options):
    """Returns the scores of the fixture's passages in their order."""
    model = bert_tf.Model(path, **options)
    assert model.task.name == "reranking"
    (prediction,) = model.predict([RECORD])
    ranked = sorted((x["index"], x["score"]) for x in prediction["ranking"])
    return [score for _, score in ranked]


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("activation", ["identity", "sigmoid"])
def test_scores(tmp_path, version, activation):
    path = write(tmp_path / "model", activation, version)
    expected = FIXTURE[activation]["scores"]
    np.testing.assert_allclose(scores_of(path), expected, atol=1e-5)


def test_another_activation_may_be_given(tmp_path):
    path = write(tmp_path / "model", "identity")
    expected = FIXTURE["sigmoid"]["scores"]
    np.testing.assert_allclose(
        scores_of(path, activation="sigmoid"), expected, atol=1e-5
    )


def test_sigmoid_is_the_default_of_version_5(tmp_path):
    path = write(tmp_path / "model", "identity", own={"activation_fn": None})
    assert folder.read(path).settings == {"activation": "sigmoid", "max_seq_length": 19}


@pytest.mark.parametrize(
    ("version", "changes", "name"),
    [
        (5, {"own": {"activation_fn": "torch.nn.modules.activation.Tanh"}}, "Tanh"),
        (5, {"own": {"activation_fn": "mine.Odd"}}, "mine.Odd .*config_sentence_tran"),
        (5, {"own": {"default_prompt_name": "ask"}}, "default_prompt_name 'ask'"),
        (
            5,
            {"transformer": {"transformer_task": "text-generation"}},
            "text-generation",
        ),
        (
            5,
            {"modules": [{"type": "a.Transformer", "path": ""}, {"type": "a.Dense"}]},
            "Transformer, Dense .*modules.json",
        ),
        (4, {"config": {"sentence_transformers": {"activation_fn": "x.Tanh"}}}, "Tanh"),
        (3, {"config": {"sbert_ce_default_activation_function": "x.Tanh"}}, "x.Tanh"),
    ],
)
def test_what_is_not_computed_is_named(tmp_path, version, changes, name):
    path = write(tmp_path / "model", version=version, **changes)
    says = f"activation must be one of sigmoid, identity; received .*{name}"
    with pytest.raises(ValueError, match=says):
        bert_tf.Model(path)
    bert_tf.Model(path, activation="identity")


@pytest.mark.parametrize(
    ("version", "changes", "message"),
    [
        (
            5,
            {"own": {"activation_fn": 3}},
            "activation_fn must be a string; received 3",
        ),
        (5, {"modules": [3]}, "must be a JSON object, .*; received 3"),
        (4, {"config": {"sentence_transformers": []}}, "must be a JSON object"),
        (4, {"config": {"sentence_transformers": {"activation_fn": 1}}}, "a string"),
        (3, {"config": {"sbert_ce_default_activation_function": []}}, "a string"),
    ],
)
def test_damaged_files(tmp_path, version, changes, message):
    path = write(tmp_path / "model", version=version, **changes)
    with pytest.raises(ValueError, match=message):
        folder.read(path)


def test_several_labels_stay_a_classifier(tmp_path):
    three = {str(n): f"LABEL_{n}" for n in range(3)}
    path = write(tmp_path / "model", config={"id2label": three})
    assert folder.read(path).settings["activation"] == "identity"
    with pytest.raises(ValueError, match="head has 3 labels .* --task=classification"):
        bert_tf.Model(path, task="reranking")


@pytest.mark.parametrize("activation", ["identity", "sigmoid"])
def test_saved_folders_say_the_same_to_every_version(tmp_path, activation):
    path = write(tmp_path / "model", activation)
    model = bert_tf.Classifier.from_pretrained(str(path))
    model.save_pretrained(tmp_path / "saved")
    name = cross_encoder.ACTIVATIONS[activation]
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["sentence_transformers"] == {"activation_fn": name}
    assert config["sbert_ce_default_activation_function"] == name
    assert config["architectures"] == ["BertForSequenceClassification"]
    tokenizer = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text())
    assert tokenizer["model_max_length"] == 19
    expected = FIXTURE[activation]["scores"]
    np.testing.assert_allclose(scores_of(tmp_path / "saved"), expected, atol=1e-5)


def test_a_model_without_the_head_forgets_the_activation(tmp_path):
    path = write(tmp_path / "model", version=4)
    model = bert_tf.Classifier.from_pretrained(str(path), num_labels=3)
    model.save_pretrained(tmp_path / "saved", labels=["a", "b", "c"])
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert not set(cross_encoder.KEYS) & config.keys()
    assert folder.read(tmp_path / "saved").settings.keys() == set()
