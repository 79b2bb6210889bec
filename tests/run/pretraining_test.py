"""Pretraining from a store to a model folder: resuming, phases, bad input."""

import contextlib
import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest
import tiny_folder
from tiny_text import make_store

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats
from bert_tf.config import write_config
from bert_tf.data.corpus.store import Store
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.predictor import Model
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.tasks.pretraining import Pretraining
from bert_tf.training.config import TrainConfig
from bert_tf.training.journal import Log

FILES = {
    *("README.md", "config.json", "flags.txt", "loss.png", "metrics.json"),
    *("metrics.jsonl", "model.safetensors", "tensorboard", "tokenizer_config.json"),
    "vocab.txt",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a store, a configuration, and the model of six steps."""
    home = tmp_path_factory.mktemp("finished")
    with contextlib.chdir(home):
        make_store("store")
        write_config("tiny.json", tiny_folder.CONFIG)
        pretrain(config(), training())
    return home


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_store("store")
    write_config("tiny.json", tiny_folder.CONFIG)


def config(**changes):
    values = {
        "data_dir": "store",
        "eval_data_dir": "store",
        "config": "tiny.json",
        "output_dir": "model",
        "max_seq_length": 20,
    }
    return PretrainConfig(**values | changes)


def training(**changes):
    values = {
        "max_steps": 6,
        "per_device_train_batch_size": 3,
        "lr_scheduler_type": "polynomial",
        "eval_steps": 3,
        "logging_steps": 1,
    }
    return TrainConfig(**TRAINING | values | changes)


def weights(path="model"):
    return formats.read_safetensors(pathlib.Path(path) / "model.safetensors")


def logged(name, path="model"):
    lines = pathlib.Path(path, "metrics.jsonl").read_text().splitlines()
    return [line[name] for line in map(json.loads, lines) if name in line]


def test_a_run_writes_a_folder_with_both_heads(finished, monkeypatch):
    monkeypatch.chdir(finished)
    assert {file.name for file in pathlib.Path("model").iterdir()} == FILES
    metrics = json.loads(pathlib.Path("model/metrics.json").read_text())
    assert metrics["train_steps"] == 6
    assert metrics["train_examples"] == 18
    assert 0 <= metrics["eval_next_sentence_accuracy"] <= 1
    assert metrics["uniform_loss"] == pytest.approx(np.log(len(tiny_folder.VOCAB)))
    assert metrics["bigram_loss"] < metrics["unigram_loss"] < metrics["uniform_loss"]
    written = json.loads(pathlib.Path("model/config.json").read_text())
    assert written["architectures"] == ["BertForPreTraining"]
    assert {"cls.predictions.bias", "cls.seq_relationship.weight"} <= set(weights())
    # The same run is finished; a run with other settings needs another folder.
    assert pretrain(config(), training()) == metrics
    with pytest.raises(ValueError, match="max_steps was '6', is '2'"):
        pretrain(config(), training(max_steps=2))


def test_a_pretrained_model_fills_masks(finished):
    (prediction,) = Model(finished / "model").predict(["it was [MASK] , very [MASK] ."])
    assert [len(tokens) for tokens in prediction["tokens"]] == [5, 5]


def test_it_memorizes_the_text():
    metrics = pretrain(
        config(),
        training(max_steps=400, learning_rate=2e-2, eval_strategy="no", save_steps=0),
    )
    assert metrics["eval_masked_lm_loss"] < metrics["unigram_loss"] - 0.3
    losses = np.array(logged("loss"))
    assert losses[-10:].mean() < 0.6 * losses[:10].mean()


def test_phases_are_one_run_with_one_schedule():
    pretrain(
        config(phases="12:2,20:3", max_seq_length=128),
        training(max_steps=0, eval_strategy="no"),
    )
    assert len(logged("loss")) == 5
    np.testing.assert_allclose(
        logged("learning_rate"), 1e-4 * np.array([0, 1, 0.75, 0.5, 0.25])
    )


def test_it_starts_with_the_weights_of_a_folder(finished):
    pretrain(
        config(config="", model=str(finished / "model")),
        training(max_steps=1, learning_rate=1e-12),
    )
    before = weights(finished / "model")
    for name, array in weights().items():
        np.testing.assert_allclose(array, before[name], atol=1e-9)


def test_an_encoder_alone_gets_new_heads(caplog):
    tiny_folder.write("encoder")
    pretrain(
        config(config="", model="encoder"), training(max_steps=1, learning_rate=1e-12)
    )
    encoder, name = weights("encoder"), "bert.embeddings.word_embeddings.weight"
    np.testing.assert_allclose(weights()[name], encoder[name], atol=1e-9)
    assert "cls/predictions" in caplog.text


def test_without_next_sentence_its_head_does_not_change():
    make_store("one", text="It is a very good film. The film is fine.\n")
    metrics = pretrain(
        config(data_dir="one", eval_data_dir="one", nsp=False), training(max_steps=3)
    )
    assert "eval_next_sentence_loss" not in metrics
    keras.utils.set_random_seed(training().seed)
    start = BertPretrainer(BertBackbone(tiny_folder.CONFIG))
    folders.write("start", start, folders.read("model"))
    before = weights("start")
    for name, array in weights().items():
        untouched = "seq_relationship" in name or "pooler" in name
        assert np.array_equal(array, before[name]) == untouched, name


class TestBadInput:
    """Each error is one line and leaves nothing behind."""

    def refuse(self, match, config_changes=None, error=ValueError, **changes):
        with pytest.raises(error, match=match) as raised:
            pretrain(config(**config_changes or {}), training(**changes))
        assert "\n" not in str(raised.value)
        assert not pathlib.Path("model").exists()

    def test_no_store(self):
        self.refuse(
            "holds no finished store", {"data_dir": "text"}, error=FileNotFoundError
        )

    def test_one_document(self):
        make_store("one", text="It is a very good film. The film is fine.\n")
        self.refuse("holds one document.*--nonsp", {"data_dir": "one"})

    def test_a_store_of_another_vocabulary(self):
        make_store("other", vocab=[*tiny_folder.VOCAB, "dull"])
        self.refuse("made with another vocabulary", {"eval_data_dir": "other"})
        tiny_folder.write("encoder")
        self.refuse(
            r"other was made with another vocabulary \(20 tokens\) than that of encoder",
            {"config": "", "model": "encoder", "data_dir": "other"},
        )

    def test_a_store_of_another_casing(self):
        make_store("cased", do_lower_case=False)
        tiny_folder.write("encoder")
        self.refuse(
            "do_lower_case=False, but encoder has True",
            {"config": "", "model": "encoder", "data_dir": "cased"},
        )

    def test_a_truncated_shard(self):
        shard = next(pathlib.Path("store").glob("*.pieces.npy"))
        shard.write_bytes(shard.read_bytes()[:-5])
        self.refuse(f"{shard.name} is cut short")

    def test_a_model_too_small_for_the_vocabulary(self):
        small = dataclasses.replace(tiny_folder.CONFIG, vocab_size=10)
        write_config("small.json", small)
        self.refuse("vocab_size 10, but the store", {"config": "small.json"})

    def test_longer_than_the_model_has_positions(self):
        self.refuse("has only 24 positions", {"max_seq_length": 25})

    @pytest.mark.parametrize("kind", ["distilbert", "electra"])
    def test_a_model_without_both_heads(self, kind):
        architecture = {"model_type": kind, "vocab_size": 21, "layer_norm_eps": 1e-12}
        pathlib.Path("other.json").write_text(json.dumps(architecture))
        self.refuse(f"no head: its model_type is '{kind}'", {"config": "other.json"})

    def test_phases_and_steps(self):
        self.refuse("drop max_steps", {"phases": "12:2"})

    def test_adapters(self):
        self.refuse("lora_rank is for fine-tuning", lora_rank=2)

    @pytest.mark.parametrize(
        "changes, match",
        [
            ({"config": ""}, "one of size, config and model; received none"),
            ({"size": "tiny"}, "received size and config"),
            ({"config": "", "size": "huge"}, "size must be one of tiny.*'huge'"),
            ({"masking": "letter"}, "masking must be one of piece.*'letter'"),
            ({"masked_lm_prob": 1.5}, "masked_lm_prob must be in"),
            ({"phases": "128"}, "such as 128:900000,512:100000; received '128'"),
            ({"data_dir": ""}, "data_dir is missing"),
            ({"max_eval_steps": -1}, "max_eval_steps must be at least 0"),
        ],
    )
    def test_flags(self, changes, match):
        with pytest.raises(ValueError, match=match):
            config(**changes)


def test_an_interrupted_run_is_resumed_bitwise(finished, monkeypatch):
    write, saved = Log.write, training(save_steps=2)

    def cut(log, step, values):
        if step == 5:
            raise OSError("No space left on device")
        write(log, step, values)

    monkeypatch.setattr(Log, "write", cut)
    with pytest.raises(OSError):
        pretrain(config(), saved)
    assert not pathlib.Path("model/config.json").exists()
    monkeypatch.setattr(Log, "write", write)
    pretrain(config(), saved)
    assert logged("loss") == logged("loss", finished / "model")
    for name, array in weights().items():
        np.testing.assert_array_equal(array, weights(finished / "model")[name])


def test_rows_can_start_at_any_step_of_any_phase():
    store = Store("store")
    task = Pretraining(store.vocab, Pretraining.Options(phases="12:2,20:3"))

    def stream(step, name="input_ids", share=(1, 0)):
        rows = task.training_rows(
            store, batch_size=3, micro_batches=2, seed=1, start_step=step, share=share
        )
        rows = rows.take((10 - 2 * step) // share[0])
        return [batch[name].numpy().tolist() for batch in rows]

    whole = stream(0)
    assert len(whole) == 10
    longest = [np.max(places) + 1 for places in stream(0, "position_ids")]
    assert max(longest[:4]) == 12 < max(longest[4:]) <= 20
    for step in (1, 3):
        assert stream(step) == whole[2 * step :]
        assert stream(step, share=(2, 1)) == whole[2 * step + 1 :: 2]
