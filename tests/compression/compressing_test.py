"""One command makes small files of a model, measures them, and keeps the best."""

import dataclasses
import json

import pytest
import tiny_folder

import bert_tf
from bert_tf import light
from bert_tf.compression import compressing, making, measuring
from bert_tf.run import finetuning

pytest.importorskip("tokenizers", reason="pip install -e '.[light]'")
TEXTS = "text\tlabel\nit was good\tup\nbad\tdown\na fine film\tup\npoor film\tdown\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with data.tsv and `model`, trained a little."""
    home = tmp_path_factory.mktemp("compress")
    (home / "data.tsv").write_text(TEXTS)
    config = dataclasses.replace(
        tiny_folder.CONFIG, num_hidden_layers=2, intermediate_size=16
    )
    tiny_folder.write(home / "start", config)
    bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model=str(home / "start"),
            train_file=str(home / "data.tsv"),
            max_seq_length=8,
            output_dir=str(home / "model"),
        ),
        bert_tf.TrainConfig(max_steps=2),
    )
    return home


def compress(home, **settings):
    config = bert_tf.CompressConfig(
        **{
            "model": str(home / "model"),
            "train_file": str(home / "data.tsv"),
            "eval_file": str(home / "data.tsv"),
            "output_dir": str(home / "small"),
            "max_drop": 100.0,
            "candidates": "int8",
        }
        | settings
    )
    return bert_tf.compress(config, bert_tf.TrainConfig(max_steps=2, logging_steps=1))


@pytest.fixture(scope="module")
def report(home):
    return compress(home)


def test_the_best_file_is_an_export_and_a_model_folder(report, home):
    assert list(report["candidates"]) == ["float32", "int8"]
    sizes = {name: f["size_mb"] for name, f in report["candidates"].items()}
    assert report["best"] == min(sizes, key=sizes.get) and report["failed"] == {}
    model = bert_tf.Model(str(home / "model"))
    expected = model.evaluate(str(home / "data.tsv"))["eval_accuracy"]
    assert (report["metric"], report["reference"]) == ("accuracy", expected)
    file = light.Model(home / "small" / "export")
    score = file.evaluate(str(home / "data.tsv"))["eval_accuracy"]
    figures = report["candidates"][report["best"]]
    assert figures["score"] == score
    assert figures["drop"] == pytest.approx(100 * (expected - score))
    assert figures["interval_95"][0] <= score <= figures["interval_95"][1]
    files = (home / "small" / "export").iterdir()
    size = sum(f.stat().st_size for f in files if f.name != "parity.json") / 1e6
    assert size <= figures["size_mb"] < 1.1 * size
    kept = bert_tf.Model(str(home / "small" / "model"))
    assert kept.predict(["bad"]) == model.predict(["bad"])
    assert (home / "small" / "compression.png").read_bytes()[:4] == b"\x89PNG"


def test_other_limits_choose_again_at_once(report, home, monkeypatch):
    monkeypatch.setattr(compressing, "_try", None)  # Nothing is made again.
    assert compress(home) == report
    size, best = report["candidates"][report["best"]]["size_mb"], report["best"]
    message = f"no candidate keeps max_size_mb=.* MB, .* The smallest, {best}, has"
    with pytest.raises(ValueError, match=message):
        compress(home, max_size_mb=size / 2)
    assert (home / "small" / "export").is_dir()


@pytest.mark.slow
def test_all_candidates_of_a_small_model(home):
    settings = {"output_dir": str(home / "all"), "candidates": ""}
    report = compress(home, **settings)
    names = [
        *("float32", "float16", "int8", "trimmed_int8", "aware_int8"),
        *("pruned_int8", "half_int8"),
    ]
    assert list(report["candidates"]) == names  # It is no wider than the small student.
    parameters = {n: f["parameters"] for n, f in report["candidates"].items()}
    assert parameters["int8"] == parameters["float32"] > parameters["trimmed_int8"]
    assert parameters["trimmed_int8"] > parameters["pruned_int8"]
    assert parameters["trimmed_int8"] > parameters["half_int8"]
    assert parameters["trimmed_int8"] == parameters["aware_int8"]
    # Of the smallest, to three digits, the one with the highest score, the first of equals.
    sizes = {n: float(f"{f['size_mb']:.3g}") for n, f in report["candidates"].items()}
    smallest = [name for name in names if sizes[name] == min(sizes.values())]
    scores = {name: report["candidates"][name]["score"] for name in smallest}
    assert report["best"] == max(scores, key=scores.get)
    half = json.loads((home / "all" / "models" / "half" / "config.json").read_text())
    assert half["num_hidden_layers"] == 1


def test_the_rounded_model_trains_in_float32(home, tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(finetuning, "finetune", lambda *run: runs.append(run))
    config = bert_tf.CompressConfig(
        model=str(home / "model"),
        train_file=str(home / "data.tsv"),
        eval_file=str(home / "data.tsv"),
        output_dir=str(tmp_path),
    )
    chosen = making.candidates.choose("aware_int8")
    task = bert_tf.Model(str(home / "model")).task
    training = bert_tf.TrainConfig(bf16=True)
    making.make_models(config, training, chosen, task, home / "model")
    ((_, training),) = runs
    assert (training.quantization_aware, training.bf16) == (True, False)


def test_no_file_that_predicts_what_its_model_does(report, home, monkeypatch):
    failed = {"candidates": {}, "failed": {"int8": "too far away"}}
    monkeypatch.setattr(compressing, "_try", lambda *_: failed)
    with pytest.raises(ValueError, match="no candidate's file.*int8: too far away"):
        compress(home, output_dir=str(home / "none"))


@pytest.mark.slow
def test_an_interrupted_run_goes_on(home, monkeypatch):
    settings = {"output_dir": str(home / "again"), "candidates": "int8,half_int8"}
    measure, calls = measuring.measure, []

    def stop(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr(measuring, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        compress(home, **settings)
    weights = home / "again" / "models" / "half" / "model.safetensors"
    made = weights.stat().st_mtime_ns
    monkeypatch.setattr(measuring, "measure", measure)
    assert len(compress(home, **settings)["candidates"]) == 3
    assert weights.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_drop": -1.0}, "max_drop must be at least 0; received -1"),
        ({"candidates": "tiny"}, "candidates must be among float32, .*'tiny'"),
        ({"eval_file": ""}, "eval_file"),
    ],
)
def test_bad_settings(settings, message, home):
    with pytest.raises(ValueError, match=message):
        compress(home, **settings)


def test_a_task_without_such_files_is_refused(home, tmp_path):
    tiny_folder.write_pretrained(tmp_path / "masked")
    settings = {"model": str(tmp_path / "masked"), "output_dir": str(tmp_path / "out")}
    with pytest.raises(
        ValueError, match="files of texts and words, but not of fill_mask"
    ):
        compress(home, **settings)
    assert not (tmp_path / "out").exists()
