"""TensorFlow Datasets by name: tiny data sets, prepared here without a network."""

import socket
import urllib.request

import numpy as np
import pytest
import tensorflow_datasets as tfds
import tiny_tfds

from bert_tf.data.records.tfds import read_tfds

REVIEWS = [("Lovely film.", 1, 4.5), ("Été “poor”.", 0, 0.25), ("Fine.", 1, 3.8)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("tfds")
    reviews = [
        {"idx": number, "sentence": text, "label": label, "stars": stars}
        for number, (text, label, stars) in enumerate(REVIEWS)
    ]
    hidden = [{"idx": 9, "sentence": "So-so.", "label": -1, "stars": 0.0}]
    tiny_tfds.write(
        path,
        "tiny_reviews",
        {
            "idx": tfds.features.Scalar(np.int32),
            "sentence": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["negative", "positive"]),
            "stars": tfds.features.Scalar(np.float32),
        },
        train=reviews,
        validation=[*hidden, reviews[1]],
        test=hidden,
    )
    tags = [{"text": "a", "tags": [2, 0], "x": True}, {"text": "b", "tags": [1, 2]}]
    tags[1]["x"] = False
    tiny_tfds.write(
        path,
        "tiny_tags",
        {
            "text": tfds.features.Text(),
            "tags": tfds.features.Sequence(tfds.features.ClassLabel(names="pqr")),
            "x": tfds.features.Scalar(np.bool_),
        },
        train=tags,
    )
    return path


def test_classes_become_their_names(data_dir):
    table = read_tfds("tiny_reviews", "train", data_dir=data_dir)
    assert table.records == [
        {"text": text, "label": ["negative", "positive"][label]}
        for text, label, _ in REVIEWS
    ]
    assert table.columns == {"text": "sentence", "label": "label"}
    assert table.description == (
        "tiny_reviews, train: TensorFlow Datasets; text = 'sentence', "
        "label = 'label'; 3 rows"
    )
    assert table.where(1) == "tiny_reviews, train, example 2"


def test_columns_by_name_and_numbers(data_dir):
    table = read_tfds("tiny_reviews", "train", data_dir=data_dir, label_column="stars")
    assert [record["label"] for record in table.records] == ["4.5", "0.25", "3.8"]
    again = read_tfds("tiny_reviews", "train", data_dir=data_dir, columns=table.columns)
    assert again.records == table.records


def test_parts_of_a_split(data_dir):
    table = read_tfds("tiny_reviews", "train[1:2]", data_dir=data_dir)
    assert [record["text"] for record in table.records] == ["Été “poor”."]


def test_examples_without_a_class_are_skipped_and_counted(data_dir, refusal):
    table = read_tfds("tiny_reviews", "validation", data_dir=data_dir)
    assert [record["text"] for record in table.records] == ["Été “poor”."]
    assert table.lines == [2]
    assert table.description.endswith("1 row; 1 row without a label skipped")
    message = refusal(read_tfds, "tiny_reviews", "test", data_dir=data_dir)
    assert "tiny_reviews, test: no row has a label" in message


def test_several_labels(data_dir):
    options = {"data_dir": data_dir, "many_labels": True}
    table = read_tfds("tiny_tags", "train", label_column="tags", **options)
    assert [record["label"] for record in table.records] == [["r", "p"], ["q", "r"]]
    table = read_tfds("tiny_tags", "train", label_column="x", **options)
    assert [record["label"] for record in table.records] == [["true"], ["false"]]


@pytest.mark.parametrize(
    ("name", "split", "options", "part"),
    [
        (
            "tiny_reviews",
            "dev",
            {},
            "no examples in the split 'dev'. Give one of 'train', 'validation', 'test'.",
        ),
        ("tiny_revews", "train", {}, "TFDS has no data set 'tiny_revews'. "),
        ("gleu", "train", {}, "TFDS has no data set 'gleu'. Did you mean 'glue'?"),
        ("glue/sst3", "train", {}, "TFDS cannot read 'glue/sst3': "),
        (
            "tiny_reviews",
            "train",
            {"text_column": "review"},
            "example 1: no column 'review' for the text; there are 'idx', 'label', ",
        ),
        (
            "tiny_tags",
            "train",
            {"label_column": "tags"},
            "example 1: 'tags' must be a string; received '[\"r\", \"p\"]'; example 2: ",
        ),
        (
            "tiny_tags",
            "train[:0]",
            {"label_column": "x"},
            "no examples in the split 'train[:0]'",
        ),
    ],
)
def test_faults_are_one_line(data_dir, refusal, name, split, options, part):
    assert part in refusal(read_tfds, name, split, data_dir=data_dir, **options)


def test_without_a_network_nothing_is_tried(tmp_path, refusal, monkeypatch):
    def no_server(*_):
        raise OSError("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_server)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    message = refusal(read_tfds, "glue/sst2", "train", data_dir=tmp_path)
    assert ", and its preparation failed: no network: " in message
    assert " is not found. Prepare it where there is a network" in message
    assert list(tmp_path.iterdir()) == []


def test_a_failed_preparation_is_one_line(tmp_path, refusal, monkeypatch, capsys):
    def no_network(builder, **_):
        print("Downloading and preparing ...")
        raise ConnectionError("no route\nto the host")

    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": "proxy"})
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    message = refusal(read_tfds, "glue/sst2", "train", data_dir=tmp_path)
    assert message.startswith("glue/sst2 is not prepared in ")
    assert (
        "glue/sst2/2.0.0', and its preparation failed: no route to the host" in message
    )
    assert message.endswith(
        "(tfds build glue/sst2) and pass its folder as tfds_data_dir."
    )
    assert capsys.readouterr().out == ""  # Standard output is for JSON.
    assert list(tmp_path.iterdir()) == []
