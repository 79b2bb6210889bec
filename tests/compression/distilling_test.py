"""Distillation of a small teacher as a user runs it, and bad input."""

import dataclasses
import json
import pathlib
import shutil
import signal

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder, formats
from bert_tf.compression import teachers
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.classification import Classification
from bert_tf.training.loop import Stopped, TrainConfig

BIG = dataclasses.replace(tiny_folder.CONFIG, num_hidden_layers=4)
DROPPING = dataclasses.replace(tiny_folder.CONFIG, hidden_dropout_prob=0.2)
TRAINING = TrainConfig(
    max_steps=4,
    per_device_train_batch_size=5,
    learning_rate=1e-2,
    logging_steps=2,
    eval_strategy="steps",
    eval_steps=2,
)
ROWS = "".join(
    f"{first} {words}\t{label}\n"
    for first in ("the film is", "it was", "a very")
    for words, label in (("good .", "pos"), ("bad ,", "neg"), ("fine film", "pos"))
)
DATA = {"train_file": "train.tsv", "eval_file": "train.tsv", "max_seq_length": 16}


def distill(training=TRAINING, **changes):
    given = {"teacher": "teacher", "student": "start", "output_dir": "out"}
    return bert_tf.distill(bert_tf.DistillConfig(**given | DATA | changes), training)


def finetune(training=TRAINING, **changes):
    given = {"model": "start", "output_dir": "out"}
    return bert_tf.finetune(bert_tf.FinetuneConfig(**given | DATA | changes), training)


def weights(path):
    return formats.read_safetensors(pathlib.Path(path, "model.safetensors"))


