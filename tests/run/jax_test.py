"""The commands under JAX: the same flags, folders and scores as under TensorFlow."""

import json
import re
import signal

import jax_processes
import numpy as np
import processes
import pytest
import tiny_folder
import tiny_store

import bert_tf
from bert_tf.checkpoints import formats
from bert_tf.config import write_config

pytest.importorskip("jax", reason="pip install -e '.[jax]'")
pytest.importorskip("tokenizers", reason="pip install -e '.[jax]'")

ENVIRONMENT = {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
TEXTS = ("it was good", "a very bad film")
# Python executes it at its start.
WITHOUT_TENSORFLOW = """
import sys

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_text"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of processes in which TensorFlow cannot be imported."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    return ENVIRONMENT | {"PYTHONPATH": f"{folder}:{processes.ROOT}"}


def finish(process, status=0):
    stdout, stderr = process.communicate()
    assert process.returncode == status, stderr
    return stdout, stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tiny model folder, and a file of labelled texts."""
    folder = tmp_path_factory.mktemp("files")
    tiny_folder.write(folder / "start")
    rows = [
        f"{first} {word}\t{label}\n"
        for first in ("the film is", "it was", "a very", "film ,", "is it")
        for word, label in (("good", "pos"), ("bad", "neg"), ("fine", "pos"))
    ]
    (folder / "train.tsv").write_text("text\tlabel\n" + "".join(rows))
    return folder


def flags(files, name, **changes):
    return {
        "engine": "jax",
        "model": files / "start",
        "train_file": files / "train.tsv",
        "eval_file": files / "train.tsv",
        "output_dir": files / name,
        "max_steps": 60,
        "per_device_train_batch_size": 3,
        "learning_rate": 1e-2,
        "max_seq_length": 16,
        "eval_strategy": "steps",
        "eval_steps": 20,
        "save_steps": 5,
        "logging_steps": 5,
    } | changes


@pytest.fixture(scope="module")
def finetuned(files, environment):
    """The folder of a run that a signal has stopped and the same command has ended."""
    given = flags(files, "model", max_steps=400)
    process = processes.start("finetune", given, **environment)
    processes.wait_for_checkpoint([process], files / "model")
    process.send_signal(signal.SIGTERM)
    _, stderr = finish(process, status=143)
    assert re.search("stopped by SIGTERM at step [0-9]+ of 400, state saved", stderr)
    stdout, stderr = finish(processes.start("finetune", given, **environment))
    assert "going on with the run" in stderr
    assert "JAX compiled the update for 1 shape and the evaluation for 1" in stderr
    return files / "model", json.loads(stdout)


def test_the_folder_has_the_files_of_every_run(finetuned):
    folder, metrics = finetuned
    assert {path.name for path in folder.iterdir()} == tiny_folder.FINETUNED_FILES
    assert metrics["eval_accuracy"] > 0.9
    assert metrics["train_steps"] == 400
    assert "--engine=jax" in (folder / "flags.txt").read_text().splitlines()


def test_tensorflow_predicts_the_same_from_it(finetuned, environment):
    folder, metrics = finetuned
    command = processes.start(
        "predict", {"engine": "jax", "model": folder}, arguments=TEXTS, **environment
    )
    received = [json.loads(line) for line in finish(command)[0].splitlines()]
    model = bert_tf.Model(folder)
    for prediction, expected in zip(received, model.predict(TEXTS), strict=True):
        assert prediction["label"] == expected["label"]
        assert prediction["scores"] == pytest.approx(expected["scores"], abs=1e-5)
    scores = model.evaluate(str(folder.parent / "train.tsv"))
    assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-5)


@pytest.mark.slow  # Two processes.
def test_tensorflow_exports_it_whatever_the_environment_says(finetuned, tmp_path):
    given = {"model": finetuned[0], "output_dir": tmp_path / "1"}
    stdout, _ = finish(processes.start("export", given, KERAS_BACKEND="jax"))
    assert json.loads(stdout)["agreement"] == 1.0
    assert (tmp_path / "1" / "saved_model.pb").exists()


def test_another_engine_does_not_go_on_with_a_run(finetuned, files):
    with pytest.raises(ValueError, match="engine was 'jax', is 'tensorflow'"):
        bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model=str(files / "start"),
                train_file=str(files / "train.tsv"),
                output_dir=str(finetuned[0]),
            )
        )


def test_float16_is_refused(files, environment):
    given = flags(files, "fp16", fp16=True)
    _, stderr = finish(processes.start("finetune", given, **environment), status=1)
    assert stderr.splitlines()[-1] == (
        "error: fp16 is for --engine=tensorflow, which scales the loss; with jax, pass "
        "--bf16."
    )
    assert not (files / "fp16").exists()


@pytest.mark.slow
def test_pretraining_needs_no_tensorflow(tmp_path, environment):
    lengths = np.random.default_rng(3).integers(1, 6, (30, 7))
    store = tiny_store.write(tmp_path / "store", lengths.tolist())
    config = bert_tf.BertConfig.from_dict(
        tiny_folder.CONFIG.to_dict() | {"vocab_size": len(store.vocab)}
    )
    write_config(tmp_path / "tiny.json", config)
    given = {
        "engine": "jax",
        "data_dir": tmp_path / "store",
        "eval_data_dir": tmp_path / "store",
        "config": tmp_path / "tiny.json",
        "output_dir": tmp_path / "model",
        "phases": "12:6,24:4",
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "eval_steps": 5,
        "max_eval_steps": 2,
        "logging_steps": 2,
    }
    stdout, _ = finish(processes.start("pretrain", given, **environment))
    metrics = json.loads(stdout)
    assert metrics["train_steps"] == 10
    assert 4 < metrics["eval_masked_lm_loss"] < 8
    arrays = formats.read_safetensors(tmp_path / "model/model.safetensors")
    assert "cls.predictions.bias" in arrays
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.slow  # Three processes.
def test_two_processes_are_two_devices(files, environment):
    # In every second update the second process has no examples, and so other shapes.
    given = {"max_steps": 20, "adam_epsilon": 1e-3, "per_device_train_batch_size": 5}
    workers = processes.start_workers(
        "finetune", flags(files, "workers", **given), **environment
    )
    for worker in workers:
        finish(worker)
    mirrored = flags(files, "devices", distribution="mirrored", **given)
    devices = {"XLA_FLAGS": jax_processes.environment(2)["XLA_FLAGS"]}
    finish(processes.start("finetune", mirrored, **environment, **devices))
    ours, theirs = (
        formats.read_safetensors(files / name / "model.safetensors")
        for name in ("workers", "devices")
    )
    for name, array in theirs.items():
        np.testing.assert_allclose(ours[name], array, atol=1e-6, err_msg=name)


@pytest.mark.slow  # Two processes.
def test_a_lost_worker_is_one_line_of_the_other(files, environment):
    given = flags(files, "lost", max_steps=100_000, eval_strategy="no")
    first, second = processes.start_workers("finetune", given, **environment)
    processes.wait_for_checkpoint([first, second], files / "lost")
    second.kill()
    second.communicate()
    _, stderr = finish(first, status=1)
    step = processes.saved_step(files / "lost")
    assert stderr.splitlines()[-1] == (
        "error: a worker is gone; start all workers again with the same command: they go "
        f"on from step {step}."
    )
