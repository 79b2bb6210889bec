"""GLUE's folders, found and run with a model of one layer."""

import json
import pathlib

import pytest
import tiny_folder

from bert_tf.run import glue
from bert_tf.run.glue import GlueConfig, find_tasks, run_glue
from bert_tf.training.config import TrainConfig

TRAINING = TrainConfig(
    max_steps=20, per_device_train_batch_size=4, learning_rate=2e-2, eval_strategy="no"
)
SENTENCES = ["the film is good .", "it was bad", "a very fine film", "poor , it is"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """SST-2 whole, MRPC without a development file, MNLI with two; and something else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        data = pathlib.Path("data")
        for name in ("SST-2", "mrpc", "MNLI", "other", "RTE"):
            (data / name).mkdir(parents=True)
        rows = [f"{text}\t{n % 2}\n" for n, text in enumerate(SENTENCES)]
        for name in ("train.tsv", "dev.tsv"):
            content = "sentence\tlabel\n" + "".join(rows)
            (data / "SST-2" / name).write_text(content)
        pairs = [
            f"{n % 2}\t{n}\t{n + 1}\t{text} {n}\t{text} {n + 1}\n"
            for n in range(40)
            for text in [SENTENCES[n % 4]]
        ]
        header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
        content = header + "".join(pairs)
        (data / "mrpc/msr_paraphrase_train.txt").write_text(content)
        kinds = ("entailment", "neutral", "contradiction")
        lines = [
            f"{a}\t{b}\t{kinds[(n + m) % 3]}\n"
            for n, a in enumerate(SENTENCES)
            for m, b in enumerate(SENTENCES)
        ]
        for name in ("train", "dev_matched", "dev_mismatched"):
            content = "sentence1\tsentence2\tgold_label\n" + "".join(lines)
            (data / f"MNLI/{name}.tsv").write_text(content)
        yield pathlib.Path.cwd()


def test_finds_what_is_there(home):
    found = find_tasks("data")
    assert list(found) == ["SST-2", "MRPC", "MNLI"]  # RTE's folder is empty.
    assert found["MRPC"][1] is None
    assert [path.name for path in found["MNLI"]] == [
        "train.tsv",
        "dev_matched.tsv",
        "dev_mismatched.tsv",
    ]
    assert list(find_tasks("data", "MNLI, SST-2")) == ["MNLI", "SST-2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("data", "SST2"), "tasks are among CoLA.*received 'SST2'"),
        (("data", "RTE"), "no RTE here, a folder with train.tsv"),
        (("data/RTE",), "none of GLUE's folders is here"),
        (("nowhere",), "there is no folder nowhere"),
    ],
)
def test_what_is_not_there_is_an_error(home, arguments, told):
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        find_tasks(*arguments)


def test_one_table_of_all(home, monkeypatch):
    config = GlueConfig(
        model="start", data_dir="data", output_dir="out", max_seq_length=16
    )
    result = run_glue(config, TRAINING)
    assert set(result["tasks"]["SST-2"]) == {"accuracy", "score"}
    assert set(result["tasks"]["MRPC"]) == {"positive_f1", "accuracy", "score"}
    mnli = result["tasks"]["MNLI"]
    # Both files are the same here.
    assert mnli["accuracy"] == mnli["accuracy_mismatched"] == mnli["score"]
    scores = [scores["score"] for scores in result["tasks"].values()]
    assert result["average"] == pytest.approx(sum(scores) / 3)
    of_mrpc = json.loads(pathlib.Path("out/MRPC/metrics.json").read_text())
    f1 = of_mrpc["eval_per_class"]["1"]["f1"]
    assert result["tasks"]["MRPC"]["positive_f1"] == f1
    table = glue.as_table(result).splitlines()
    assert table[0].split()[:2] == ["SST-2", f"{100 * scores[0]:.1f}"]
    assert table[-1].split() == ["average", f"{100 * result['average']:.1f}"]

    def train(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr("bert_tf.training.loop.train", train)
    assert run_glue(config, TRAINING) == result


def test_several_seeds(home):
    config = GlueConfig(
        model="start",
        data_dir="data",
        output_dir="seeds",
        tasks="SST-2",
        max_seq_length=16,
        seeds=2,
    )
    result = run_glue(config, TRAINING)
    runs = [
        json.loads(pathlib.Path(f"seeds/SST-2/seed_{n}/metrics.json").read_text())
        for n in (1, 2)
    ]
    mean = sum(run["eval_accuracy"] for run in runs) / 2
    assert result["tasks"]["SST-2"]["accuracy"] == pytest.approx(mean)
