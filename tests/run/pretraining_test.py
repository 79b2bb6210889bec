"""pretrain(): from a store to a model folder; resume, phases, what a user gets wrong."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tiny_folder

from bert_tf.checkpoints import formats
from bert_tf.config import write_config
from bert_tf.run import TrainConfig
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab
from bert_tf.training.journal import Log

TEXT = """The film is good. It is very fine.
A good film, is it?

It was poor, very poor. The film was bad.

Is the film fine? It is. It was a fine film.
"""
FILES = {
    *("README.md", "config.json", "flags.txt", "loss.png", "metrics.json"),
    *("metrics.jsonl", "model.safetensors", "tensorboard", "tokenizer_config.json"),
    "vocab.txt",
}


def make_store(path, text=TEXT, vocab=tiny_folder.VOCAB, **options):
    pathlib.Path("text.txt").write_text(text)
    write_vocab("vocab.txt", vocab)
    create_pretraining_data(
        PretrainingDataConfig(
            input_files="text.txt",
            vocab_file="vocab.txt",
            output_dir=path,
            num_workers=1,
            **options,
        )
    )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_store("store")
    write_config("tiny.json", tiny_folder.CONFIG)
    return tmp_path


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
        "max_steps": 4,
        "per_device_train_batch_size": 3,
        "lr_scheduler_type": "linear",
        "eval_steps": 2,
        "logging_steps": 1,
    }
    return TrainConfig(**TRAINING | values | changes)


def weights(path="model"):
    return formats.read_safetensors(pathlib.Path(path) / "model.safetensors")


def logged(name, path="model"):
    lines = pathlib.Path(path, "metrics.jsonl").read_text().splitlines()
    return [line[name] for line in map(json.loads, lines) if name in line]


def test_a_whole_run_leaves_a_folder_with_both_heads():
    metrics = pretrain(config(), training())
    assert {file.name for file in pathlib.Path("model").iterdir()} == FILES
    assert json.loads(pathlib.Path("model/metrics.json").read_text()) == metrics
    assert metrics["train_steps"] == 4
    assert metrics["train_examples"] == 12
    assert 0 <= metrics["eval_next_sentence_accuracy"] <= 1
    assert metrics["uniform_loss"] == pytest.approx(np.log(len(tiny_folder.VOCAB)))
    assert metrics["bigram_loss"] < metrics["unigram_loss"] < metrics["uniform_loss"]
    written = json.loads(pathlib.Path("model/config.json").read_text())
    assert written["architectures"] == ["BertForPreTraining"]
    names = set(weights())
    assert {"cls.predictions.bias", "cls.seq_relationship.weight"} <= names
    # The same again is nothing to do.
    assert pretrain(config(), training()) == metrics


def test_it_learns_the_text_by_heart():
    metrics = pretrain(
        config(),
        training(max_steps=150, learning_rate=1e-2, eval_strategy="no", save_steps=0),
    )
    assert metrics["eval_masked_lm_loss"] < 0.8 * metrics["unigram_loss"]
    early, late = np.array(logged("loss"))[:10], np.array(logged("loss"))[-10:]
    assert late.mean() < 0.6 * early.mean()


def test_phases_are_one_run_with_one_schedule():
    pretrain(config(phases="12:2,20:3", max_seq_length=128), training(max_steps=0))
    assert len(logged("loss")) == 5
    rates = logged("learning_rate")
    np.testing.assert_allclose(rates, 1e-4 * np.array([0, 1, 0.75, 0.5, 0.25]))
    whole = weights()
    # The first two steps are those of a run at 12.
    pretrain(
        config(output_dir="short", max_seq_length=12),
        training(max_steps=5, eval_strategy="no"),
    )
    np.testing.assert_allclose(logged("loss", "short")[:2], logged("loss", "model")[:2])
    assert logged("loss", "short")[2:] != logged("loss", "model")[2:]
    assert whole.keys() == weights("short").keys()


def test_it_goes_on_from_a_folder_and_starts_where_that_ends():
    pretrain(config(), training())
    before = weights()
    pretrain(
        config(config="", model="model", output_dir="more"),
        training(max_steps=1, learning_rate=1e-12),
    )
    for name, array in weights("more").items():
        np.testing.assert_allclose(array, before[name], atol=1e-9)


def test_an_encoder_alone_gets_new_heads(caplog):
    tiny_folder.write("encoder")
    pretrain(
        config(config="", model="encoder"), training(max_steps=1, learning_rate=1e-12)
    )
    encoder, name = weights("encoder"), "bert.embeddings.word_embeddings.weight"
    np.testing.assert_allclose(weights()[name], encoder[name], atol=1e-9)
    assert "cls/predictions" in caplog.text


def test_without_next_sentence_its_head_stays():
    make_store("one", text="It is a very good film. The film is fine.\n")
    pretrain(
        config(data_dir="one", eval_data_dir="one", nsp=False), training(max_steps=2)
    )
    first = weights()
    metrics = pretrain(
        config(data_dir="one", eval_data_dir="one", nsp=False, output_dir="b"),
        training(max_steps=3),
    )
    assert "eval_next_sentence_loss" not in metrics
    second = weights("b")
    for name in first:
        untouched = "seq_relationship" in name or "pooler" in name
        assert np.array_equal(first[name], second[name]) == untouched, name


class TestBadInput:
    """Each says what to do, and writes nothing."""

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
            r"other was made with another vocabulary \(20 pieces\) than encoder's \(19",
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

    def test_phases_and_steps(self):
        self.refuse("drop max_steps", {"phases": "12:2"})

    def test_adapters(self):
        self.refuse("lora_rank is for fine-tuning", lora_rank=2)

    def test_other_flags_in_the_same_folder(self):
        pretrain(config(), training(max_steps=1))
        with pytest.raises(ValueError, match="max_steps was '1', is '2'"):
            pretrain(config(), training(max_steps=2))

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


def test_a_run_cut_off_goes_on_bitwise(monkeypatch):
    pretrain(config(), training(max_steps=6))
    write, saved = Log.write, training(max_steps=6, save_steps=2)

    def cut(log, step, values):
        if step == 5:
            raise OSError("No space left on device")
        write(log, step, values)

    monkeypatch.setattr(Log, "write", cut)
    with pytest.raises(OSError):
        pretrain(config(output_dir="again"), saved)
    assert not pathlib.Path("again/config.json").exists()
    monkeypatch.setattr(Log, "write", write)
    metrics = pretrain(config(output_dir="again"), saved)
    assert metrics["train_steps"] == 6
    assert logged("loss", "again") == logged("loss")
    for name, array in weights("again").items():
        np.testing.assert_array_equal(array, weights()[name])
