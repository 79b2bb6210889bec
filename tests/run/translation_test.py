"""Translation from two files to a folder that translates, and bad input on the way."""

import dataclasses
import json
import pathlib
import signal

import pytest
import tiny_folder
import tiny_parallel

import bert_tf
from bert_tf import doctor
from bert_tf.checkpoints import formats
from bert_tf.run.comparison import CompareConfig, compare
from bert_tf.tasks.translation import Translation
from bert_tf.training.loop import Stopped

pytest.importorskip("sacrebleu", reason="pip install -e '.[generation]'")

TRAINING = bert_tf.TrainConfig(
    num_train_epochs=12,
    per_device_train_batch_size=64,
    learning_rate=1e-2,
    eval_strategy="no",
)
SHORT = dataclasses.replace(TRAINING, max_steps=4, eval_strategy="steps", eval_steps=2)


def finetune(training, **changes):
    config = {
        "model": "start",
        "task": "translation",
        "train_file": "train.en,train.de",
        "output_dir": "out",
        "max_seq_length": 16,
        "max_target_length": 12,
        "num_beams": 1,
        "target_vocab_size": 100,
        "label_smoothing": 0.0,
    }
    return bert_tf.finetune(bert_tf.FinetuneConfig(**config | changes), training)


def prepare(folder):
    tiny_folder.write(folder / "start", tiny_parallel.CONFIG)
    tiny_parallel.write(folder, "train", 1500, 1)
    tiny_parallel.write(folder, "dev", 40, 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a model that has learnt to translate."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        prepare(home)
        finetune(TRAINING, eval_file="dev.en,dev.de", output_dir="model")
    return home


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with data and a pretrained encoder."""
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)


@pytest.fixture(scope="module")
def model(home):
    return bert_tf.Model(home / "model")


class TestTrained:
    """What a few hundred updates lead to."""

    def test_it_translates(self, home):
        metrics = json.loads((home / "model/metrics.json").read_text())
        assert metrics["train_steps"] == 288
        assert metrics["eval_bleu"] > 90
        assert metrics["eval_chrf"] > 90
        assert metrics["eval_loss"] < 0.3
        assert metrics["eval_perplexity"] < 1.35

    def test_the_folder(self, home):
        files = {file.name for file in (home / "model").iterdir()}
        others = {"confusion_matrix.png"}
        assert files == tiny_folder.FINETUNED_FILES - others | {"decoder"}
        config = json.loads((home / "model/config.json").read_text())
        assert config["architectures"] == ["EncoderDecoderModel"]
        assert config["bert_tf"]["task"] == "translation"
        vocab = (home / "model/decoder/vocab.txt").read_text().split("\n")
        assert {"Film", "schlecht", "sehr"} <= set(
            vocab
        )  # Cased, learnt from train.de.

    def test_evaluation_scores_the_same(self, home, model):
        scores = model.evaluate(f"{home}/dev.en,{home}/dev.de")
        metrics = json.loads((home / "model/metrics.json").read_text())
        assert scores["eval_bleu"] == metrics["eval_bleu"]
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], rel=1e-5)

    def test_predictions_are_in_order_and_an_empty_line_stays_empty(self, home, model):
        sources, targets = tiny_parallel.pairs(40, 2)
        right = [
            prediction["translation"] == target
            for prediction, target in zip(model.predict(sources), targets)
        ]
        assert sum(right) > 32
        first, empty, again = model.predict([sources[0], "", sources[0]])
        assert empty == {"translation": "", "score": 0.0}
        assert first["translation"] == again["translation"] == targets[0]
        assert -1 < first["score"] < 0

    def test_a_file_of_plain_lines(self, home, tmp_path):
        sources, _ = tiny_parallel.pairs(3, 2)
        sources.insert(1, "")
        (tmp_path / "in.txt").write_text("\n".join(sources) + "\n")
        config = bert_tf.PredictConfig(
            model=str(home / "model"),
            input_file=str(tmp_path / "in.txt"),
            output_file=str(tmp_path / "out.txt"),
        )
        predictions = bert_tf.predict(config)
        lines = (tmp_path / "out.txt").read_text().splitlines()
        assert lines == [row["translation"] for row in predictions]
        assert len(lines) == 4 and lines[1] == ""

    @pytest.mark.slow
    def test_options_of_a_prediction(self, home):
        source, target = (texts[0] for texts in tiny_parallel.pairs(40, 2))
        beams = bert_tf.Model(home / "model", num_beams=3, num_return_sequences=3)
        (prediction,) = beams.predict([source])
        scores = [found["score"] for found in prediction["n_best"]]
        assert prediction["translation"] == target
        assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3
        # 0 is a value, not "as in training".
        plain = bert_tf.Model(home / "model", length_penalty=0.0)
        assert plain.task.options.length_penalty == 0
        assert plain.predict([source])[0]["translation"] == target

    @pytest.mark.slow
    def test_models_are_compared_by_bleu(self, home):
        path = str(home / "model")
        result = compare(
            CompareConfig(
                model=path, baseline=path, eval_file=f"{home}/dev.en,{home}/dev.de"
            )
        )
        assert result["metric"] == "bleu" and result["model"] > 90
        assert result["interval_95"] == [0, 0]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"num_beams": 0}, "num_beams must be at least 1; received 0"),
            ({"max_target_length": 25}, "the decoder has only 24 positions; lower it"),
            ({"top_k": 3}, "top_k is not an option of translation predictions"),
            ({"label_smoothing": 0.1}, "is not an option of translation predictions"),
        ],
    )
    def test_bad_options(self, home, options, message):
        with pytest.raises(ValueError, match=message):
            bert_tf.Model(home / "model", **options)

    def test_other_tasks_of_the_folder(self, home):
        model = bert_tf.Model(home / "model", task="features")
        (prediction,) = model.predict(["a film"])
        assert prediction["tokens"] == ["[CLS]", "a", "film", "[SEP]"]
        with pytest.raises(ValueError, match="They have no such trained head"):
            bert_tf.Model(home / "model", task="classification")
        with pytest.raises(ValueError, match="has no decoder, which translation needs"):
            bert_tf.Model(home / "start", task="translation")

    def test_the_doctor_finds_nothing_wrong(self, home):
        config = doctor.DoctorConfig(
            model=str(home / "model"), eval_file=f"{home}/dev.en,{home}/dev.de"
        )
        found = {x["check"]: x for x in doctor.examine(config)}
        assert found["model/weights"]["level"] == "ok"
        assert "none is truncated at 16" in found["texts/lengths"]["says"]

    @pytest.mark.slow
    def test_training_goes_on_with_a_trained_decoder(self, home, tmp_path):
        files = {
            name: f"{home}/{name}.en,{home}/{name}.de" for name in ("train", "dev")
        }
        config = {"model": str(home / "model"), "output_dir": str(tmp_path / "more")}
        config |= {"train_file": files["train"], "eval_file": files["dev"]}
        training = dataclasses.replace(SHORT, max_steps=1, learning_rate=1e-9)
        assert finetune(training, **config)["eval_bleu"] > 90
        with pytest.raises(
            ValueError, match="decoder_layers is 1, but the model has a"
        ):
            finetune(
                training, **config | {"output_dir": str(tmp_path)}, decoder_layers=1
            )

    def test_written_texts_alone_are_plain_lines(self, home, tmp_path):
        lone = {"model": str(home / "start"), "task": "features"}
        config = bert_tf.PredictConfig(**lone, output_file=str(tmp_path / "a.txt"))
        with pytest.raises(
            ValueError, match="of features are no written texts; name o"
        ):
            bert_tf.predict(config, ["a film"])
        with pytest.raises(ValueError, match="holds predictions alone; drop echo"):
            bert_tf.PredictConfig(**lone, output_file="a.txt", echo=True)


class TestStart:
    @pytest.mark.slow  # Three runs.
    def test_a_stopped_run_ends_in_the_same_weights(self, here, monkeypatch):
        dev = {"eval_file": "dev.en,dev.de"}
        finetune(SHORT, output_dir="whole", **dev)
        score = Translation.score

        def stop(*arguments):
            signal.raise_signal(signal.SIGTERM)
            return score(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Translation, "score", stop)
            with pytest.raises(Stopped, match="SIGTERM at step 2 of 4"):
                finetune(SHORT, **dev)
        finetune(SHORT, **dev)
        weights = [pathlib.Path(name, "model.safetensors") for name in ("out", "whole")]
        assert weights[0].read_bytes() == weights[1].read_bytes()

    @pytest.mark.slow
    @pytest.mark.parametrize("decoder", ["bertshare", "bert2rnd"])
    def test_decoders(self, here, decoder, caplog):
        training = dataclasses.replace(TRAINING, max_steps=1)
        finetune(training, decoder=decoder)
        names = formats.read_shapes(pathlib.Path("out/model.safetensors"))
        assert "decoder.cls.predictions.bias" in names
        own = pathlib.Path("out/vocab.txt").read_text()
        shares = pathlib.Path("out/decoder/vocab.txt").read_text() == own
        assert shares == (decoder == "bertshare")
        # Few German words are in an English vocabulary.
        assert ("of the targets are [UNK]" in caplog.text) == shares
        (prediction,) = bert_tf.Model("out").predict(["a film"])
        assert isinstance(prediction["translation"], str)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"train_file": "train.en,dev.de"},
                "line 41 of train.en, .* has no partner",
            ),
            (
                {"max_target_length": 25},
                "max_target_length is 25, but the decoder has o",
            ),
            ({"decoder_layers": 2}, "decoder_layers must be at most 1"),
            ({"decoder_model": "wide"}, "hidden size 48, but that of model is 32"),
            ({"bleu_tokenize": "german"}, "bleu_tokenize must be one of 13a"),
            ({"target_vocab_file": "none.txt"}, "none.txt"),
        ],
    )
    def test_bad_input(self, here, changes, message):
        wide = dataclasses.replace(tiny_parallel.CONFIG, hidden_size=48)
        tiny_folder.write("wide", wide)
        with pytest.raises((ValueError, OSError), match=message):
            finetune(SHORT, **changes)
        assert not pathlib.Path("out/config.json").exists()
