"""From records in memory to a model, and to predictions as tables; no file in between."""

import csv
import json
import pathlib

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.tasks import find_task
from bert_tf.training.loop import Stopped

ROWS = [
    (f"{begin} {end}", label)
    for begin in ("the film is", "it was", "a very", "is it")
    for end, label in (
        ("good", "pos"),
        ("fine", "pos"),
        ("bad", "neg"),
        ("poor", "neg"),
    )
]
TEXTS = [text for text, _ in ROWS]
TRAINING = bert_tf.TrainConfig(
    num_train_epochs=30, per_device_train_batch_size=4, learning_rate=2e-2
)
SHORT = bert_tf.TrainConfig(max_steps=1, per_device_train_batch_size=4)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write("bert")
        yield


def configure(output_dir, **given):
    return bert_tf.FinetuneConfig(
        model="bert", output_dir=output_dir, max_seq_length=16, **given
    )


@pytest.fixture(scope="module")
def metrics(home):
    return bert_tf.finetune(
        configure("model"), TRAINING, train_data=iter(ROWS), eval_data=dict_of(ROWS)
    )


@pytest.fixture(scope="module")
def model(metrics):
    return bert_tf.Model("model")


def dict_of(rows):
    texts, labels = zip(*rows)
    return {"text": np.array(texts), "label": labels, "number": range(len(rows))}


class TestTraining:
    def test_learns_from_memory(self, metrics, model):
        assert metrics["eval_accuracy"] == 1
        assert metrics["train_examples"] == 16
        assert model.columns == {"text": "text", "label": "label"}

    def test_flags_and_card_say_so(self, metrics):
        flags = pathlib.Path("model/flags.txt").read_text().splitlines()
        (train,) = (line for line in flags if "train_data" in line)
        assert train.startswith(
            "# --train_data=16 records from memory (list_iterator of tuples), SHA-256 "
        )
        card = pathlib.Path("model/README.md").read_text()
        assert "# eval_data: 16 records from memory (dict of columns), SHA-256" in card

    def test_the_same_call_prints_the_metrics_again(self, metrics):
        again = bert_tf.finetune(
            configure("model"), TRAINING, train_data=iter(ROWS), eval_data=dict_of(ROWS)
        )
        assert again == json.loads(json.dumps(metrics))

    @pytest.mark.parametrize("rows", [ROWS[1:], [("it is good", "pos"), *ROWS[1:]]])
    def test_other_records_are_refused(self, metrics, rows):
        with pytest.raises(ValueError, match="other flags .train_data was '16 records"):
            bert_tf.finetune(
                configure("model"), TRAINING, train_data=rows, eval_data=dict_of(ROWS)
            )

    def test_an_interrupted_run_needs_the_same_records(self, monkeypatch):
        def stop(*_args, **_options):
            raise Stopped("stopped")

        monkeypatch.setattr("bert_tf.run.session.loop.train", stop)
        for _ in range(2):  # The second call is allowed to go on.
            with pytest.raises(Stopped):
                bert_tf.finetune(configure("stopped"), SHORT, train_data=ROWS)
        with pytest.raises(ValueError, match="train_data was '16 rec.*, is '15 rec"):
            bert_tf.finetune(configure("stopped"), SHORT, train_data=ROWS[1:])

    def test_a_part_is_held_out(self):
        config = configure("part", eval_fraction=0.3)
        metrics = bert_tf.finetune(config, SHORT, train_data=ROWS)
        assert 8 <= metrics["train_examples"] <= 14
        assert 0 <= metrics["eval_accuracy"] <= 1

    def test_words_and_tags(self):
        words = [
            {"tokens": ["the", "film"], "tags": ["O", tag]} for tag in ("B-A", "O")
        ]
        config = configure("tags", task="token_classification")
        metrics = bert_tf.finetune(config, SHORT, train_data=words, eval_data=words)
        assert 0 <= metrics["eval_f1"] <= 1
        (prediction,) = bert_tf.Model("tags").predict([{"tokens": ["the", "film"]}])
        assert set(prediction) == {"entities"}

    @pytest.mark.parametrize(
        ("flags", "data", "says"),
        [
            ({}, {}, "train_file is missing"),
            ({}, {"eval_data": ROWS}, "train_file is missing"),
            (
                {"train_file": "a.csv"},
                {"train_data": ROWS},
                "either from train_file .a.csv. or from train_data; drop one",
            ),
            (
                {"eval_file": "a.csv"},
                {"train_data": ROWS, "eval_data": ROWS},
                "either from eval_file .a.csv. or from eval_data",
            ),
            (
                {"tfds": "glue/sst2"},
                {"train_data": ROWS},
                r"from tfds \('glue/sst2'\) or from train_data",
            ),
            (
                {"eval_fraction": 0.1},
                {"train_data": ROWS, "eval_data": ROWS},
                "eval_fraction holds out",
            ),
            (
                {},
                {"train_data": [*ROWS, (None, "pos")]},
                "train_data, row 16: the text",
            ),
            ({}, {"train_data": []}, "train_data: no rows"),
            (
                {},
                {"train_data": ROWS, "eval_data": [("good", "so")]},
                "eval_data, row 0: label 'so' is not one of",
            ),
        ],
    )
    def test_refusals_leave_nothing_behind(self, flags, data, says):
        with pytest.raises(ValueError, match=says):
            bert_tf.finetune(configure("refused", **flags), SHORT, **data)
        assert not pathlib.Path("refused").exists()

    def test_data_in_place_of_a_file_name_and_the_reverse(self):
        with pytest.raises(
            TypeError, match="train_file must be the path .* train_data"
        ):
            bert_tf.finetune(configure("refused", train_file=ROWS), SHORT)
        with pytest.raises(TypeError, match="train_data must be .* received 'a.csv'"):
            bert_tf.finetune(configure("refused"), SHORT, train_data="a.csv")


