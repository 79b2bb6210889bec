"""Exporting: reports, limits of difference, precisions, and bad settings."""

import json
import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf import Model
from bert_tf.serving import exporting, parity
from bert_tf.serving.exporting import ExportConfig, export
from bert_tf.serving.saved_model import write_saved_model


@pytest.fixture(scope="module")
def pairs(folders, tmp_path_factory):
    """Folder and report of an exported model that reads pairs of texts."""
    path = tmp_path_factory.mktemp("served") / "model" / "1"
    return path, export(ExportConfig(model=folders["pairs"], output_dir=str(path)))


def test_the_report_is_good_and_stored_in_the_export(pairs):
    path, report = pairs
    assert report["texts"] == 64
    assert report["max_abs_difference"] < 1e-5
    assert report["agreement"] == 1.0
    assert report["texts_per_second"] > 0 < report["p50_ms"] <= report["p99_ms"]
    assert list(report["custom_ops"]) == ["serving_default", "token_ids", "examples"]
    assert json.loads((path / "assets.extra" / "parity.json").read_text()) == report
    assert [p.name for p in path.parent.iterdir()] == ["1"]


def test_each_weight_is_stored_once_and_the_assets_are_complete(pairs, folders):
    path, report = pairs
    weights = sum(np.prod(w.shape) for w in Model(folders["pairs"]).keras_model.weights)
    data = next((path / "variables").glob("variables.data*")).stat().st_size
    assert 4 * weights <= data < 4 * weights + 10_000
    assert report["size_bytes"] < 4 * weights + 12e6
    assert (path / "assets" / "labels.txt").read_text().split() == ["0", "1"]
    vocab = (pathlib.Path(folders["pairs"]) / "vocab.txt").read_text()
    assert (path / "assets" / "vocab.txt").read_text() == vocab


def test_converters_are_quiet_and_others_are_not(folders, tmp_path, caplog):
    log = logging.getLogger("absl")
    before = list(log.filters)
    path = str(tmp_path / "lite")
    export(ExportConfig(model=folders["pairs"], output_dir=path, format="tflite"))
    assert "custom gradients" not in caplog.text
    assert log.filters == before


def test_warm_up_requests_match_the_signature(pairs):
    api = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = pairs[0] / "assets.extra" / "tf_serving_warmup_requests"
    (record,) = tf.data.TFRecordDataset(str(path))
    log = api.PredictionLog.FromString(record.numpy())
    inputs = {n: tf.make_ndarray(x) for n, x in log.predict_log.request.inputs.items()}
    assert set(inputs) == {"text", "text_pair"}
    loaded = tf.saved_model.load(str(pairs[0]))
    outputs = loaded.signatures["serving_default"](
        **{name: tf.constant(array) for name, array in inputs.items()}
    )
    assert outputs["label"].shape == (8,)


@pytest.mark.slow
def test_bfloat16_halves_the_size_and_changes_little(folders, tmp_path):
    config = {"model": folders["classification"], "signatures": "serving_default"}
    export(ExportConfig(output_dir=str(tmp_path / "1"), **config))
    narrow = export(
        ExportConfig(output_dir=str(tmp_path / "2"), dtype="bfloat16", **config)
    )
    assert 1e-5 < narrow["max_abs_difference"] < 0.1
    assert narrow["agreement"] > 0.9
    sizes = [
        next((tmp_path / v / "variables").glob("*.data*")).stat().st_size for v in "12"
    ]
    model = Model(folders["classification"]).keras_model
    weights = sum(np.prod(weight.shape) for weight in model.weights)
    assert sizes[0] - sizes[1] == pytest.approx(2 * weights, rel=0.02)


def test_an_export_that_differs_is_not_written(folders, tmp_path, monkeypatch):
    worse = {"texts": 64, "max_abs_difference": 0.01, "agreement": 1.0}
    monkeypatch.setattr(parity, "compare", lambda *_: worse)
    config = ExportConfig(
        model=folders["classification"],
        output_dir=str(tmp_path / "m" / "1"),
        signatures="serving_default",
    )
    with pytest.raises(ArithmeticError, match=r"up to 0.01 \(allowed for float32: 0.0"):
        export(config)
    assert list((tmp_path / "m").iterdir()) == []


