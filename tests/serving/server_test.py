"""The trial server over a real socket: predictions, gathering, and bad requests."""

import base64
import concurrent.futures
import hashlib
import json
import re
import socket
import urllib.request

import numpy as np
import pytest

from bert_tf import Model
from bert_tf.serving import trial
from bert_tf.serving.client import Client, ServingError
from bert_tf.serving.examples import TEXTS as TEXTS_TO_TRY

TEXTS = ["it was very good .", "bad", "", "a fine film , is it ?"]


@pytest.fixture(scope="module")
def server(serve):
    return serve("classification")


def test_instances_inputs_and_bare_texts(server, folders):
    expected = Model(folders["classification"]).predict(TEXTS)
    status, rows = server.post({"instances": [{"text": text} for text in TEXTS]})
    assert status == 200
    assert [row["label"] for row in rows["predictions"]] == [
        prediction["label"] for prediction in expected
    ]
    np.testing.assert_allclose(
        [row["scores"] for row in rows["predictions"]],
        [list(prediction["scores"].values()) for prediction in expected],
        atol=1e-5,
    )
    _, columns = server.post({"inputs": {"text": TEXTS}})
    assert columns["outputs"]["label"] == [r["label"] for r in rows["predictions"]]
    for body in ({"instances": TEXTS}, {"inputs": TEXTS}):
        status, _ = server.post(body, "/v1/models/model/versions/1:predict")
        assert status == 200


@pytest.mark.parametrize(
    ("task", "row", "field"),
    [
        ("question_answering", {"question": "is it ?", "context": TEXTS[0]}, "answer"),
        (
            "multiple_choice",
            {"question": "it was", "choices": ["bad", "fine"]},
            "choice",
        ),
        ("reranking", {"query": "it was", "passages": ["bad", "fine"]}, "index"),
        ("token_classification", {"text": "it was very good"}, "type"),
        ("pairs", {"text": "it was good", "text_pair": "fine"}, "label"),
    ],
)
def test_other_tasks(serve, folders, task, row, field):
    status, body = serve(task).post({"instances": [row]})
    assert status == 200
    assert field in body["predictions"][0]


def test_status_and_page(server):
    with urllib.request.urlopen(f"{server.address}/v1/models/model") as response:
        assert json.load(response)["model_version_status"][0]["state"] == "AVAILABLE"
    with urllib.request.urlopen(server.address) as response:
        page = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in response.headers
    (values,) = re.findall(r'type="application/json">(.*)</script>', page)
    assert json.loads(values) == {
        "model": "model",
        "fields": ["text"],
        "labels": ["down", "up"],
        "examples": [{"text": row["text"]} for row in TEXTS_TO_TRY],
    }
    assert "default-src 'none'" in policy
    for kind in ("script", "style"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = hashlib.sha256(text.encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not re.findall(r"\son[a-z]+=|javascript:|\sstyle=", page)


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        ("classification", ["text"]),
        ("pairs", ["text", "text_pair"]),
        ("question_answering", ["question", "context"]),
        ("multiple_choice", ["question", "choices"]),
        ("reranking", ["query", "passages"]),
        ("token_classification", ["text"]),
        ("fill_mask", ["text"]),
    ],
)
def test_no_records_give_no_predictions(serve, task, fields):
    server = serve(task)
    assert server.post({"instances": []}) == (200, {"predictions": []})
    status, body = server.post({"inputs": {field: [] for field in fields}})
    assert status == 200
    assert body["outputs"]
    assert all(values == [] for values in body["outputs"].values())


@pytest.mark.parametrize(
    "task", ["pairs", "question_answering", "multiple_choice", "reranking"]
)
def test_the_examples_of_the_page_are_good_requests(serve, task):
    server = serve(task)
    with urllib.request.urlopen(server.address) as response:
        page = response.read().decode()
    (values,) = re.findall(r'type="application/json">(.*)</script>', page)
    examples = json.loads(values)["examples"]
    assert len(examples) > 1
    for example in examples:
        assert server.post({"instances": [example]})[0] == 200


