"""The API key: without it, every path but /health is refused in its own form."""

import json

import pytest
from running_server import JSON, Running

from bert_tf.serving import trial
from bert_tf.serving.client import Client, ServingError

KEY = "sesame-ö"
BODY = {"instances": ["it was good"]}


@pytest.fixture(scope="module")
def server(folders):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(trial.KEY, KEY)
        server = Running.of_model(model=folders["similarity"], name="model")
    yield server
    server.stop()


def bearing(value):
    """Headers, whose bytes are UTF-8."""
    return JSON | {"Authorization": value.encode().decode("latin-1")}


def test_the_key_opens_all_paths(server):
    for path in ("/", "/metrics", "/info", "/v1/models", "/v1/models/model"):
        assert server.get(path)[0] == 401
        assert server.get(path, bearing(f"Bearer {KEY}"))[0] == 200
    for path, body in (
        ("/v1/models/model:predict", BODY),
        ("/v1/embeddings", {"input": "a", "model": "model"}),
        ("/embed", {"inputs": "a"}),
    ):
        assert server.post(body, path)[0] == 401
        assert server.post(body, path, bearing(f"bearer {KEY}"))[0] == 200


def test_health_needs_none(server):
    assert server.get("/health") == (200, b"")


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Bearer sesame", f"Bearer {KEY}x", f"Basic {KEY}", KEY],
)
def test_other_keys(server, value):
    status, body = server.post(BODY, headers=bearing(value))
    assert status == 401
    assert body["error"].startswith("the key is missing or wrong; send the header Auth")


def test_each_protocol_has_its_form(server):
    _, body = server.get("/v1/models")
    error = json.loads(body)["error"]
    assert error["code"] == "invalid_api_key"
    assert error["type"] == "invalid_request_error"
    _, body = server.get("/info")
    assert json.loads(body)["error_type"] == "unauthorized"
    assert list(server.post(BODY)[1]) == ["error"]


def test_our_client_bears_it(server):
    assert len(Client(server.address, "model", key=KEY).predict(text=["bad"])) == 1
    with pytest.raises(ServingError, match="the key is missing or wrong"):
        Client(server.address, "model").predict(text=["bad"])


@pytest.mark.parametrize("key", ["", "  \n"])
def test_an_empty_key_would_let_everybody_in(folders, monkeypatch, key):
    monkeypatch.setenv(trial.KEY, key)
    with pytest.raises(ValueError, match=f"{trial.KEY} is empty"):
        trial.make_app(trial.ServeConfig(model=folders["similarity"]))
