"""A run that is killed and resumed ends like an undisturbed one."""

import json
import os
import re
import signal

import keras
import numpy as np
import processes
import pytest
from processes import saved_step, wait_for_checkpoint, without_speed

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.training import run_folder

WORDS = ["red", "green", "blue", "round", "long", "flat", "##ish"]
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


@pytest.fixture
def files(tmp_path):
    """A tiny model folder, and a file of labelled texts."""
    keras.utils.set_random_seed(3)
    config = BertConfig(
        vocab_size=len(VOCAB),
        hidden_size=14,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=23,
        max_position_embeddings=31,
    )
    folder = folders.ModelFolder(config, VOCAB, {"do_lower_case": True})
    folders.write(tmp_path / "start", Classifier(BertBackbone(config), 2), folder)
    random = np.random.default_rng(5)
    lines = ["text,label"]
    for number in range(41):
        words = random.choice(WORDS[:6], random.integers(1, 9))
        lines.append(f"{' '.join(words)},{'colour' if number % 2 else 'shape'}")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


TRAINING = {
    "max_steps": 120,
    "per_device_train_batch_size": 3,
    "learning_rate": 1e-3,
    "save_steps": 3,
    "eval_strategy": "steps",
    "eval_steps": 40,
    "logging_steps": 1,
}


def flags_of(files, name):
    return {
        "model": str(files / "start"),
        "train_file": str(files / "data.csv"),
        "eval_file": str(files / "data.csv"),
        "output_dir": str(files / name),
        "max_seq_length": 16,
    }


def start(files, name, **changes):
    """Starts or resumes a run of 120 steps, in a process."""
    return processes.start("finetune", flags_of(files, name) | TRAINING | changes)


def finetune(files, name):
    """Makes the same run in the process of the tests, which has TensorFlow already."""
    config = bert_tf.FinetuneConfig(**flags_of(files, name))
    return bert_tf.finetune(config, bert_tf.TrainConfig(**TRAINING))


@pytest.mark.slow
def test_killed_it_ends_the_same(files):
    whole, output_dir = files / "whole", files / "interrupted"
    process = start(files, "interrupted")
    wait_for_checkpoint([process], output_dir)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    killed_at = saved_step(output_dir)
    assert 0 < killed_at < 120
    # The next run clears away what a process that is killed has left.
    (output_dir / ".metrics.json.host.1.part").touch()
    assert (output_dir / run_folder.LOCK).exists()
    assert not (output_dir / "metrics.json").exists()

    process = start(files, "interrupted")
    wait_for_checkpoint([process], output_dir, after=killed_at)
    says = f"{re.escape(str(output_dir))} is in use by process {process.pid} on"
    with pytest.raises(OSError, match=says):
        finetune(files, "interrupted")
    expected = finetune(files, "whole")
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert "going on with the run" in stderr
    metrics = json.loads(stdout)
    del expected["eval_confusion_matrix"]  # Commands do not print it.
    for figures in (metrics, expected):
        assert figures.pop("train_examples_per_second") > 0
    assert metrics == expected
    assert 0 <= metrics["eval_accuracy"] <= 1
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (output_dir / name).read_bytes() == (whole / name).read_bytes(), name
    assert without_speed(output_dir / "metrics.jsonl") == without_speed(
        whole / "metrics.jsonl"
    )
    assert {*os.listdir(output_dir)} == {*os.listdir(whole)}
    assert not [name for name in os.listdir(whole) if name.startswith(".")]
    assert not (output_dir / "checkpoints").exists()


@pytest.mark.slow  # A minute.
def test_a_run_that_is_replaced_may_be_killed(files):
    """The folder of another run, replaced, killed, gone on with: as a new one."""
    output_dir, flags = files / "replaced", {"learning_rate": 1e-4, "max_steps": 20}
    process = start(files, "replaced", **flags, seed=7)
    assert process.communicate() and process.returncode == 0
    new = start(files, "new", **flags)

    process = start(files, "replaced", **flags, overwrite_output_dir=True)
    wait_for_checkpoint([process], output_dir)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (output_dir / "model.safetensors").exists()

    process = start(files, "replaced", **flags)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert "going on with the run" in stderr
    assert new.communicate() and new.returncode == 0
    for name in ("model.safetensors", "config.json"):
        expected = (files / "new" / name).read_bytes()
        assert (output_dir / name).read_bytes() == expected, name
