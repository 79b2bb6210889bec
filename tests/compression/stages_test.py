"""The verb prune: from a fine-tuned folder to a smaller one, and what it refuses."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
import tiny
import tiny_folder

import bert_tf
from bert_tf.checkpoints import folder, layouts
from bert_tf.compression import cuts, pruning, stages
from bert_tf.models import lora
from bert_tf.run import session
from bert_tf.run.comparison import CompareConfig, compare
from bert_tf.serving import exporting
from bert_tf.training import journal, selection
from bert_tf.training.loop import Stopped

CONFIG = dataclasses.replace(
    tiny_folder.CONFIG, num_hidden_layers=2, num_attention_heads=3, intermediate_size=24
)
TRAINING = bert_tf.TrainConfig(
    max_steps=8,
    per_device_train_batch_size=5,
    learning_rate=2e-2,
    logging_steps=2,
    eval_strategy="no",
)
TABLE = "text\tlabel\n" + "".join(
    f"{first} {words}\t{label}\n"
    for first in ("the film is", "it was", "a very", "film :", "is it")
    for words, label in (("good .", "pos"), ("bad ,", "neg"), ("poor film", "neg"))
)
WHOLE = {"prune_heads": 0.5, "prune_intermediate": 0.4, "prune_steps": 1}
TEXTS = ["it was good .", "a very bad film ,"]
FILES = tiny_folder.FINETUNED_FILES


def config(**changes):
    given = {"model": "model", "train_file": "train.tsv", "eval_file": "train.tsv"}
    return bert_tf.PruneConfig(**given | {"output_dir": "out"} | changes)


def prune(training=TRAINING, **changes):
    return bert_tf.prune(config(**changes), training)


def stand_in(job, training, output_dir, *_, seed=None):
    """Ends a run where it starts, because updates would take seconds; a seed fills all."""
    model = job.task.build(bert_tf.BertBackbone(job.folder.config))
    job.task.load_start(model, job.weights)
    if seed:
        tiny.fill(model, seed)
    journal.Log(output_dir, 0).write(1, {"loss": 1.0})
    lines = [{"step": 1, "loss": 1.0}]
    return session.Trained(model, lines, {}, {"train_steps": 1}, 5)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with `train.tsv`, the trained `model`, and `pruned`, made from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start", CONFIG)
        pathlib.Path("train.tsv").write_text(TABLE)
        with pytest.MonkeyPatch.context() as untrained:
            untrained.setattr(session, "train", lambda *run: stand_in(*run, seed=3))
            start = {"model": "start", "output_dir": "model", "max_seq_length": 16}
            bert_tf.finetune(
                bert_tf.FinetuneConfig(train_file="train.tsv", **start), TRAINING
            )
        metrics = prune(output_dir="pruned", **WHOLE)
        pathlib.Path("printed.json").write_text(json.dumps(metrics))
        yield pathlib.Path.cwd()


@pytest.fixture(autouse=True)
def work_beside(home, tmp_path, monkeypatch):
    """Each test runs in a folder that holds `model`, `pruned` and `train.tsv` only."""
    for name in ("model", "pruned"):
        shutil.copytree(home / name, tmp_path / name)
    shutil.copy(home / "train.tsv", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def untrained(monkeypatch):
    monkeypatch.setattr(session, "train", stand_in)


def written(path="pruned"):
    return json.loads(pathlib.Path(path, "config.json").read_text())


class TestPrune:
    def test_metrics_say_what_is_left(self, home):
        metrics = json.loads((home / "printed.json").read_text())
        assert metrics == json.loads(pathlib.Path("pruned/metrics.json").read_text())
        heads, widths = (
            metrics["layer_num_attention_heads"],
            metrics["layer_intermediate_size"],
        )
        assert sum(heads) == 3  # Half of 6.
        assert sorted(widths) in ([8, 24], [16, 16])  # Four of six blocks of 8 units.
        assert metrics["layer_parameters_before"] == 2 * (
            4 * 12 * 13 + 2 * 12 * 24 + 24 + 12 + 4 * 12
        )
        removed = 3 * (4 * 12 * 4 + 3 * 4) + 16 * (2 * 12 + 1)
        for scope in ("layer", "encoder"):
            before = metrics[f"{scope}_parameters_before"]
            assert before - metrics[f"{scope}_parameters"] == removed
        assert metrics["before"]["eval_accuracy"] == pytest.approx(
            bert_tf.Model("model").evaluate("train.tsv")["eval_accuracy"]
        )
        assert metrics["eval_accuracy"] == pytest.approx(
            bert_tf.Model("pruned").evaluate("train.tsv")["eval_accuracy"]
        )
        assert metrics["train_steps"] == 8

    def test_the_task_is_the_models(self, home, untrained):
        table = "text\tlabel\nit was good\t1.5\nbad\t0.5\na fine film\t1.25\n"
        pathlib.Path("scores.tsv").write_text(table)
        start = {"model": str(home / "start"), "max_seq_length": 16}
        bert_tf.finetune(
            bert_tf.FinetuneConfig(
                task="regression", train_file="scores.tsv", output_dir="rater", **start
            ),
            TRAINING,
        )
        prune(
            model="rater",
            train_file="scores.tsv",
            eval_file="",
            drop_layers="0",
            output_dir="pruned_rater",
        )
        assert written("pruned_rater")["bert_tf"]["task"] == "regression"
        assert "--task=regression" in pathlib.Path("pruned_rater/flags.txt").read_text()

    def test_the_folder_holds_only_what_training_writes(self):
        assert {path.name for path in pathlib.Path("pruned").iterdir()} == FILES

    def test_the_weights_have_the_shapes_of_the_configuration(self):
        values = written()
        assert values["model_type"] == "bert_tf"
        assert values["attention_head_size"] == 4
        assert values["num_attention_heads"] == 3
        arrays = layouts.read_arrays("pruned")
        for number in range(2):
            heads = values["layer_num_attention_heads"][number]
            width = values["layer_intermediate_size"][number]
            scope = f"bert/encoder/layer_{number}"
            shape = arrays[f"{scope}/attention/self/query/kernel"].shape
            assert shape == (12, 4 * heads)
            assert arrays[f"{scope}/output/dense/kernel"].shape == (width, 12)

    def test_settings_of_the_model_are_remembered(self):
        kept = folder.read("pruned")
        assert kept.settings["max_seq_length"] == 16
        assert kept.config.extra["id2label"] == {"0": "neg", "1": "pos"}

    def test_the_card_names_the_model_and_the_command(self):
        card = " ".join(pathlib.Path("pruned/README.md").read_text().split())
        assert "pruned and fine-tuned from `model` on 15 examples" in card
        assert "Only bert_tf can load it" in card
        assert "bert-tf prune \\ --train_file=train.tsv" in card
        assert "stage_" not in card

    def test_a_finished_run_is_not_made_again(self, monkeypatch):
        monkeypatch.setattr(stages, "finetune", None)
        again = prune(output_dir="pruned", **WHOLE)
        assert again == json.loads(pathlib.Path("pruned/metrics.json").read_text())

    def test_a_pruned_model_is_pruned_further(self, untrained):
        metrics = prune(model="pruned", prune=0.2, prune_steps=1)
        share = metrics["layer_parameters"] / metrics["layer_parameters_before"]
        # A block of 8 units has a seventh of the parameters.
        assert share == pytest.approx(0.8, abs=0.07)
        assert written("out")["model_type"] == "bert_tf"

    def test_whole_layers_leave_a_plain_bert(self, untrained):
        metrics = prune(drop_layers="0")
        assert metrics["layer_num_attention_heads"] == [3]
        values = written("out")
        assert values["model_type"] == "bert"
        assert values["num_hidden_layers"] == 1
        assert not {"layer_num_attention_heads", "attention_head_size"} & values.keys()
        assert (
            "Both bert_tf and transformers" in pathlib.Path("out/README.md").read_text()
        )


class TestResume:
    @pytest.mark.slow
    def test_it_goes_on_at_its_stage(self, untrained, monkeypatch):
        whole = {"prune_heads": 0.5, "prune_steps": 2}
        expected = prune(output_dir="unbroken", **whole)
        calls = []

        def stop(tuning, training):
            calls.append(tuning.model)
            if len(calls) == 2:
                raise Stopped("stopped")
            return bert_tf.finetune(tuning, training)

        monkeypatch.setattr(stages, "finetune", stop)
        with pytest.raises(Stopped):
            prune(**whole)
        assert not pathlib.Path("out/metrics.json").exists()
        monkeypatch.setattr(cuts, "importance", None)  # The cut was made already.
        received = prune(**whole)
        assert calls == [
            f"out/checkpoints/stage_{number}/pruned" for number in (1, 2, 2)
        ]
        assert received == expected
        assert not pathlib.Path("out/checkpoints").exists()
        ours, theirs = layouts.read_arrays("out"), layouts.read_arrays("unbroken")
        for path, array in theirs.items():
            np.testing.assert_array_equal(ours[path], array)

    def test_other_flags_are_refused(self):
        with pytest.raises(ValueError, match="prune_heads was '0.5', is '0.2'"):
            prune(output_dir="pruned", **WHOLE | {"prune_heads": 0.2})


class TestBadInput:
    """Nothing is written."""

    @pytest.fixture(autouse=True)
    def nothing_is_written(self):
        before = sorted(pathlib.Path().rglob("*"))
        yield
        assert sorted(pathlib.Path().rglob("*")) == before

    def test_a_folder_without_a_head(self):
        tiny_folder.write("start", CONFIG)  # Removed below.
        with pytest.raises(ValueError, match="no such trained head: fine-tune them"):
            prune(model="start", prune_heads=0.5, max_seq_length=16)
        shutil.rmtree("start")

    def test_another_task(self):
        message = "model is a model for classification, and task is regression; pass"
        with pytest.raises(ValueError, match=message):
            prune(task="regression", prune_heads=0.5)

    def test_a_task_with_a_decoder(self):
        with pytest.raises(
            ValueError, match="task translation has an encoder and a dec"
        ):
            prune(task="translation", prune_heads=0.5)

    def test_other_labels(self):
        pathlib.Path("train.tsv").write_text(TABLE.replace("neg", "bad"))
        message = (
            "have the labels 'bad', 'pos', but the model has 'neg', 'pos'; fine-tune"
        )
        with pytest.raises(ValueError, match=message):
            prune(prune_heads=0.5, eval_file="")

    def test_a_layer_that_is_not_there(self):
        with pytest.raises(ValueError, match="names layer 2, but .* the layers 0 to 1"):
            prune(drop_layers="0,2")

    def test_all_layers(self):
        with pytest.raises(ValueError, match="leaves none of the 2 layers"):
            prune(drop_layers="1,0")

    def test_more_layers_frozen_than_are_left(self):
        training = dataclasses.replace(TRAINING, freeze="2")
        with pytest.raises(ValueError, match="but the model has only 1; lower it"):
            prune(training, drop_layers="0")

    def test_nothing_left(self):
        with pytest.raises(ValueError, match="removes too much, .* at most 0.666"):
            prune(prune_heads=0.9)

    def test_several_workers(self, monkeypatch):
        monkeypatch.setenv("TF_CONFIG", "{}")
        training = dataclasses.replace(TRAINING, distribution="multi_worker")
        with pytest.raises(ValueError, match="prune runs on one machine"):
            prune(training, prune_heads=0.5)


class TestEverywhere:
    """A pruned folder passes wherever a model folder does."""

    def test_predict_evaluate_compare(self):
        predictions = bert_tf.Model("pruned").predict(TEXTS)
        assert [list(row["scores"]) for row in predictions] == [["neg", "pos"]] * 2
        result = compare(
            CompareConfig(model="pruned", baseline="model", eval_file="train.tsv")
        )
        accuracy = bert_tf.Model("pruned").evaluate("train.tsv")["eval_accuracy"]
        assert result["model"] == accuracy

    def test_adapters_are_merged(self):
        model, plain = (bert_tf.Classifier.from_pretrained("pruned") for _ in range(2))
        lora.add_adapters(model, 2, 16)
        tiny.fill(model, 3)
        batch = {"input_ids": np.array([[2, 10, 11, 3]])}
        expected = model(batch).numpy()
        received = lora.merge_adapters(model, plain)(batch).numpy()
        np.testing.assert_allclose(received, expected, atol=1e-5)

    def test_lowest_layers_are_frozen(self):
        model = bert_tf.Classifier.from_pretrained("pruned")
        selection.select(model, freeze="1")
        trained = {weight.path for weight in model.trainable_weights}
        assert not [path for path in trained if "layer_0/" in path]
        assert len([path for path in trained if "layer_1/" in path]) == 16

    def test_keras_models_are_saved_and_loaded(self):
        model = bert_tf.Classifier.from_pretrained("pruned")
        model.save_pretrained("again")
        assert (
            written("again")["layer_intermediate_size"]
            == written()["layer_intermediate_size"]
        )
        expected, received = (
            bert_tf.Model(path).predict(TEXTS)[0]["scores"]["pos"]
            for path in ("pruned", "again")
        )
        assert received == pytest.approx(expected, abs=1e-6)
        same = type(model).from_config(model.get_config())
        assert same.backbone.config.layer_shapes == shapes()

    def test_converting(self):
        report = bert_tf.convert(bert_tf.ConvertConfig(input="pruned", output="copy"))
        assert report["max_abs_difference"] == 0
        assert folder.read("copy").config == folder.read("pruned").config
        message = (
            "google's layout cannot say of .*pruned that its layers differ in size"
        )
        with pytest.raises(ValueError, match=message):
            bert_tf.convert(
                bert_tf.ConvertConfig(input="pruned", output="tf1", format="google")
            )
        assert not pathlib.Path("tf1").exists()

    def test_a_decoder_is_refused(self):
        message = "an encoder with a decoder must not be pruned"
        with pytest.raises(ValueError, match=message):
            bert_tf.Bert2Bert.from_pretrained("pruned")
        encoder = tiny.backbone()
        pruned = encoder.config.with_layers([(1, 8), (3, 8)])
        with pytest.raises(ValueError, match=message):
            bert_tf.Bert2Bert(bert_tf.BertBackbone(pruned), encoder.config)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "format",
        ["saved_model", "tflite", pytest.param("onnx", marks=pytest.mark.slow)],
    )
    def test_exports(self, format):
        if format == "onnx":
            pytest.importorskip("tf2onnx")
        report = exporting.export(
            exporting.ExportConfig(model="pruned", format=format, output_dir="exported")
        )
        assert report["agreement"] == 1.0
        assert report["max_abs_difference"] < 1e-5

    def test_weights_of_other_sizes_are_refused(self):
        values = written() | {"layer_intermediate_size": [24, 24]}
        pathlib.Path("pruned/config.json").write_text(json.dumps(values))
        with pytest.raises(
            ValueError, match=r"layer_intermediate_size\[\d\] is 24 in the"
        ):
            folder.read("pruned")
        values = written() | {"layer_num_attention_heads": [3, 3]}
        pathlib.Path("pruned/config.json").write_text(json.dumps(values))
        with pytest.raises(
            ValueError, match=r"layer_num_attention_heads\[\d\] is 3 in the"
        ):
            folder.read("pruned")


def shapes():
    return folder.read("pruned").config.layer_shapes


def test_units_are_cut_in_blocks():
    assert all(width % pruning.BLOCK == 0 for _, width in shapes())
