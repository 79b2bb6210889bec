"""A folder with clean_input reads dirty texts as clean ones, and so do its exports."""

import json
import logging
import pathlib
import shutil

import cpp_loader
import numpy as np
import pytest
import tensorflow as tf
from tiny_task_folders import stand_in

import bert_tf
from bert_tf import light
from bert_tf.models.saving import tokenizer_options
from bert_tf.run import session
from bert_tf.run.converting import ConvertConfig, convert
from bert_tf.serving import exporting
from bert_tf.serving.parity import leaves
from bert_tf.serving.saved_model import write_saved_model

CLEAN = ["it was good", "a very bad film .", "fine", "the film is very poor"]
DIRTY = [
    *("it w\u0430s g\u043e\u200bod", "a very \u202edab\u202c \uff46ilm ."),
    *("\u00ad\U0001d41f\u0456ne", "the f\u2060ilm \u0456s very p\u03bf\u03bfr\ufe0f"),
]


@pytest.fixture(scope="module")
def cleaning(folders, tmp_path_factory):
    """function(task) → the path of its folder, with clean_input; writes each once."""
    home, paths = tmp_path_factory.mktemp("cleaning"), {}

    def write(task):
        if task not in paths:
            paths[task] = str(home / task)
            shutil.copytree(folders[task], paths[task])
            change(paths[task], clean_input=True)
        return paths[task]

    return write


def change(path, **settings):
    file = pathlib.Path(path, "tokenizer_config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def assert_alike(predictions, expected):
    (words, numbers), (their_words, their_numbers) = map(
        leaves, (predictions, expected)
    )
    assert words == their_words
    np.testing.assert_allclose(numbers, their_numbers, atol=2e-5)


def test_a_folder_gets_the_option_by_conversion(folders, tmp_path):
    convert(ConvertConfig(folders["features"], str(tmp_path / "c"), clean_input=True))
    tokenizer = bert_tf.BertTokenizer.from_pretrained(str(tmp_path / "c"))
    assert tokenizer.clean_input
    expected = tokenizer.tokenize(CLEAN).to_list()
    assert tokenizer.tokenize(DIRTY).to_list() == expected


def test_the_model_reads_dirty_texts_as_clean_ones(cleaning, folders):
    model = bert_tf.Model(cleaning("classification"))
    expected = model.predict(CLEAN)
    assert_alike(model.predict(DIRTY), expected)
    model = bert_tf.Model(folders["classification"])
    assert_alike(model.predict(CLEAN), expected)
    assert leaves(model.predict(DIRTY))[1] != leaves(expected)[1]


def test_a_saved_model_cleans_in_the_graph(cleaning, tmp_path):
    model, path = bert_tf.Model(cleaning("classification")), str(tmp_path / "1")
    custom_ops = write_saved_model(
        *(path, model.task, model.keras_model),
        files=[],
        pairs=False,
        signatures=["serving_default"],
    )
    assert len(custom_ops["serving_default"]) == 2  # As without cleaning.
    serve = tf.saved_model.load(path).signatures["serving_default"]
    dirty, clean = (serve(text=tf.constant(texts)) for texts in (DIRTY, CLEAN))
    for name in clean:
        np.testing.assert_array_equal(dirty[name], clean[name])
    jobs = [
        {
            "path": path,
            "signature": "serving_default",
            "inputs": {"text": texts},
        }
        for texts in (DIRTY, CLEAN)
    ]
    first, second = cpp_loader.run(jobs)
    assert first == second


def test_light_cleans_for_a_file(cleaning, tmp_path, caplog):
    pytest.importorskip("tokenizers")
    path = cleaning("classification")
    config = exporting.ExportConfig(
        model=path,
        output_dir=str(tmp_path / "phone"),
        format="tflite",
        dynamic_length=True,
    )
    with caplog.at_level(logging.WARNING):
        exporting.export(config)
    assert "takes ids of cleaned texts" in caplog.text
    file = light.Model(tmp_path / "phone", threads=2)
    assert file.task.tokenizer.clean_input
    assert_alike(file.predict(DIRTY), bert_tf.Model(path).predict(CLEAN))


def test_a_file_that_takes_text_is_refused(cleaning, tmp_path):
    config = exporting.ExportConfig(
        model=cleaning("classification"),
        output_dir=str(tmp_path / "phone"),
        format="tflite",
        text_input=True,
    )
    with pytest.raises(ValueError, match="TFLite cannot clean texts"):
        exporting.export(config)
    assert not (tmp_path / "phone").exists()


def test_answers_and_entities_are_parts_of_the_original(cleaning):
    context = "the \u200bfilm is g\u043eod ."
    model = bert_tf.Model(cleaning("question_answering"))
    record = {"question": "is it ?", "context": context}
    (dirty,), (clean,) = (
        model.predict([record | {"context": text}])
        for text in (context, "the film is good .")
    )
    assert dirty["answer"] == context[dirty["start"] : dirty["end"]]
    assert clean["answer"] in dirty["answer"].replace("\u200b", "").replace(
        "\u043e", "o"
    )
    model = bert_tf.Model(cleaning("token_classification"))
    (dirty,), (clean,) = (model.predict([text]) for text in (DIRTY[0], CLEAN[0]))
    assert [e["type"] for e in dirty["entities"]] == [
        e["type"] for e in clean["entities"]
    ]
    for entity in dirty["entities"]:
        assert DIRTY[0][entity["start"] : entity["end"]] == entity["text"]


def test_training_takes_the_option_and_writes_it(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "train", stand_in)
    folders["classification"]  # Writes the data.
    bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model=folders["features"],
            train_file=str(folders.data("classification")),
            output_dir=str(tmp_path / "trained"),
            max_seq_length=14,
            clean_input=True,
        ),
        bert_tf.TrainConfig(max_steps=1, eval_strategy="no"),
    )
    tokenizer = bert_tf.BertTokenizer.from_pretrained(str(tmp_path / "trained"))
    assert tokenizer.clean_input
    assert tokenizer_options(tokenizer)["clean_input"] is True
    assert "--clean_input" in (tmp_path / "trained" / "README.md").read_text()


def test_a_wrong_value_in_the_folder(folders, tmp_path):
    shutil.copytree(folders["features"], tmp_path / "bad")
    change(tmp_path / "bad", clean_input="yes")
    with pytest.raises(ValueError, match="clean_input must be true or false"):
        bert_tf.BertTokenizer.from_pretrained(str(tmp_path / "bad"))
