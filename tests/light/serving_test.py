"""The trial server of an exported file: the requests and responses of TensorFlow's."""

import base64
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny_embedders
from running_server import Running

from bert_tf import light
from bert_tf.serving import exporting, trial
from bert_tf.serving.parity import leaves

pytest.importorskip("tokenizers", reason="pip install -e '.[light]'")
pytest.importorskip("starlette", reason="pip install -e '.[serve]'")
ROOT = pathlib.Path(__file__).parents[2]
TEXTS = ["it was very good .", "bad", "", "a fine film , is it ?"]
REQUESTS = {
    "classification": [{"text": text} for text in TEXTS],
    "multi_label": [{"text": text} for text in TEXTS],
    "regression": [{"text": text} for text in TEXTS],
    "pairs": [{"text": text, "text_pair": "fine"} for text in TEXTS],
    "token_classification": [{"text": text} for text in TEXTS],
    "question_answering": [
        {"question": "is it ?", "context": text} for text in (TEXTS[0], TEXTS[3])
    ],
    "multiple_choice": [
        {"question": "it was", "choices": choices}
        for choices in (["bad", "fine"], ["good film", ""])
    ],
    "similarity": [{"text": text} for text in TEXTS],
    "reranking": [
        {"query": "it was", "passages": passages}
        for passages in (["bad", "fine", "good"], ["a film", "is it", "it was good"])
    ],
}
QUICK = ("classification", "reranking")


@pytest.fixture(scope="module")
def both(folders, phone, tmp_path_factory):
    """function(task) → servers of its export and of its folder, and the export's path."""
    home, made = tmp_path_factory.mktemp("served"), {}

    def start(task, model=None):
        if task not in made:
            model = model or folders[task]
            is_phone = task == "classification"
            path = phone if is_phone else write(model, home / task)
            options = {"model": str(path), "threads": 2, "engine": "light"}
            file = Running.of_model(name="model", **options)
            made[task] = file, Running.of_model(model=model, name="model"), path
        return made[task]

    yield start
    for *servers, _ in made.values():
        for server in servers:
            server.stop()


def write(model, path):
    config = exporting.ExportConfig(
        model=model, output_dir=str(path), format="tflite", dynamic_length=True
    )
    exporting.export(config)
    return path


@pytest.fixture(scope="module")
def embedder(both, tmp_path_factory):
    """Servers of an embedder with prompts, which scales its vectors."""
    path = tmp_path_factory.mktemp("embedder") / "e5"
    tiny_embedders.write(path, "e5")
    return both("e5", str(path))


def assert_alike(body, other):
    """Checks that the words are equal, and the numbers nearly."""
    words, numbers = leaves(body)
    their_words, their_numbers = leaves(other)
    assert words == their_words
    np.testing.assert_allclose(numbers, their_numbers, atol=2e-5)


def ask_both(servers, body, path="/v1/models/model:predict"):
    """Returns the response of a file, which equals that of TensorFlow."""
    file, folder, _ = servers
    status, content = file.post(body, path)
    their_status, their_content = folder.post(body, path)
    assert status == their_status
    assert_alike(content, their_content)
    return status, content


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in REQUESTS
    ],
)
def test_it_responds_as_tensorflow_does(task, both):
    servers = both(task)
    file, folder, _ = servers
    # Logits of labels are known apart from a constant.
    rows = REQUESTS[task]
    (_, body), (_, other) = (x.post({"instances": rows}) for x in (file, folder))
    for row, their_row in zip(body["predictions"], other["predictions"], strict=True):
        assert list(row) == list(their_row)
        if "logits" in row:
            own, theirs = np.array([row.pop("logits"), their_row.pop("logits")])
            shift = 0.0 if task == "multi_label" else theirs.mean() - own.mean()
            np.testing.assert_allclose(own + shift, theirs, atol=1e-4)
    assert_alike(body, other)
    nothing = {"inputs": {name: [] for name in rows[0]}}
    assert file.post(nothing) == folder.post(nothing)
    assert file.post({"instances": [{"wrong": "a"}]}) == folder.post(
        {"instances": [{"wrong": "a"}]}
    )


def test_labels_are_those_of_the_light_model(both):
    file, _, path = both("classification")
    expected = light.Model(path).predict(TEXTS)
    _, body = file.post({"instances": TEXTS})
    for row, prediction in zip(body["predictions"], expected, strict=True):
        assert row["label"] == prediction["label"]
        scores = list(prediction["scores"].values())
        assert row["scores"] == pytest.approx(scores, abs=1e-6)