GOOD = {"instances": ["it was good"]}
BAD = {
    "malformed JSON": (b'{"instances": [', 400, "not JSON"),
    "not UTF-8": (b'{"instances": ["\xff"]}', 400, "not UTF-8"),
    "no object": (b"[1]", 400, "must hold a JSON object, {…}; received [1]"),
    "neither": ({}, 400, 'with either "instances"'),
    "both": ({"instances": [], "inputs": []}, 400, 'with either "instances"'),
    "wrong type": ({"instances": [7]}, 400, "text must be text; received 7"),
    "no list": ({"instances": "a"}, 400, "must be a list"),
    "missing field": (
        {"instances": [{"txt": "a"}]},
        400,
        "each instance must have text",
    ),
    "missing list": (
        {"inputs": {"txt": ["a"]}},
        400,
        "inputs must have a list for text",
    ),
    "a list in a list": ({"inputs": {"text": [["a"]]}}, 400, "must be text"),
    "10,000 texts": (
        {"instances": ["a"] * 10_000},
        413,
        "max_records is 1,000 records of a request; received 10,000.",
    ),
    "1 MB of text": (
        {"instances": ["a" * 2**20]},
        413,
        "max_bytes is 1,048,576 bytes of a",
    ),
    "a long text": (
        {"instances": ["a" * 200_000]},
        413,
        "max_characters is 100,000 characters of a text; received 200,000",
    ),
    "half a surrogate pair": (
        b'{"instances": ["\\ud800"]}',
        400,
        "half of a character",
    ),
    "another signature": (
        GOOD | {"signature_name": "x"},
        400,
        "only the signature serving_default",
    ),
    "nested deep": (b'{"instances": ' + b"[" * 100_000, 400, "nests more than 100"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_gets_an_error_and_the_next_request_works(server, name):
    before = server.post(GOOD)
    body, status, message = BAD[name]
    response = server.post(body)
    assert response[0] == status
    assert message in response[1]["error"]
    assert "\n" not in response[1]["error"]
    assert server.post(GOOD) == before


def test_another_model_or_path(server):
    status, body = server.post(GOOD, "/v1/models/other:predict")
    assert (status, body["error"]) == (404, "there is no model 'other', only 'model'")
    assert server.post(GOOD, "/v1/nothing")[0] == 404


def test_a_nul_character_is_ignored(server):
    with_nul, without = (
        server.post({"instances": [x]})[1] for x in ("it\0 was", "it was")
    )
    assert with_nul == without


def test_each_of_many_concurrent_requests_gets_its_own_prediction(server, folders):
    texts = [
        f"{'very ' * (n % 7)}{('good', 'bad', 'a film')[n % 3]}" for n in range(60)
    ]
    expected = Model(folders["classification"]).predict(texts)
    client = Client(server.address, "model")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        predictions = list(pool.map(lambda text: client.predict(text=[text])[0], texts))
    assert [x["label"] for x in predictions] == [x["label"] for x in expected]
    np.testing.assert_allclose(
        [prediction["scores"] for prediction in predictions],
        [list(prediction["scores"].values()) for prediction in expected],
        atol=1e-5,
    )


def test_concurrent_questions_with_different_numbers_of_choices(serve):
    client = Client(serve("multiple_choice").address, "model")
    rows = [["good", "bad"], ["good", "bad", "fine"], ["a", "b", "c", "d"]] * 4

    def predict(choices):
        return client.predict(question=["it was"], choices=[choices])[0]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        predictions = list(pool.map(predict, rows))
    for choices, prediction in zip(rows, predictions):
        assert len(prediction["scores"]) == len(choices)
        assert prediction["choice"] in choices


def test_passages(serve, folders):
    record = {"query": "it was", "passages": ["bad", "a fine film", "bad"]}
    _, body = serve("reranking").post({"instances": [record]})
    (expected,) = Model(folders["reranking"]).predict([record])
    (prediction,) = body["predictions"]
    ranking = expected["ranking"]
    assert prediction["index"] == [passage["index"] for passage in ranking]
    np.testing.assert_allclose(
        prediction["score"], [passage["score"] for passage in ranking], atol=1e-5
    )


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ([[]], "passages must be lists of at least one text"),
        (["bad"], "passages must be lists of at least one text"),
        ([["bad"], ["bad", "fine"]], "all records need the same number of passages"),
        ([["bad", 3]], "passages must be text; received 3"),
        ([["bad"] * 101], "max_choices is 100 passages of a record; received 101"),
    ],
)
def test_bad_passages(serve, passages, message):
    rows = [{"query": "it was", "passages": texts} for texts in passages]
    status, body = serve("reranking").post({"instances": rows})
    assert status in (400, 413)
    assert message in body["error"]


class TestClient:
    def test_status(self, server):
        status = Client(server.address, "model").status()
        assert status["model_version_status"][0]["state"] == "AVAILABLE"

    def test_a_refusal_is_one_line(self, server):
        client = Client(server.address, "other")
        with pytest.raises(
            ServingError, match=r"other: there is no model 'other'.*\(404\)"
        ):
            client.predict(text=["a"])

    def test_no_server(self):
        client = Client("http://127.0.0.1:9", "model", retries=1, wait=0.01)
        with pytest.raises(
            ServingError, match=r"does not respond: .*Is the server running"
        ):
            client.predict(text=["a"])

    @pytest.mark.parametrize("inputs", [{"text": "a"}, {"a": ["b"], "c": []}, {}])
    def test_inputs_are_lists_of_one_length(self, server, inputs):
        with pytest.raises(ValueError, match="lists of the same length"):
            Client(server.address, "model").predict(**inputs)

    def test_no_records_give_no_predictions(self, server):
        assert Client(server.address, "model").predict(text=[]) == []

    def test_an_address_without_a_scheme_is_an_error(self):
        with pytest.raises(ValueError, match="received 'localhost:8501'"):
            Client("localhost:8501", "model")


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [("127.0.0.1", None, "in use"), ("192.0.2.1", 8501, "assign requested address")],
)
def test_an_address_that_is_not_free(tmp_path, host, port, reason):
    """It is refused before the model is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = trial.ServeConfig(
            model=str(tmp_path), host=host, port=port or taken.getsockname()[1]
        )
        with pytest.raises(
            OSError, match=f"cannot listen on {host}, .*{reason}.*--port"
        ):
            trial.serve(config)
