"""Pretraining that is killed several times ends in the same weights."""

import random
import signal
import time

import numpy as np
import processes
import pytest
from tiny_store import write

from bert_tf.config import BertConfig, write_config

KILLS = 3


@pytest.mark.slow  # Five processes.
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_three_kills_do_not_change_the_weights(engine, tmp_path):
    pytest.importorskip(engine)
    lengths = np.random.default_rng(3).integers(1, 6, (30, 7))
    store = write(tmp_path / "store", lengths.tolist())
    write_config(
        tmp_path / "tiny.json",
        BertConfig(
            vocab_size=len(store.vocab),
            hidden_size=14,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=23,
            max_position_embeddings=31,
        ),
    )

    def start(name):
        flags = {
            "engine": engine,
            "data_dir": tmp_path / "store",
            "eval_data_dir": tmp_path / "store",
            "config": tmp_path / "tiny.json",
            "output_dir": tmp_path / name,
            "phases": "12:200,24:100",
            "optim": "lamb",
            "per_device_train_batch_size": 3,
            "gradient_accumulation_steps": 2,
            "learning_rate": 1e-3,
            "save_steps": 3,
            "eval_steps": 100,
            "max_eval_steps": 2,
            "logging_steps": 1,
        }
        return processes.start("pretrain", flags)

    whole, output_dir = tmp_path / "whole", tmp_path / "killed"
    undisturbed, draw = start("whole"), random.Random(5)
    killed_at = 0
    for _ in range(KILLS):
        process = start("killed")
        processes.wait_for_checkpoint([process], output_dir, after=killed_at)
        time.sleep(draw.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        killed_at = processes.saved_step(output_dir)
    assert killed_at < 300
    for process in (start("killed"), undisturbed):
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (output_dir / name).read_bytes() == (whole / name).read_bytes(), name
    assert processes.without_speed(
        output_dir / "metrics.jsonl"
    ) == processes.without_speed(whole / "metrics.jsonl")