class TestEvaluation:
    def test_records_in_memory(self, metrics, model):
        config = bert_tf.EvaluateConfig(model="model")
        scores = bert_tf.evaluate(config, eval_data=ROWS)
        assert scores == model.evaluate(dict_of(ROWS))
        assert scores["eval_accuracy"] == 1
        assert scores["eval_loss"] == pytest.approx(metrics["eval_loss"], abs=1e-5)

    def test_other_columns(self, model):
        rows = {"a": TEXTS, "b": [label for _, label in ROWS]}
        scores = model.evaluate(rows, text_column="a", label_column="b")
        assert scores["eval_accuracy"] == 1

    def test_nothing_to_evaluate_on(self, metrics):
        config = bert_tf.EvaluateConfig(model="model")
        with pytest.raises(ValueError, match="eval_file is missing"):
            bert_tf.evaluate(config)
        with pytest.raises(TypeError, match="eval_data must be"):
            bert_tf.evaluate(config, eval_data=3)


def predict(lines=(), **given):
    return bert_tf.predict(bert_tf.PredictConfig(model="model", **given), lines)


class TestPredictions:
    def test_texts_and_ids_stand_first(self, model):
        expected = model.predict(TEXTS)
        data = dict_of(ROWS)
        predictions = model.predict(data, echo=True, id_column="number")
        assert list(predictions[3]) == ["id", "text", "label", "scores"]
        assert [(x["id"], x["text"]) for x in predictions] == list(enumerate(TEXTS))
        for prediction, own in zip(predictions, expected):
            assert prediction["scores"] == own["scores"]

    def test_no_records(self, model):
        assert model.predict(iter([])) == []
        assert model.predict({}) == []

    def test_a_frame_keeps_index_and_texts(self, model):
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(dict_of(ROWS), index=[f"r{n}" for n in range(16)])
        frame = model.predict(data, as_frame=True, id_column="number")
        names = ["id", "text", "label", "score", "score_neg", "score_pos"]
        assert list(frame.columns) == names
        assert frame.index.equals(data.index)
        assert list(frame["text"]) == TEXTS
        assert list(frame["label"]) == list(data["label"])
        assert frame["score"].equals(frame[["score_neg", "score_pos"]].max(axis=1))
        twice = data.iloc[[2, 2]]
        assert list(model.predict(twice, as_frame=True).index) == ["r2", "r2"]
        assert list(model.predict(TEXTS[:2], as_frame=True).index) == [0, 1]
        assert len(model.predict(data[:0], as_frame=True)) == 0

    def test_frames_and_columns_give_the_predictions_of_their_texts(self, model):
        pandas = pytest.importorskip("pandas")
        data, expected = pandas.DataFrame(dict_of(ROWS)), model.predict(TEXTS)
        assert model.predict(data) == expected
        assert model.predict(data["text"]) == expected
        assert model.predict(data[["text"]].rename(columns={"text": "x"})) == expected

    def test_a_frame_needs_pandas(self, model, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pandas", None)
        with pytest.raises(ValueError, match=r"pip install 'bert_tf\[pandas\]'"):
            model.predict(TEXTS, as_frame=True)


class TestFiles:
    @pytest.fixture(autouse=True)
    def texts(self, model):
        rows = [("n", "words"), *((f"0{n}", text) for n, text in enumerate(TEXTS))]
        with open("texts.csv", "w", newline="") as file:
            csv.writer(file).writerows(rows)
        self.given = {
            "input_file": "texts.csv",
            "text_column": "words",
            "id_column": "n",
            "echo": True,
        }

    @pytest.mark.parametrize(("suffix", "mark"), [(".csv", ","), (".tsv", "\t")])
    def test_tables(self, suffix, mark):
        expected = predict(**self.given, output_file=f"out{suffix}")
        with open(f"out{suffix}", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter=mark))
        names = ["id", "text", "label", "score", "score_neg", "score_pos"]
        assert list(rows[0]) == names
        assert [(row["id"], row["text"]) for row in rows] == [
            (f"0{n}", text) for n, text in enumerate(TEXTS)
        ]
        for row, prediction in zip(rows, expected):
            assert float(row["score_pos"]) == prediction["scores"]["pos"]

    def test_parquet(self):
        parquet = pytest.importorskip("pyarrow.parquet")
        expected = predict(**self.given, output_file="out.parquet")
        rows = parquet.read_table("out.parquet").to_pylist()
        assert [row["text"] for row in rows] == TEXTS
        assert [row["score_pos"] for row in rows] == [
            prediction["scores"]["pos"] for prediction in expected
        ]

    def test_json_lines(self):
        expected = predict(**self.given, output_file="out.jsonl")
        lines = pathlib.Path("out.jsonl").read_text().splitlines()
        assert list(map(json.loads, lines)) == expected
        assert expected[2]["id"] == "02"

    def test_ids_of_lines(self):
        lines = [json.dumps({"text": text, "n": n}) for n, text in enumerate(TEXTS)]
        assert [x["id"] for x in predict(lines, id_column="n")] == [
            str(n) for n in range(16)
        ]
        with pytest.raises(ValueError, match="plain text has no column 'n'"):
            predict(["good"], id_column="n")

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"output_file": "a.xls"}, r"must end in .jsonl, .csv, .* or .txt"),
            ({"output_file": "a.npz", "echo": True}, "a.npz holds predictions alone"),
            ({"bad_rows": "skip"}, "no longer stand on the lines of their texts"),
            ({"text_pair": ("a", "b")}, "given 2 times for 1 text"),
            ({"text_column": "a"}, "text_column is for input_file; received 'a'"),
            ({"input_file": "texts.csv", "id_column": "m"}, "no column 'm' for the id"),
        ],
    )
    def test_refusals(self, given, says):
        lines = [] if "input_file" in given else ["good"]
        with pytest.raises(ValueError, match=says):
            predict(lines, **given)