def assert_same_weights(path, other):
    received, expected = weights(path), weights(other)
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(received[name], array, err_msg=name)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """A folder with `start`, the fine-tuned `teacher` of four layers, and `train.tsv`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start", DROPPING)
        tiny_folder.write("big", BIG)
        pathlib.Path("train.tsv").write_text("text\tlabel\n" + ROWS)
        finetune(model="big", output_dir="teacher", eval_file="")
        yield pathlib.Path.cwd()


@pytest.fixture(scope="module")
def metrics(home):
    """Metrics of a student of another width, which has a projection."""
    return distill(student="2x10", hidden_weight=1.0, output_dir="student", alpha=0.9)


class TestFolder:
    def test_it_is_an_ordinary_one(self, metrics):
        assert {f.name for f in pathlib.Path("student").iterdir()} == (
            tiny_folder.FINETUNED_FILES
        )
        config = json.loads(pathlib.Path("student/config.json").read_text())
        assert (config["num_hidden_layers"], config["hidden_size"]) == (2, 10)
        assert config["bert_tf"]["task"] == "classification"
        assert config["architectures"] == ["BertForSequenceClassification"]
        assert not [name for name in weights("student") if "distil" in name]

    def test_it_predicts_and_is_evaluated(self, metrics):
        model = bert_tf.Model("student")
        scores = model.evaluate("train.tsv")
        assert scores["eval_accuracy"] == metrics["eval_accuracy"]
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-5)
        assert model.predict(["it was good"])[0]["scores"].keys() == {"neg", "pos"}

    def test_its_lines_have_the_loss_of_each_term(self, metrics):
        lines = pathlib.Path("student/metrics.jsonl").read_text().splitlines()
        line = json.loads(lines[0])
        terms = [line[n] for n in ("classification", "soft_classification", "hidden")]
        assert line["loss"] == pytest.approx(sum(terms), rel=1e-5)
        assert min(terms) > 0

    def test_its_card_names_the_teacher_and_the_command(self, metrics):
        card = pathlib.Path("student/README.md").read_text()
        assert "distilled from `teacher` on 9 examples" in card
        assert "bert-tf distill \\\n" in card
        assert "--student=2x10" in card

    def test_flags_are_a_flagfile(self, metrics):
        lines = pathlib.Path("student/flags.txt").read_text().splitlines()
        names = {line.removeprefix("--").partition("=")[0] for line in lines[:-1]}
        parts = (bert_tf.DistillConfig, Classification.Options, TrainConfig)
        fields = {field.name for part in parts for field in dataclasses.fields(part)}
        assert names == fields - {"options", "overwrite_output_dir"}
        assert "--task=classification" in lines  # The teacher's.

    def test_a_finished_run_returns_its_metrics(self, metrics):
        again = distill(
            student="2x10", hidden_weight=1.0, output_dir="student", alpha=0.9
        )
        assert again == json.loads(pathlib.Path("student/metrics.json").read_text())


@pytest.mark.slow
def test_alpha_of_zero_is_fine_tuning():
    distill(alpha=0.0, output_dir="alpha_0")
    finetune(output_dir="plain")
    assert_same_weights("alpha_0", "plain")
    distill(alpha=0.1, output_dir="alpha_1")
    with pytest.raises(AssertionError):
        assert_same_weights("alpha_1", "plain")


@pytest.mark.slow
class TestResume:
    def test_a_stopped_run_ends_in_the_same_weights(self, metrics, monkeypatch):
        score = Classification.score
        flags = {"student": "2x10", "hidden_weight": 1.0, "alpha": 0.9}

        def stop(*arguments):
            signal.raise_signal(signal.SIGTERM)
            return score(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(Classification, "score", stop)
            with pytest.raises(Stopped, match="SIGTERM at step 2 of 4"):
                distill(output_dir="again", **flags)
        # Another teacher in the same place is no longer the same run.
        shutil.copytree("teacher", "kept")
        arrays = weights("teacher")
        arrays["classifier.bias"] = arrays["classifier.bias"] + 1
        formats.write_safetensors(pathlib.Path("teacher/model.safetensors"), arrays)
        try:
            with pytest.raises(ValueError, match="data have changed since the run in"):
                distill(output_dir="again", **flags)
        finally:
            shutil.rmtree("teacher")
            pathlib.Path("kept").rename("teacher")
        assert distill(output_dir="again", **flags)["train_steps"] == 4
        assert_same_weights("again", "student")


@pytest.mark.slow
def test_layers_of_the_teacher_and_texts_without_labels(caplog):
    pathlib.Path("more.txt").write_text("it is poor\nthe film ?\na very , very fine\n")
    caplog.set_level("INFO", "bert_tf")
    metrics = distill(
        dataclasses.replace(TRAINING, max_steps=2),
        student="teacher",
        keep_layers="1,3",
        transfer_file="more.txt",
        output_dir="kept_layers",
    )
    assert metrics["transfer_examples"] == 3
    assert metrics["train_examples"] == 9
    assert "more.txt: " in caplog.text
    config = folder.read(pathlib.Path("kept_layers")).config
    assert config == dataclasses.replace(BIG, num_hidden_layers=2, extra=config.extra)


def test_labels_in_another_order(tmp_path):
    """A teacher of transformers may count its labels otherwise."""
    shutil.copytree("teacher", tmp_path / "turned")
    path = tmp_path / "turned/config.json"
    config = json.loads(path.read_text())
    assert config["id2label"] == {"0": "neg", "1": "pos"}
    config["id2label"] = {"0": "pos", "1": "neg"}
    config["label2id"] = {"pos": 0, "neg": 1}
    path.write_text(json.dumps(config))
    (plain,), (turned,) = (
        teachers.read(str(name)) for name in ("teacher", tmp_path / "turned")
    )
    like = BertBackbone(tiny_folder.CONFIG)
    batch = {"input_ids": np.array([[2, 8, 9, 3]])}
    own = plain.build(like, ["neg", "pos"])(batch).numpy()
    same = turned.build(like, ["pos", "neg"])(batch).numpy()
    other = turned.build(like, ["neg", "pos"])(batch).numpy()
    np.testing.assert_array_equal(same, own)
    np.testing.assert_array_equal(other, own[:, ::-1])


class TestBadInput:
    @pytest.fixture(autouse=True)
    def nothing_is_written(self, home):
        yield
        assert not (home / "out").exists()

    @pytest.mark.parametrize(
        "changes, says",
        [
            ({"alpha": 1.5}, "alpha must be from 0 to 1; received 1.5"),
            ({"temperature": 0.0}, "temperature must be > 0; received 0.0"),
            (
                {"hidden_weight": -1.0},
                "hidden_weight must be at least 0; received -1.0",
            ),
            ({"layer_map": "1:1"}, "layer_map=1:1 says which.*hidden_weight and"),
            (
                {"alpha": 0.0, "transfer_file": "train.tsv"},
                "transfer_file have no labels, so alpha=0 learns nothing from them; ra",
            ),
            (
                {"alpha": 0.0, "augment": 2, "augment_model": "bert"},
                "of augment have no labels, so alpha=0 learns nothing from them; raise",
            ),
            ({"augment": 2}, "belong together; received 2 and ''"),
            ({"augment_model": "bert"}, "belong together; received 0 and 'bert'"),
            ({"augment": -1}, "augment must be at least 0; received -1"),
            ({"teacher": ""}, "teacher is missing: pass --teacher="),
            ({"student": ""}, "student is missing: pass --student="),
            (
                {"task": "regression"},
                "task is regression, but the teacher teacher was tr",
            ),
            ({"task": "fill_mask"}, "task must be one of"),
            (
                {"student": "teacher", "keep_layers": "0,4"},
                "from 0 to 3, since the teacher has 4 layers; received '0,4'",
            ),
            (
                {"layer_map": "1:5", "hidden_weight": 1.0},
                "a layer that the teacher does not have; its layers are 1 to 4",
            ),
            (
                {"layer_map": "2:4", "hidden_weight": 1.0},
                "a layer that the student does not have; its layers are 1 to 1",
            ),
            (
                {"teacher": "big"},
                "the teacher big has no trained head.*fine-tune it fir",
            ),
            ({"teacher": "bert"}, "fill_mask, the task of bert, cannot be learnt from"),
        ],
        ids=str,
    )
    def test_flags(self, changes, says):
        if not pathlib.Path("bert").exists():
            tiny_folder.write_pretrained("bert")
        with pytest.raises(ValueError, match=says):
            distill(**changes)

    def test_labels_that_the_teacher_does_not_know(self):
        pathlib.Path("odd.tsv").write_text("text\tlabel\n" + ROWS + "it is ?\todd\n")
        with pytest.raises(
            ValueError, match="teacher knows the labels 'neg', 'pos', but odd.tsv has"
        ):
            distill(train_file="odd.tsv")

    def _changed(self, name, change):
        """Writes a copy of the teacher with another config.json; returns its name."""
        shutil.copytree("teacher", name)
        path = pathlib.Path(name, "config.json")
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))
        return name

    def test_a_student_of_another_task(self):
        name = self._changed("other", lambda c: c["bert_tf"].update(task="multi_label"))
        with pytest.raises(
            ValueError, match="'other' was trained for multi_label, but"
        ):
            distill(student=name)
        with pytest.raises(ValueError, match="teacher other was trained for multi_lab"):
            distill(teacher=f"teacher,{name}")

    def test_a_student_of_other_labels(self):
        def rename(config):
            config["id2label"] = {"0": "bad", "1": "good"}
            config["label2id"] = {"bad": 0, "good": 1}

        name = self._changed("renamed", rename)
        with pytest.raises(
            ValueError, match="but the student renamed has 'bad', 'good'"
        ):
            distill(student=name)
        with pytest.raises(
            ValueError, match="teacher renamed knows the labels 'bad', "
        ):
            distill(teacher=f"teacher,{name}")

    def test_another_vocabulary(self):
        shutil.copytree("start", "words")
        path = pathlib.Path("words/vocab.txt")
        path.write_text(path.read_text().replace("poor", "rich"))
        with pytest.raises(ValueError, match="words has another vocabulary .19 tokens"):
            distill(student="words")
        shutil.copytree("start", "capitals")
        path = pathlib.Path("capitals/tokenizer_config.json")
        config = json.loads(path.read_text()) | {"do_lower_case": False}
        path.write_text(json.dumps(config))
        with pytest.raises(
            ValueError, match="capitals has do_lower_case=False, but the"
        ):
            distill(student="capitals")

    def test_examples_longer_than_the_teacher_reads(self):
        with pytest.raises(
            ValueError, match="teacher teacher: max_seq_length is 30, but"
        ):
            distill(max_seq_length=30)
