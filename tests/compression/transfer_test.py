"""Texts without labels beside labelled records."""

import dataclasses
import types

import numpy as np
import pytest
import tiny_folder
import tiny_tasks

from bert_tf.compression.transfer import add_texts, read_texts
from bert_tf.tokenization.tokenizer import BertTokenizer


def make(name):
    task = tiny_tasks.make_task(name, BertTokenizer(tiny_folder.VOCAB))
    return task, tiny_tasks.make_table(name)


def read(path, name, columns=None):
    task, table = make(name)
    table = dataclasses.replace(table, columns=columns or {})
    config = types.SimpleNamespace(transfer_file=str(path), label_column="label")
    return read_texts(config, task, table)


def test_they_are_read_without_labels(tmp_path):
    path = tmp_path / "more.tsv"
    path.write_text("text\tlabel\nit was bad\tnobody knows this one\n")
    table = read(path, "classification", {"text": "text", "label": "label"})
    assert table.records == [{"text": "it was bad"}]


def test_single_texts_beside_pairs_are_refused(tmp_path):
    path = tmp_path / "more.txt"
    path.write_text("it was bad\na film\n")
    with pytest.raises(
        ValueError, match="more.txt has text, but similarity.jsonl has text, text_pair"
    ):
        read(path, "similarity")


def test_they_follow_the_labelled_records():
    task, table = make("classification")
    columns = add_texts(task, table, [{"text": "a"}, {"text": "the"}])
    assert columns["text"].tolist()[-3:] == ["?", "a", "the"]
    assert columns["labelled"].tolist() == [1.0] * 4 + [0.0] * 2
    assert columns["labelled"].dtype == np.float32
    assert columns["label"].tolist()[:4] == task.columns(table)["label"].tolist()
