"""OpenAI's paths: what its client sends and reads, and errors in OpenAI's form."""

import base64
import json
import shutil

import numpy as np
import pytest
from running_server import JSON, Running

from bert_tf import Model

TEXTS = ["it was very good .", "bad"]
PATH = "/v1/embeddings"
# The headers of openai 3.57 for Python.
HEADERS = JSON | {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Authorization": "Bearer none",
    "User-Agent": "OpenAI/Python 3.57.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Retry-Count": "0",
}


@pytest.fixture(scope="module")
def server(serve):
    return serve("similarity")


@pytest.fixture(scope="module")
def vectors(folders):
    """The vectors of the texts, float32 [2, D], by the model in memory."""
    predictions = Model(folders["similarity"]).predict(TEXTS)
    return np.array([row["embedding"] for row in predictions], np.float32)


def embed(server, headers=JSON, **fields):
    body = {"input": TEXTS, "model": "model"} | fields
    return server.post(body, PATH, headers)


def test_what_the_client_sends_without_a_format(server, vectors):
    """It asks for base64, and decodes it."""
    status, body = embed(server, HEADERS, encoding_format="base64")
    assert status == 200
    assert body.keys() == {"object", "data", "model", "usage"}
    assert (body["object"], body["model"]) == ("list", "model")
    # [CLS] it was very good . [SEP], and [CLS] bad [SEP].
    assert body["usage"] == {"prompt_tokens": 10, "total_tokens": 10}
    for number, (entry, vector) in enumerate(zip(body["data"], vectors, strict=True)):
        numbers = np.frombuffer(base64.b64decode(entry.pop("embedding")), "<f4")
        assert entry == {"object": "embedding", "index": number}
        np.testing.assert_allclose(numbers, vector, atol=1e-5)


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float", "user": "Ada"}])
def test_numbers(server, vectors, form):
    status, body = embed(server, input=TEXTS[0], **form)
    assert status == 200
    (entry,) = body["data"]
    np.testing.assert_allclose(entry["embedding"], vectors[0], atol=1e-5)
    assert body["usage"]["total_tokens"] == 7


def test_dimensions_are_the_first_numbers_scaled_again(server, vectors):
    _, body = embed(server, dimensions=3)
    first = vectors[:, :3]
    expected = first / np.linalg.norm(first, axis=1, keepdims=True)
    found = [entry["embedding"] for entry in body["data"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    _, whole = embed(server, dimensions=vectors.shape[1])
    found = [entry["embedding"] for entry in whole["data"]]
    np.testing.assert_allclose(found, vectors, atol=1e-5)


def test_only_trained_dimensions(folders, tmp_path):
    shutil.copytree(folders["similarity"], tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    config["bert_tf"]["matryoshka_dims"] = "2,4"
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    server = Running.of_model(model=str(tmp_path / "model"))
    assert embed(server, dimensions=4)[0] == 200
    status, body = embed(server, dimensions=3)
    assert status == 400
    assert "one of 2, 4, for which the model was" in body["error"]["message"]
    server.stop()


def test_models(server):
    status, body = server.get("/v1/models")
    (model,) = json.loads(body)["data"]
    assert status == 200
    assert json.loads(body)["object"] == "list"
    assert isinstance(model.pop("created"), int)
    assert model == {"id": "model", "object": "model", "owned_by": "bert_tf"}


BAD = {
    "token ids": ({"input": [2, 5, 3]}, 400, "token ids are not read"),
    "lists of token ids": ({"input": [[2, 5, 3]]}, 400, "token ids are not read"),
    "no input": ({"input": None}, 400, "input must be a string or a list of strings"),
    "a number": ({"input": 7}, 400, "a list of strings; received 7"),
    "a text and a number": ({"input": ["a", 7]}, 400, "must be text; received 7"),
    "an empty list": ({"input": []}, 400, "input must have at least one text"),
    "an empty string": ({"input": ""}, 400, "none empty"),
    "an empty string among others": ({"input": ["a", ""]}, 400, "none empty"),
    "a long text": (
        {"input": ["bad", "good " * 20]},
        400,
        "text 1 has 22 tokens, of which the model reads 14. Send shorter texts",
    ),
    "many texts": ({"input": ["a"] * 1_001}, 413, "max_records is 1,000"),
    "a huge text": ({"input": "a" * 200_000}, 413, "max_characters is 100,000"),
    "another model": ({"model": "gpt"}, 404, "must be 'model', which is served"),
    "no model": ({"model": None}, 400, "model is missing; pass 'model'"),
    "a model that is no name": ({"model": 1}, 400, "model must be a string"),
    "another format": (
        {"encoding_format": "hex"},
        400,
        "must be float or base64; received 'hex'",
    ),
    "no dimensions": ({"dimensions": 0}, 400, "must be from 1 to"),
    "too many dimensions": ({"dimensions": 4_096}, 400, "embedding; received 4096."),
    "half a dimension": ({"dimensions": 1.5}, 400, "dimensions must be a whole number"),
    "another key": ({"stream": True}, 400, "'user'; received 'stream'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_get_errors_in_openais_form(server, name):
    fields, expected, message = BAD[name]
    status, body = embed(server, **fields)
    assert status == expected
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]
    assert "\n" not in error["message"]
    assert error["code"] == {
        "another model": "model_not_found",
        "an empty list": "empty",
        "an empty string": "empty",
        "an empty string among others": "empty",
    }.get(name)
    assert embed(server)[0] == 200


def test_errors_of_http_have_that_form_too(server):
    status, content = server.get(PATH)
    assert status == 405
    assert json.loads(content)["error"]["message"] == "method not allowed"
    status, body = server.post(b"{", PATH)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert "not JSON" in body["error"]["message"]
    status, body = server.post({}, PATH, {"Content-Type": "text/plain"})
    assert status == 415
    status, body = server.post({}, PATH, JSON | {"Host": "evil.example"})
    assert (status, body["error"]["type"]) == (421, "invalid_request_error")


def test_long_texts_are_read_in_windows(serve, folders):
    """All tokens are read, so no text is too long."""
    text = "it was very good . " * 5
    windows = {"long_text": "windows"}
    status, body = embed(serve("similarity", **windows), input=text)
    (expected,) = Model(folders["similarity"], **windows).predict([text])
    assert status == 200
    found = body["data"][0]["embedding"]
    np.testing.assert_allclose(found, expected["embedding"], atol=1e-5)
    assert body["usage"]["total_tokens"] == 27


def test_a_model_without_vectors(serve):
    status, body = embed(serve("classification"))
    assert status == 400
    assert "is no model of similarity" in body["error"]["message"]


def test_the_client_itself(server, vectors):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")
    response = client.embeddings.create(input=TEXTS, model="model")
    found = [entry.embedding for entry in response.data]
    np.testing.assert_allclose(found, vectors, atol=1e-5)
    assert response.usage.total_tokens == 10
    assert [model.id for model in client.models.list()] == ["model"]
    with pytest.raises(openai.NotFoundError, match="which is served") as caught:
        client.embeddings.create(input="a", model="other")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="token ids are not read"):
        client.embeddings.create(input=[2, 3], model="model")