def test_vectors_prompts_dimensions_and_base64(embedder):
    texts = ["it was very good .", "bad"]
    _, plain = ask_both(embedder, {"inputs": texts}, "/embed")
    for fields in ({"prompt_name": "query"}, {"dimensions": 3}):
        status, other = ask_both(embedder, {"inputs": texts} | fields, "/embed")
        assert status == 200 and other != plain
    body = {"input": texts, "model": "model"}
    _, numbers = ask_both(embedder, body, "/v1/embeddings")
    _, packed = embedder[0].post(body | {"encoding_format": "base64"}, "/v1/embeddings")
    for entry, other in zip(numbers["data"], packed["data"], strict=True):
        vector = np.frombuffer(base64.b64decode(other["embedding"]), "<f4")
        np.testing.assert_allclose(vector, entry["embedding"], atol=1e-6)


def test_vectors_of_their_own_length_are_refused(embedder):
    status, body = embedder[0].post({"inputs": "bad", "normalize": False}, "/embed")
    assert status == 422
    assert "the exported file scales vectors to length 1" in body["error"]


@pytest.mark.parametrize(
    "body, path",
    [
        ({"inputs": [5, 3]}, "/embed"),
        ({"inputs": []}, "/embed"),
        ({"inputs": "bad", "prompt_name": "none"}, "/embed"),
        ({"inputs": ["bad", "good " * 30]}, "/embed"),
        ({"input": [[5, 3]], "model": "model"}, "/v1/embeddings"),
        ({"query": "it", "texts": ["bad"]}, "/rerank"),
    ],
)
def test_bad_requests_are_refused_as_by_tensorflow(embedder, body, path):
    file, folder, _ = embedder
    refused = file.post(body, path)
    assert refused[0] >= 400
    assert refused == folder.post(body, path)


def test_rerank(both):
    servers = both("reranking")
    body = {"query": "it was", "texts": ["bad", "a good film", "is"]}
    _, plain = ask_both(servers, body, "/rerank")
    assert all(0 < row["score"] < 1 for row in plain)
    wishes = {"raw_scores": True, "return_text": True}
    _, raw = ask_both(servers, body | wishes, "/rerank")
    for row, other in zip(plain, raw, strict=True):
        assert row["score"] == pytest.approx(1 / (1 + np.exp(-other["score"])))
    for wrong in ({"texts": []}, {"texts": [1]}, {"query": 7}):
        refused = servers[0].post(body | wrong, "/rerank")
        assert refused[0] == 422 or refused[0] == 400
        assert refused == servers[1].post(body | wrong, "/rerank")


@pytest.mark.slow
def test_an_onnx_file(folders, tmp_path):
    pytest.importorskip("tf2onnx", reason="pip install -e '.[onnx]'")
    config = exporting.ExportConfig(
        model=folders["reranking"], output_dir=str(tmp_path / "onnx"), format="onnx"
    )
    exporting.export(config)
    servers = [
        Running.of_model(model=model, name="model")
        for model in (str(tmp_path / "onnx"), folders["reranking"])
    ]
    ask_both([*servers, None], {"instances": REQUESTS["reranking"]})
    for server in servers:
        server.stop()


@pytest.mark.slow
def test_translation_is_refused(folders, tmp_path):
    config = exporting.ExportConfig(
        model=folders["translation"], output_dir=str(tmp_path / "file"), format="tflite"
    )
    exporting.export(config)
    with pytest.raises(ValueError, match="files of translation hold no finished texts"):
        trial.make_app(trial.ServeConfig(model=str(tmp_path / "file")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "tensorflow"}, "is an export .*, which engine=light computes"),
        ({"bf16": True}, "for which bf16 was chosen when it was written"),
        ({"max_seq_length": 9}, "for which max_seq_length was chosen"),
        ({"task": "features"}, "is an export of classification; received task='feat"),
        ({"engine": "jax"}, "engine must be one of tensorflow, light; received 'jax'"),
        ({"threads": -1}, "threads must be at least 0"),
    ],
)
def test_settings_that_a_file_does_not_have(phone, options, message):
    with pytest.raises(ValueError, match=message):
        trial.make_app(trial.ServeConfig(model=str(phone), **options))


def test_a_model_folder_is_no_file(folders):
    model = folders["classification"]
    with pytest.raises(FileNotFoundError, match="holds no bert_tf.json"):
        trial.make_app(trial.ServeConfig(model=model, engine="light"))
    with pytest.raises(ValueError, match="threads is for engine=light; received 2"):
        trial.make_app(trial.ServeConfig(model=model, threads=2))


PROGRAM = """
import json, sys
import bert_tf

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tensorflow_text", "keras", "jax"):
            raise ModuleNotFoundError(f"{name} is out of reach")

sys.meta_path.insert(0, Blocker)
from running_server import Running
server = Running.of_model(model=sys.argv[1], name="model")
print(json.dumps(server.post({"instances": ["it was good", "bad"]})))
print(json.dumps(server.get("/metrics")[0]))
server.stop()
"""


def test_no_tensorflow_is_needed(phone):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(phone)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (status, body), metrics = map(json.loads, done.stdout.splitlines())
    expected = light.Model(phone).predict(["it was good", "bad"])
    assert (status, metrics) == (200, 200)
    assert [row["label"] for row in body["predictions"]] == [
        row["label"] for row in expected
    ]
