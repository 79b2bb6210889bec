"""Twenty updates of a fixed seed end in the recorded weights, however the code is arranged.

Bits depend on the processor's kernels, so each processor has a digest of its own; the norms
hold everywhere.
"""

import dataclasses
import hashlib
import json
import pathlib
import platform

import numpy as np
import pytest
import tensorflow as tf
import tiny_folder

import bert_tf
from bert_tf.checkpoints import formats
from bert_tf.config import write_config
from bert_tf.run.pretraining import PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab

RECORDED = json.loads(
    pathlib.Path(__file__).with_name("bitwise.json").read_text(encoding="utf-8")
)
TRAINING = bert_tf.TrainConfig(
    max_steps=20,
    per_device_train_batch_size=5,
    gradient_accumulation_steps=2,
    learning_rate=1e-2,
    layerwise_lr_decay=0.9,
    ema_decay=0.9,
    logging_steps=10,
    eval_strategy="steps",
    eval_steps=10,
    distribution="one_device",
)
TEXT = """The film is good. It is very fine.
A good film, is it?

It was poor, very poor. The film was bad.

Is the film fine? It is. It was a fine film.
"""


def processor():
    """The processor's family and TensorFlow's version, which decide the last bits."""
    if not pathlib.Path("/proc/cpuinfo").exists():
        return platform.machine()
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    fields = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    numbers = [fields.get(name) for name in ("vendor_id", "cpu family", "model")]
    return f"{' '.join(map(str, numbers))}, TensorFlow {tf.__version__}"


def finetuned():
    rows = [
        f"{first} {words}\t{label}\n"
        for first in ("the film is", "it was", "a very", "film :", "is it")
        for words, label in (("good .", "pos"), ("bad ,", "neg"), ("fine film", "pos"))
    ]
    pathlib.Path("train.tsv").write_text("text\tlabel\n" + "".join(rows))
    config = dataclasses.replace(tiny_folder.CONFIG, hidden_dropout_prob=0.2)
    tiny_folder.write("start", config)
    bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model="start",
            train_file="train.tsv",
            eval_file="train.tsv",
            output_dir="out",
            max_seq_length=16,
            label_smoothing=0.1,
        ),
        TRAINING,
    )


def pretrained():
    pathlib.Path("text.txt").write_text(TEXT)
    write_vocab("vocab.txt", tiny_folder.VOCAB)
    create_pretraining_data(
        PretrainingDataConfig(
            input_files="text.txt",
            vocab_file="vocab.txt",
            output_dir="store",
            num_workers=1,
        )
    )
    write_config("tiny.json", tiny_folder.CONFIG)
    pretrain(
        PretrainConfig(
            data_dir="store",
            eval_data_dir="store",
            config="tiny.json",
            output_dir="out",
            phases="16:12,24:8",
            masked_lm_prob=0.3,
        ),
        dataclasses.replace(TRAINING, max_steps=0, load_best_model_at_end=False),
    )


@pytest.mark.parametrize("train", [finetuned, pretrained])
def test_twenty_updates_end_in_the_recorded_weights(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train()
    arrays = formats.read_safetensors(tmp_path / "out" / "model.safetensors")
    norms = {name: float(np.linalg.norm(arrays[name])) for name in sorted(arrays)}
    expected = RECORDED[train.__name__]
    assert norms == pytest.approx(expected["norms"], rel=1e-3, abs=1e-5)
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    known = expected["sha256"].get(processor())
    if known is None:
        pytest.skip(f"no digest recorded on {processor()}: {digest.hexdigest()}")
    assert digest.hexdigest() == known
