"""An ONNX file predicts what the model predicts, for any batch size and length."""

import json
import pathlib
import sys

import numpy as np
import pytest
import tiny_architectures

from bert_tf import Model, light
from bert_tf.serving import exporting
from bert_tf.serving.adapters import ADAPTERS

TASKS = {name for name, adapter in ADAPTERS.items() if adapter.padded}


def export(folder, path):
    config = exporting.ExportConfig(model=folder, format="onnx", output_dir=str(path))
    return exporting.export(config)


@pytest.mark.parametrize(
    "task",
    [
        "classification",
        "question_answering",
        *(
            pytest.param(task, marks=pytest.mark.slow)
            for task in sorted(TASKS - {"classification", "question_answering"})
        ),
    ],
)
def test_it_predicts_what_the_model_predicts(folders, tmp_path, task):
    report = export(folders[task], tmp_path / "onnx")
    assert report["max_abs_difference"] < 1e-5
    assert report["agreement"] == 1.0
    assert report["texts"] == 64
    assert json.loads((tmp_path / "onnx" / "parity.json").read_text()) == report


@pytest.mark.slow
def test_on_onnx_runtime(folders, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    export(folders["classification"], tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    ids = np.array([[2, 10, 12, 15, 3], [2, 15, 3, 0, 0]])
    feeds = {
        "input_ids": ids,
        "attention_mask": (ids > 0).astype(np.int64),
        "token_type_ids": np.zeros_like(ids),
    }
    (probabilities,) = session.run(["probability"], feeds)
    model = Model(folders["classification"])
    texts = [
        " ".join(model.task.tokenizer.vocab[n] for n in row[1:] if n > 3) for row in ids
    ]
    labels = (tmp_path / "onnx" / "labels.txt").read_text().split()
    scores = [
        [prediction["scores"][label] for label in labels]
        for prediction in model.predict(texts)
    ]
    np.testing.assert_allclose(probabilities, scores, atol=1e-5)


@pytest.mark.parametrize(
    ("task", "outputs"),
    [
        ("classification", {"probability": ["batch", 2]}),
        (
            "question_answering",
            {
                "start_logits": ["batch", "sequence"],
                "end_logits": ["batch", "sequence"],
            },
        ),
    ],
)
def test_inputs_and_axes_have_the_names_of_transformers(
    folders, tmp_path, task, outputs
):
    onnxruntime = pytest.importorskip("onnxruntime")
    export(folders[task], tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    assert {x.name: (x.type, x.shape) for x in session.get_inputs()} == {
        name: ("tensor(int64)", ["batch", "sequence"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    assert {x.name: x.shape for x in session.get_outputs()} == outputs


def test_distilbert_takes_no_segments(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    start = str(tmp_path / "start")
    tiny_architectures.write(start, "distilbert", "ForSequenceClassification")
    export(start, tmp_path / "onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    assert [x.name for x in session.get_inputs()] == ["input_ids", "attention_mask"]
    texts = ["it was very good .", "bad"]
    expected = Model(start).predict(texts)
    for found, own in zip(light.Model(tmp_path / "onnx").predict(texts), expected):
        assert found["scores"] == pytest.approx(own["scores"], abs=1e-5)


@pytest.mark.slow
def test_it_takes_what_the_tokenizer_of_transformers_returns(folders, tmp_path):
    transformers = pytest.importorskip("transformers")
    onnxruntime = pytest.importorskip("onnxruntime")
    export(folders["classification"], tmp_path / "onnx")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "onnx")
    texts = ["it was very good .", "bad", "a fine film , is it ?"]
    feeds = tokenizer(texts, padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "model.onnx"))
    (probabilities,) = session.run(["probability"], dict(feeds))
    scores = [
        list(prediction["scores"].values())
        for prediction in Model(folders["classification"]).predict(texts)
    ]
    np.testing.assert_allclose(probabilities, scores, atol=1e-5)


def test_the_tokenizer_is_written_with_the_file(folders, tmp_path):
    export(folders["classification"], tmp_path / "onnx")
    start = pathlib.Path(folders["classification"])
    for name in ("vocab.txt", "tokenizer_config.json"):
        assert (tmp_path / "onnx" / name).read_text() == (start / name).read_text()


def test_a_task_that_cannot_be_written_is_an_error(folders, tmp_path):
    with pytest.raises(ValueError, match="fill_mask has no form of numbers alone"):
        export(folders["fill_mask"], tmp_path / "onnx")
    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(folders, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'bert_tf\[onnx\]'"):
        export(folders["classification"], tmp_path / "onnx")
    assert not list(tmp_path.iterdir())
