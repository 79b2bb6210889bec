"""The doctor plans the run that the same flags would make."""

import dataclasses
import pathlib

import pytest
import tiny_folder

from bert_tf import doctor
from bert_tf.checkpoints import folder as folders
from bert_tf.data.records.tables import Table
from bert_tf.doctor import plan
from bert_tf.run.finetuning import FinetuneConfig
from bert_tf.tasks import TASKS

FOLDER = folders.ModelFolder(
    dataclasses.replace(tiny_folder.CONFIG, max_position_embeddings=512),
    tiny_folder.VOCAB,
    {"do_lower_case": True},
    settings={"max_seq_length": 256, "pooling": "mean"},
)
TRAINED = dataclasses.replace(
    FOLDER,
    settings={"task": "regression", "max_seq_length": 64, "long_text": "windows"},
)


@pytest.mark.parametrize("task", ["", *(n for n, kind in TASKS.items() if kind.scored)])
@pytest.mark.parametrize("folder", [None, FOLDER, TRAINED])
def test_a_training_file_is_read_as_finetune_reads_it(task, folder):
    """Not with the length that an embedding model remembers, 256 for MiniLM."""
    flags = {"task": task} if task else {}
    run = FinetuneConfig(model="m", train_file="a.csv", output_dir="o", **flags)
    config = doctor.DoctorConfig(model="m", train_file="a.csv", task=task)
    kind, options = plan.choose(config, folder)
    assert kind is TASKS[run.task]
    assert options == run.task_options
    assert options.max_seq_length == 128


def test_given_options_are_finetunes():
    config = doctor.DoctorConfig(
        train_file="a.csv", max_seq_length=9, long_text="windows"
    )
    _, options = plan.choose(config, FOLDER)
    assert (options.max_seq_length, options.long_text) == (9, "windows")


def test_an_option_of_another_task_is_refused():
    config = doctor.DoctorConfig(train_file="a.csv", similarity_loss="negatives")
    with pytest.raises(ValueError, match="similarity_loss is not an option of classif"):
        plan.choose(config, None)


def test_an_evaluation_file_is_read_as_the_model_was_trained():
    kind, options = plan.choose(doctor.DoctorConfig(eval_file="a.csv"), TRAINED)
    assert kind.name == "regression"
    assert (options.max_seq_length, options.long_text) == (64, "windows")
    _, options = plan.choose(
        doctor.DoctorConfig(eval_file="a.csv", max_seq_length=32), TRAINED
    )
    assert options.max_seq_length == 32


def test_a_pooling_that_finetune_refuses_is_refused():
    folder = dataclasses.replace(FOLDER, settings={"pooling": "lasttoken (file)"})
    records = [{"text": "a", "text_pair": "it", "label": x} for x in ("0", "1")]
    table = Table("a.tsv", records, [1, 2], {}, "")
    kind = TASKS["similarity"]
    with pytest.raises(ValueError, match="received 'lasttoken"):
        plan.count_tokens(kind, kind.Options(), table, folder, None, learns=True)


def test_the_doctor_counts_what_finetune_cuts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = dataclasses.replace(tiny_folder.CONFIG, max_position_embeddings=512)
    tiny_folder.write("start", config)
    texts = [f"{'film ' * length}good" for length in (5, 130, 200)]
    rows = [f"{text},{n % 2}" for n, text in enumerate(texts)]
    pathlib.Path("train.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    found = doctor.examine(doctor.DoctorConfig(model="start", train_file="train.csv"))
    (says,) = (x["says"] for x in found if x["check"] == "texts/lengths")
    assert "all up to 203; 2 of 3 (66.7%) are truncated at 128" in says
