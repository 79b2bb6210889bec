"""Two worker processes train the same model as one, also if they are interrupted."""

import dataclasses
import itertools
import json
import signal

import numpy as np
import processes
import pytest
import tiny_folder
from tiny_store import write

from bert_tf.checkpoints import formats
from bert_tf.config import BertConfig, write_config

pytestmark = pytest.mark.slow  # Processes, and each traces the model.


# Their means are there, too.
NESTED = ("eval_per_class", "eval_confusion_matrix")


def ended(workers, status=0):
    """Waits for processes; returns their standard outputs and standard errors."""
    outputs = [process.communicate() for process in workers]
    for process, (_, stderr) in zip(workers, outputs):
        assert process.returncode == status, stderr
    return outputs


def assert_same_lines(folder, other, tolerance):
    for line, expected in itertools.zip_longest(
        processes.without_speed(folder / "metrics.jsonl"),
        processes.without_speed(other / "metrics.jsonl"),
    ):
        for name in line.keys() | expected.keys():
            if name not in NESTED:
                assert line[name] == pytest.approx(
                    expected[name], rel=tolerance, abs=tolerance
                ), name


def test_two_workers_equal_one_with_two_micro_batches(tmp_path):
    undropped = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = dataclasses.replace(tiny_folder.CONFIG, **undropped)
    tiny_folder.write(tmp_path / "start", config)
    random = np.random.default_rng(5)
    lines = ["text,label"]
    for _ in range(29):  # Not a multiple: the last update of an epoch is smaller.
        label = random.choice(["good", "bad"])
        words = random.choice(tiny_folder.VOCAB[8:], random.integers(1, 9))
        lines.append(f"{' '.join(words)} {label},{label}")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")

    def flags(name, micro_batches):
        return {
            "model": tmp_path / "start",
            "train_file": tmp_path / "data.csv",
            "eval_file": tmp_path / "data.csv",
            "output_dir": tmp_path / name,
            "num_train_epochs": 3,
            "per_device_train_batch_size": 3,
            "gradient_accumulation_steps": micro_batches,
            "learning_rate": 1e-2,
            # The gradient of a key's bias is rounding error, which Adam would amplify.
            "adam_epsilon": 1e-3,
            "logging_steps": 1,
            "max_seq_length": 16,
        }

    ended([processes.start("finetune", flags("one", 4))])
    outputs = ended(processes.start_workers("finetune", flags("two", 2)))
    one, two = tmp_path / "one", tmp_path / "two"
    arrays, expected = (
        formats.read_safetensors(folder / "model.safetensors") for folder in (two, one)
    )
    for name in expected:
        np.testing.assert_allclose(arrays[name], expected[name], rtol=0, atol=1e-6)
    assert_same_lines(two, one, 1e-5)
    # The first worker writes the files; both have the metrics.
    assert {file.name for file in two.iterdir()} == tiny_folder.FINETUNED_FILES
    assert len(list((two / "tensorboard").iterdir())) == 1
    metrics = json.loads((two / "metrics.json").read_text())
    for stdout, _ in outputs:
        assert json.loads(stdout)["eval_accuracy"] == metrics["eval_accuracy"]


def test_interruptions_do_not_change_the_weights(tmp_path):
    lengths = np.random.default_rng(3).integers(1, 6, (30, 7))
    store = write(tmp_path / "store", lengths.tolist())
    config = BertConfig(
        vocab_size=len(store.vocab),
        hidden_size=14,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=23,
        max_position_embeddings=31,
    )
    write_config(tmp_path / "tiny.json", config)

    def start(name):
        flags = {
            "data_dir": tmp_path / "store",
            "eval_data_dir": tmp_path / "store",
            "config": tmp_path / "tiny.json",
            "output_dir": tmp_path / name,
            "phases": "12:300,24:100",
            "per_device_train_batch_size": 3,
            "learning_rate": 1e-3,
            "save_steps": 3,
            "eval_steps": 200,
            "max_eval_steps": 2,
            "logging_steps": 1,
        }
        return processes.start_workers("pretrain", flags)

    ended(start("whole"))
    whole, output_dir = tmp_path / "whole", tmp_path / "killed"

    # The second worker is lost; the first reports it and the step to resume from.
    first, second = start("killed")
    processes.wait_for_checkpoint([first, second], output_dir)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    ((_, stderr),) = ended([first], status=1)
    killed_at = processes.saved_step(output_dir)
    assert "error: worker 1 (127.0.0.1:" in stderr and "Traceback" not in stderr
    assert f"they go on from step {killed_at}." in stderr.splitlines()[-1]

    # The second worker gets SIGTERM; both stop at the same step.
    first, second = start("killed")
    processes.wait_for_checkpoint([first, second], output_dir, after=killed_at)
    second.send_signal(signal.SIGTERM)
    outputs = ended([first, second], status=143)
    stopped_at = processes.saved_step(output_dir)
    assert killed_at < stopped_at < 400
    for (_, stderr), name in zip(outputs, ("a signal to another worker", "SIGTERM")):
        assert f"stopped by {name} at step {stopped_at} of 400" in stderr

    ended(start("killed"))
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (output_dir / name).read_bytes() == (whole / name).read_bytes(), name
    assert_same_lines(output_dir, whole, 0)
    assert not (output_dir / "checkpoints").exists()
