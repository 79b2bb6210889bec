"""Distillation under JAX makes the student that TensorFlow's engine makes."""

import dataclasses
import json

import numpy as np
import processes
import pytest
import tiny_folder

import bert_tf
from bert_tf.checkpoints import formats

pytest.importorskip("jax", reason="pip install -e '.[jax]'")
pytest.importorskip("tokenizers", reason="pip install -e '.[jax]'")

# Without dropout, whose masks follow the rows; and these are padded under JAX.
CONFIG = dataclasses.replace(
    tiny_folder.CONFIG,
    num_hidden_layers=2,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
TRAINING = {
    "max_steps": 3,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 2,
    "learning_rate": 1e-3,
}


@pytest.mark.slow  # A process under JAX, which compiles; the losses are keras.ops.
def test_it_equals_tensorflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_folder.write("start", CONFIG)
    texts = (
        "it was good .\tpos\n",
        "a bad film\tneg\n",
        "fine\tpos\n",
        "poor ?\tneg\n",
    )
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + "".join(texts * 3))
    (tmp_path / "more.txt").write_text("a very good film\nis it bad ?\n")
    common = {"train_file": "train.tsv", "max_seq_length": 16}
    bert_tf.finetune(
        bert_tf.FinetuneConfig(model="start", output_dir="teacher", **common),
        bert_tf.TrainConfig(max_steps=3, learning_rate=1e-2),
    )
    given = common | {
        "teacher": "teacher",
        "student": "teacher",  # Random weights are not those of the other engine.
        "keep_layers": "1",
        "transfer_file": "more.txt",
        "hidden_weight": 1.0,
        "attention_weight": 1.0,
    }
    process = processes.start(
        "distill",
        given | TRAINING | {"engine": "jax", "output_dir": "jax"},
        JAX_PLATFORMS="cpu",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",
    )
    bert_tf.distill(
        bert_tf.DistillConfig(**given, output_dir="tensorflow"),
        bert_tf.TrainConfig(**TRAINING),
    )
    stdout, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["transfer_examples"] == 2
    ours, theirs = (
        formats.read_safetensors(tmp_path / name / "model.safetensors")
        for name in ("jax", "tensorflow")
    )
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        if not name.endswith("key.bias"):  # Its gradient is 0 but for rounding.
            np.testing.assert_allclose(ours[name], array, atol=1e-5, err_msg=name)
    lines = [
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0])
        for name in ("jax", "tensorflow")
    ]
    for term in ("classification", "soft_classification", "hidden", "attention"):
        assert lines[0][term] == pytest.approx(lines[1][term], rel=1e-4), term
