"""Reranking from a file to a folder, with a model of one layer."""

import csv
import json
import pathlib

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.run.comparison import CompareConfig, compare

BEGINS = ("the film is", "it was", "a very", "film , it is")
GOOD, BAD = ("good", "fine"), ("bad", "poor")


def train(task, output_dir, train_file, *, model="start", steps=40, **options):
    return bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model=model,
            task=task,
            train_file=train_file,
            eval_file=options.pop("eval_file", "lists.jsonl"),
            output_dir=output_dir,
            max_seq_length=16,
            **options,
        ),
        bert_tf.TrainConfig(
            max_steps=steps,
            per_device_train_batch_size=8,
            learning_rate=2e-2,
            eval_strategy="steps",
            eval_steps=20,
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("start")
        lists, rows = [], ["query\tpassage\tlabel"]
        for number, begin in enumerate(BEGINS):
            for good in GOOD:
                # Of different numbers.
                negatives = [f"{begin} {bad}" for bad in (*BAD, *BAD)][: 2 + number % 2]
                fields = {"positive": f"{begin} {good}", "negatives": negatives}
                lists.append(json.dumps({"query": "is it ?"} | fields))
                rows += [f"is {begin} ?\t{begin} {good}\t1"]
                rows += [f"is {begin} ?\t{text}\t0" for text in negatives]
        pathlib.Path("lists.jsonl").write_text("\n".join(lists))
        pathlib.Path("rows.tsv").write_text("\n".join(rows) + "\n")
        yield


@pytest.fixture(scope="module")
def listwise(home):
    return train("reranking", "listwise", "lists.jsonl")


@pytest.fixture(scope="module")
def pairwise(home):
    return train("reranking", "pairwise", "rows.tsv", activation="identity")


def read_config(folder):
    return json.loads(pathlib.Path(folder, "config.json").read_text())


def test_lists(listwise):
    assert listwise["eval_ndcg_at_10"] > 0.95
    assert listwise["eval_mrr_at_10"] > 0.9
    config = read_config("listwise")
    settings = config["bert_tf"]
    assert settings["ranking_loss"] == "listwise"
    assert (settings["activation"], settings["scale"]) == ("sigmoid", 1.0)
    assert config["id2label"] == {"0": "LABEL_0"}
    name = "torch.nn.modules.activation.Sigmoid"
    assert config["sentence_transformers"] == {"activation_fn": name}
    tokenizer = json.loads(pathlib.Path("listwise/tokenizer_config.json").read_text())
    assert tokenizer["model_max_length"] == 16


def test_rows(pairwise):
    assert pairwise["eval_ndcg_at_10"] > 0.95
    settings = read_config("pairwise")["bert_tf"]
    assert settings["ranking_loss"] == "pairwise"
    assert settings["activation"] == "identity"
    scores = bert_tf.evaluate(
        bert_tf.EvaluateConfig(model="pairwise", eval_file="rows.tsv")
    )
    assert scores["eval_map"] > 0.9
    assert scores.keys() == {
        f"eval_{n}" for n in ("ndcg_at_10", "mrr_at_10", "map", "loss")
    }


def test_predictions(listwise, pairwise):
    record = {"query": "is it ?", "passages": ["it was bad", "it was good"]}
    config = bert_tf.PredictConfig(model="listwise", echo=True)
    (prediction,) = bert_tf.predict(config, [json.dumps(record)])
    assert prediction["text"] == "is it ?"
    assert prediction["passages"] == record["passages"]
    best, worst = prediction["ranking"]
    assert (best["index"], worst["index"]) == (1, 0)
    assert 1 > best["score"] > worst["score"] > 0
    raw = bert_tf.Model("listwise", activation="identity").predict([record])
    logit = raw[0]["ranking"][0]["score"]
    assert best["score"] == pytest.approx(1 / (1 + np.exp(-logit)))
    # A pair on the command line.
    config = bert_tf.PredictConfig(model="listwise", text_pair=("it was good",))
    (single,) = bert_tf.predict(config, ["is it ?"])
    assert single["ranking"] == [{"index": 0, "score": pytest.approx(best["score"])}]


def test_a_table_of_pairs_gets_a_prediction_a_row(pairwise):
    config = bert_tf.PredictConfig(
        model="pairwise", input_file="rows.tsv", output_file="out.csv"
    )
    assert len(bert_tf.predict(config)) == 28
    rows = list(csv.DictReader(pathlib.Path("out.csv").read_text().splitlines()))
    assert len(rows) == 28
    assert rows[0].keys() == {"ranking", "index", "score"}
    assert float(rows[0]["score"]) > float(rows[1]["score"])


def test_models_are_compared(listwise, pairwise):
    config = CompareConfig(
        model="listwise", baseline="pairwise", eval_file="lists.jsonl", resamples=100
    )
    result = compare(config)
    assert result["metric"] == "ndcg_at_10"
    assert result["model"] == listwise["eval_ndcg_at_10"]
    assert result["examples"] == 8
    low, high = result["interval_95"]
    assert low <= result["difference"] <= high


def test_training_goes_on_with_the_head_and_activation_of_a_cross_encoder(
    pairwise, caplog
):
    config = read_config("pairwise")
    del config["bert_tf"]  # As another program writes it.
    folder = pathlib.Path("encoder")
    folder.mkdir()
    for name in ("model.safetensors", "vocab.txt", "tokenizer_config.json"):
        (folder / name).write_bytes(pathlib.Path("pairwise", name).read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    metrics = train(
        "reranking", "further", "lists.jsonl", model="encoder", steps=1, eval_file=""
    )
    assert metrics["train_steps"] == 1
    assert "initial values" not in caplog.text
    assert read_config("further")["bert_tf"]["activation"] == "identity"


def test_bad_data_write_nothing(home):
    lines = pathlib.Path("lists.jsonl").read_text()
    bad = {"query": "is it ?", "passages": ["good"], "labels": [-1]}
    pathlib.Path("bad.jsonl").write_text(lines + "\n" + json.dumps(bad) + "\n")
    with pytest.raises(ValueError, match="bad.jsonl, line 9: a label must be a number"):
        train("reranking", "none", "bad.jsonl")
    assert not pathlib.Path("none").exists()
    with pytest.raises(ValueError, match="activation is not an option of regression"):
        train("regression", "none", "rows.tsv", activation="sigmoid")
