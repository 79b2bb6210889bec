"""Fine-tunes a model of one layer on folders of GLUE."""

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
    """Writes SST-2, MRPC without a development file, MNLI with two, and other folders."""
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


def test_finds_the_folders(home):
    files = find_tasks("data")
    assert list(files) == ["SST-2", "MRPC", "MNLI"]  # RTE's folder is empty.
    assert files["MRPC"][1] is None
    assert [path.name for path in files["MNLI"]] == [
        "train.tsv",
        "dev_matched.tsv",
        "dev_mismatched.tsv",
    ]
    assert list(find_tasks("data", "MNLI, SST-2")) == ["MNLI", "SST-2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("data", "SST2"), "tasks must be among CoLA.*received 'SST2'"),
        (("data", "RTE"), "no folder RTE with train.tsv"),
        (("data/RTE",), "no folder of a GLUE task"),
        (("nowhere",), "there is no folder nowhere"),
    ],
)
def test_a_missing_folder_is_an_error(home, arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        find_tasks(*arguments)


@pytest.mark.slow
def test_all_tasks_in_one_table(home, monkeypatch):
    config = GlueConfig(
        model="start", data_dir="data", output_dir="out", max_seq_length=16
    )
    result = run_glue(config, TRAINING)
    assert set(result["tasks"]["SST-2"]) == {"accuracy", "score"}
    assert set(result["tasks"]["MRPC"]) == {"positive_f1", "accuracy", "score"}
    mnli = result["tasks"]["MNLI"]
    # Both evaluation files are the same.
    assert mnli["accuracy"] == mnli["accuracy_mismatched"] == mnli["score"]
    scores = [scores["score"] for scores in result["tasks"].values()]
    assert result["average"] == pytest.approx(sum(scores) / 3)
    mrpc = json.loads(pathlib.Path("out/MRPC/metrics.json").read_text())
    f1 = mrpc["eval_per_class"]["1"]["f1"]
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