ODD = "m [1]*?\\ü"  # TensorFlow reads some of it as a pattern of names.


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "tflite"])
def test_a_folder_with_odd_characters(folders, tmp_path, format):
    path = tmp_path / ODD / "[2]"
    report = export(
        ExportConfig(
            model=folders["classification"], output_dir=str(path), format=format
        )
    )
    assert report["max_abs_difference"] < 1e-5
    assert [p.name for p in path.parent.iterdir()] == ["[2]"]
    names = {p.name for p in path.rglob("*")}
    if format == "saved_model":
        assert {"saved_model.pb", "variables.index", "parity.json"} <= names
        assert not any("temp" in name for name in names)
    else:
        assert {"model.tflite", "vocab.txt", "parity.json"} <= names


def test_modules_of_the_current_folder_are_not_run(folders, tmp_path, monkeypatch):
    """The user's folder has files with names of modules that the probe imports."""
    for name in ("statistics", "numpy", "sitecustomize", "bert_tf", "json"):
        program = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(1)\n"
        (tmp_path / f"{name}.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend("")  # As `python -c` and notebooks have it.
    monkeypatch.setenv("PYTHONPATH", f":{tmp_path}")
    model = Model(folders["classification"])
    path = tmp_path / "export"
    write_saved_model(
        path,
        model.task,
        model.keras_model,
        files=[],
        pairs=False,
        signatures=["serving_default"],
    )
    measured = parity.probe(path, "saved_model", {"text": ["it was good", "bad"]})
    assert len(measured["outputs"]["label"]) == 2
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("report", "good"),
    [
        ({"max_abs_difference": 1e-6, "agreement": 1.0}, True),
        ({"max_abs_difference": 1e-6, "agreement": 0.9}, False),
        ({"max_abs_difference": float("nan"), "agreement": 1.0}, False),
    ],
)
def test_gate(report, good):
    report = report | {"texts": 64}
    if good:
        parity.check(report, "float32", "classification")
    else:
        with pytest.raises(
            ArithmeticError, match="does not predict what the model does"
        ):
            parity.check(report, "float32", "classification")


def test_an_existing_folder_is_not_touched(folders, tmp_path):
    (tmp_path / "3").mkdir()
    config = ExportConfig(
        model=folders["classification"], output_dir=str(tmp_path / "3")
    )
    with pytest.raises(
        FileExistsError, match=rf"exists: .* next version, {tmp_path}/4"
    ):
        export(config)
    assert list((tmp_path / "3").iterdir()) == []


@pytest.mark.slow
def test_parity_file_replaces_the_shipped_texts(folders, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("it was good\nbad film\n")
    report = export(
        ExportConfig(
            model=folders["classification"],
            output_dir=str(tmp_path / "1"),
            parity_file=str(path),
            signatures="serving_default",
        )
    )
    assert report["texts"] == 2
    assert "batches of 32" in exporting.as_table(report)
    kept = json.loads((tmp_path / "1/assets.extra/parity.json").read_text())
    assert kept["texts"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ""}, "model is missing: pass --model="),
        ({"format": "pb"}, "format must be one of saved_model, tflite, onnx; received"),
        ({"dtype": "float16"}, "dtype must be one of float32, bfloat16; received"),
        (
            {"quantize": "int4"},
            "quantize must be one of int8, float16; received 'int4'",
        ),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        ExportConfig(**{"model": "m", "output_dir": "o"} | changes)


def test_an_unknown_signature(folders, tmp_path):
    config = ExportConfig(
        model=folders["classification"],
        output_dir=str(tmp_path / "1"),
        signatures="text",
    )
    with pytest.raises(ValueError, match="signatures must be one of serving_default"):
        export(config)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_long_texts_are_read_in_windows(folders, tmp_path):
    """The export pools windows as the model does; shipped texts exceed 14 tokens."""
    report = export(
        ExportConfig(
            model=folders["classification"],
            output_dir=str(tmp_path / "1"),
            long_text="windows",
            signatures="serving_default",
        )
    )
    assert report["max_abs_difference"] < 1e-5
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    signature = loaded.signatures["serving_default"]
    text = "it was good , it was good , it was good ," * 3
    whole, cut = (
        signature(text=tf.constant([x]))["logits"].numpy() for x in (text, text[:40])
    )
    assert np.abs(whole - cut).max() > 1e-4
    assert pathlib.Path(tmp_path / "1").is_dir()