def test_pairs_on_the_command_line():
    rows = [(*row[:1], "it is", row[1]) for row in ROWS]
    bert_tf.finetune(configure("pairs"), SHORT, train_data=rows)
    config = bert_tf.PredictConfig(model="pairs", text_pair=("fine", "bad"), echo=True)
    first, second = bert_tf.predict(config, ["it is", "it was"])
    assert [first["text"], first["text_pair"]] == ["it is", "fine"]
    expected = bert_tf.Model("pairs").predict([("it is", "fine"), ("it was", "bad")])
    assert second["scores"] == expected[1]["scores"]


ROWS_OF_TASKS = [
    (
        "multi_label",
        {"labels": ["a"], "scores": {"a": 0.75, "b": 0.25}},
        {"labels": ["a"], "score_a": 0.75, "score_b": 0.25},
    ),
    (
        "multiple_choice",
        {"choice": "x", "scores": [0.75, 0.25]},
        {"choice": "x", "scores": [0.75, 0.25], "score": 0.75},
    ),
    (
        "reranking",
        {"ranking": [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}]},
        {
            "ranking": [{"index": 1, "score": 0.75}, {"index": 0, "score": 0.25}],
            "index": 1,
            "score": 0.75,
        },
    ),
    ("regression", {"score": 0.5}, {"score": 0.5}),
    ("token_classification", {"entities": []}, {"entities": []}),
]


@pytest.mark.parametrize(("task", "prediction", "row"), ROWS_OF_TASKS)
def test_predictions_as_rows(task, prediction, row):
    assert find_task(task).as_rows(None, [prediction]) == [row]
