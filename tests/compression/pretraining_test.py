"""A student that pretrains on a store learns from a pretrained teacher, too."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
import tiny_folder
from tiny_text import make_store

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats
from bert_tf.compression import soft_losses, teachers
from bert_tf.compression.distillation import PretrainingDistillation, Weighing
from bert_tf.data.corpus.store import Store
from bert_tf.models.backbone import BertBackbone
from bert_tf.tasks.pretraining import Pretraining

TRAINING = bert_tf.TrainConfig(
    max_steps=4, per_device_train_batch_size=3, logging_steps=2, eval_strategy="no"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a store and a pretrained teacher."""
    home = tmp_path_factory.mktemp("pretrained")
    with contextlib.chdir(home):
        make_store("store")
        config = dataclasses.replace(tiny_folder.CONFIG, num_hidden_layers=2)
        tiny_folder.write_pretrained("teacher", config)
    return home


def distil(home, name, training=TRAINING, **settings):
    config = bert_tf.DistillConfig(
        **{
            "teacher": str(home / "teacher"),
            "student": "teacher",
            "keep_layers": "1",
            "data_dir": str(home / "store"),
            "eval_data_dir": str(home / "store"),
            "output_dir": str(home / name),
            "max_seq_length": 16,
        }
        | settings
    )
    return bert_tf.distill(config, training)


def test_losses_equal_those_of_teacher_and_student(home):
    store = Store(home / "store")
    options = Pretraining.Options(max_seq_length=16)
    trained = teachers.read_pretrained(str(home / "teacher"), options)
    task = PretrainingDistillation(
        Pretraining(store.vocab, options), trained, Weighing(3.0, 0.7)
    )
    keras.utils.set_random_seed(1)
    config = dataclasses.replace(
        tiny_folder.CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = task.build(BertBackbone(config))
    stream = task.training_rows(store, batch_size=3, micro_batches=1, seed=2)
    rows = next(iter(stream))
    losses, weights = task.losses(rows, model(rows, training=True)), task.weights(rows)
    terms = ("masked_lm", "next_sentence")
    assert losses.keys() == weights.keys()
    assert set(losses) == {*terms, *(f"soft_{term}" for term in terms)}
    student, teacher = model.student(rows), model.teachers[0](rows)
    hard = task.task.losses(rows, student)
    for term in terms:
        name = f"{term}_logits"
        soft = soft_losses.compare("softmax", student[name], [teacher[name]], 3.0)
        np.testing.assert_allclose(losses[term], 0.3 * hard[term], rtol=1e-4)
        np.testing.assert_allclose(losses[f"soft_{term}"], 0.7 * soft, rtol=1e-4)


def test_a_student_of_the_teachers_layers(home):
    untrained = dataclasses.replace(TRAINING, max_steps=1, learning_rate=1e-12)
    metrics = distil(home, "student", untrained)
    assert 0 <= metrics["eval_masked_lm_accuracy"] <= 1
    folder = folders.read(home / "student")
    assert folder.config.num_hidden_layers == 1
    student, teacher = (
        formats.read_safetensors(home / name / "model.safetensors")
        for name in ("student", "teacher")
    )
    for own, theirs in (("layer.0", "layer.1"), ("embeddings", "embeddings")):
        names = [name for name in teacher if f".{theirs}." in name]
        assert names
        for name in names:
            np.testing.assert_allclose(
                student[name.replace(f".{theirs}.", f".{own}.")],
                teacher[name],
                atol=1e-6,
            )
    config = bert_tf.PredictConfig(model=str(home / "student"), task="fill_mask")
    (prediction,) = bert_tf.predict(config, ["the film is [MASK]"])
    assert len(prediction["tokens"]) == 1


def test_the_teacher_is_learnt(home):
    training = dataclasses.replace(TRAINING, max_steps=40, learning_rate=1e-2)
    metrics = distil(
        home, "learner", training, student="1x12", keep_layers="", alpha=1.0
    )
    lines = (home / "learner" / "metrics.jsonl").read_text().splitlines()
    assert metrics["train_steps"] == 40
    assert '"soft_masked_lm"' in lines[0] and '"masked_lm":' not in lines[0]
    card = (home / "learner" / "README.md").read_text()
    assert "teacher" in card


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"train_file": "a.tsv"}, "in which train_file has no part"),
            ({"task": "classification"}, "in which task has no part"),
            ({"seeds": 2}, "makes one run; received seeds=2"),
            ({"data_dir": ""}, "belongs to data_dir"),
            (
                {"label_smoothing": 0.1},
                "label_smoothing is not an option of pretraining",
            ),
            ({"keep_layers": "7"}, "keep_layers must rise"),
        ],
    )
    def test_settings(self, settings, message, home):
        with pytest.raises(ValueError, match=message):
            distil(home, "refused", **settings)
        assert not (home / "refused").exists()

    def test_a_teacher_without_a_head(self, home, monkeypatch):
        monkeypatch.chdir(home)
        tiny_folder.write("encoder")
        with pytest.raises(ValueError, match="encoder has no trained head"):
            distil(home, "refused", teacher="encoder")

    def test_a_store_of_another_vocabulary(self, home, monkeypatch):
        monkeypatch.chdir(home)
        make_store("other", vocab=[*tiny_folder.VOCAB, "more"])
        with pytest.raises(ValueError, match="other was made with another vocabulary"):
            distil(home, "refused", data_dir="other", eval_data_dir="")
