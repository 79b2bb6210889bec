"""An exported folder predicts and scores without TensorFlow what its model does."""

import functools
import json

import numpy as np
import pytest
from tiny_task_folders import FILES

from bert_tf import Model, light
from bert_tf.light.outputs import undo
from bert_tf.serving import exporting
from bert_tf.serving.parity import leaves

pytest.importorskip("tokenizers", reason="pip install -e '.[light]'")
QUICK = ("classification", "question_answering")
WRITTEN = ("translation", "generation")
TASKS = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
    for name in FILES
    if name not in WRITTEN
]


@pytest.fixture(scope="module")
def exported(folders, tmp_path_factory):
    """function(task, **options of the export) → its folder; exports each once."""
    home = tmp_path_factory.mktemp("light")

    @functools.cache
    def export_once(task, **options):
        path = home / "-".join([task, *map(str, options.values())])
        options = {"format": "tflite", "dynamic_length": True} | options
        config = exporting.ExportConfig(
            model=folders[task], output_dir=str(path), **options
        )
        exporting.export(config)
        return path

    return export_once


def assert_alike(predictions, expected):
    assert len(predictions) == len(expected) > 0
    (words, numbers), (their_words, their_numbers) = map(
        leaves, (predictions, expected)
    )
    assert words == their_words
    np.testing.assert_allclose(numbers, their_numbers, atol=2e-5)


@pytest.mark.parametrize("task", TASKS)
def test_it_predicts_and_scores_what_the_model_does(task, folders, exported):
    model, file = Model(folders[task]), light.Model(exported(task), threads=2)
    data = str(folders.data(task))
    assert_alike(file.predict_file(data), model.predict_file(data))
    assert_alike([file.evaluate(data)], [model.evaluate(data)])


def test_a_file_of_fixed_length_with_an_option_of_the_export(folders, exported):
    path = exported("classification", dynamic_length=False, max_seq_length=6)
    texts = ["it was a very good film", "bad", "", "a fine film . " * 9]
    expected = Model(folders["classification"], max_seq_length=6).predict(texts)
    assert light.Model(path).task.options.max_seq_length == 6
    assert_alike(light.Model(path).predict(texts), expected)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "question_answering"])
def test_an_onnx_file(task, folders, exported):
    pytest.importorskip("tf2onnx", reason="pip install -e '.[onnx]'")
    file = light.Model(exported(task, format="onnx", dynamic_length=False))
    data = str(folders.data(task))
    assert_alike(file.predict_file(data), Model(folders[task]).predict_file(data))


def test_probabilities_become_logits_again():
    many = "multi_label_classification"
    logits = np.array([[0.5, -2.0, 1.0], [3.0, 3.0, -9.0]])
    powers = np.exp(logits)
    named = {"probability": powers / powers.sum(axis=-1, keepdims=True)}
    differences = undo(named)["logits"] - logits
    np.testing.assert_allclose(differences, differences[:, :1].repeat(3, axis=1))
    named = {"probability": 1 / (1 + np.exp(-logits))}
    np.testing.assert_allclose(undo(named, many)["logits"], logits)
    extreme = {"probability": np.array([0.0, 1.0], np.float32)}
    for problem_type in (None, many):
        assert np.isfinite(undo(extreme, problem_type)["logits"]).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bert_tf.json", None, "holds no bert_tf.json, .* export the model again"),
        ("bert_tf.json", '{"version": 2}', "has version 2; .* reads 1"),
        ("bert_tf.json", '{"version": 1}', "config"),
        ("bert_tf.json", "{", "bert_tf.json"),
        ("model.tflite", None, "holds no model.tflite and no model.onnx"),
    ],
)
def test_bad_folders(name, content, message, exported, tmp_path):
    for file in exported("classification").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).unlink()
    if content:
        (tmp_path / name).write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        light.Model(tmp_path)


def test_windows_are_refused(exported, tmp_path):
    path = exported("classification")
    for file in path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    values = json.loads((path / "bert_tf.json").read_text())
    values["settings"]["long_text"] = "windows"
    (tmp_path / "bert_tf.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="not its windows; export .*truncate"):
        light.Model(tmp_path)


@pytest.mark.slow
def test_written_texts_are_refused(exported):
    with pytest.raises(ValueError, match="files of translation hold no finished texts"):
        light.Model(exported("translation", dynamic_length=False))
