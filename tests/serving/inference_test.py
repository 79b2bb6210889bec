"""Paths of text-embeddings-inference: its published requests, values, and its errors."""

import json

import numpy as np
import pytest
import tiny_embedders
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_server import JSON, Running

import bert_tf
from bert_tf import Model
from bert_tf.serving import gathering

TEXTS = ["it was very good .", "bad"]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """A server of an embedder with prompts, which scales its vectors, and its folder."""
    path = tmp_path_factory.mktemp("embedder") / "e5"
    tiny_embedders.write(path, "e5")
    server = Running.of_model(model=str(path), name="model")
    yield server, path
    server.stop()


@pytest.fixture(scope="module")
def reranker(serve):
    return serve("reranking")


def pooled(path, prompt):
    """The vectors of the texts behind a prompt, not scaled, by NumPy."""
    return tiny_embedders.vectors(path, "gte", [prompt + text for text in TEXTS])


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_published_examples_of_embeddings(embedder):
    server, _ = embedder
    (one,) = server.post({"inputs": "What is Deep Learning?"}, "/embed")[1]
    same, other = server.post(
        {"inputs": ["What is Deep Learning?", "Deep learning is a film"]}, "/embed"
    )[1]
    np.testing.assert_allclose(one, same, atol=1e-6)
    assert np.abs(np.subtract(one, other)).max() > 0.01
    assert np.linalg.norm(other) == pytest.approx(1.0)


def test_prompts(embedder):
    """The default prompt is put before texts unless the request names another."""
    server, path = embedder
    for fields, prompt in (
        ({}, "it is "),
        ({"prompt_name": None}, "it is "),
        ({"prompt_name": "passage"}, "it is "),
        ({"prompt_name": "query"}, "film . "),
    ):
        status, found = server.post({"inputs": TEXTS} | fields, "/embed")
        assert status == 200
        np.testing.assert_allclose(found, unit(pooled(path, prompt)), atol=1e-5)
    # The path of TensorFlow Serving uses the default one, as before.
    _, body = server.post({"instances": TEXTS})
    found = [row["embedding"] for row in body["predictions"]]
    np.testing.assert_allclose(found, unit(pooled(path, "it is ")), atol=1e-5)


def test_vectors_that_are_not_scaled(embedder):
    server, path = embedder
    expected = pooled(path, "it is ")
    assert np.abs(np.linalg.norm(expected, axis=1) - 1).min() > 0.1
    _, found = server.post({"inputs": TEXTS, "normalize": False}, "/embed")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    fields = {"inputs": TEXTS, "normalize": False, "dimensions": 3}
    _, found = server.post(fields, "/embed")
    np.testing.assert_allclose(found, expected[:, :3], atol=1e-4)
    _, found = server.post({"inputs": TEXTS, "dimensions": 3}, "/embed")
    np.testing.assert_allclose(found, unit(expected[:, :3]), atol=1e-5)


def test_a_model_that_does_not_scale_them(tmp_path):
    """It does so for /embed, whose default it is, and nowhere else."""
    tiny_embedders.write(tmp_path / "gte", "gte")
    server = Running.of_model(model=str(tmp_path / "gte"), name="model")
    expected = pooled(tmp_path / "gte", "")
    _, found = server.post({"inputs": TEXTS}, "/embed")
    np.testing.assert_allclose(found, unit(expected), atol=1e-5)
    _, body = server.post({"input": TEXTS, "model": "model"}, "/v1/embeddings")
    found = [entry["embedding"] for entry in body["data"]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    _, body = server.post({"instances": TEXTS})
    found = [row["embedding"] for row in body["predictions"]]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    server.stop()


def test_truncate(embedder):
    server, _ = embedder
    body = {"inputs": ["bad", "good " * 30]}
    status, error = server.post(body, "/embed")
    assert status == 413
    assert error == {
        "error": "text 1 has 34 tokens, of which the model reads 16. Shorten it, or pass "
        "truncate: true.",
        "error_type": "validation",
    }
    truncate = {"truncate": True, "truncation_direction": "Right"}
    status, (_, found) = server.post(body | truncate, "/embed")
    assert status == 200
    (expected,) = server.post({"inputs": "good " * 12}, "/embed")[1]
    np.testing.assert_allclose(found, expected, atol=1e-6)


RAW = {"activation": "identity", "max_seq_length": 24}
# The query and the texts of the README of text-embeddings-inference.
PUBLISHED = {
    "query": "What is Deep Learning?",
    "texts": ["Deep Learning is not...", "Deep learning is..."],
}


def test_the_published_example_of_ranking(serve, folders):
    status, found = serve("reranking", **RAW).post(PUBLISHED, "/rerank")
    record = {"query": PUBLISHED["query"], "passages": PUBLISHED["texts"]}
    (expected,) = Model(folders["reranking"], max_seq_length=24).predict([record])
    assert status == 200
    assert [row.keys() for row in found] == [{"index", "score"}] * 2
    ranking = expected["ranking"]
    assert [row["index"] for row in found] == [row["index"] for row in ranking]
    for row, other in zip(found, ranking):
        assert row["score"] == pytest.approx(other["score"], abs=1e-5)


@pytest.mark.parametrize("options", [{}, RAW])
def test_scores_are_probabilities_unless_raw(serve, folders, options):
    server = serve("reranking", **options)
    texts = ["bad", "a fine film", "good"]
    record = {"query": "it was", "passages": texts}
    model = Model(folders["reranking"], activation="identity")
    (expected,) = model.predict([record])
    order = [row["index"] for row in expected["ranking"]]
    logits = np.array([row["score"] for row in expected["ranking"]])
    scores = 1 / (1 + np.exp(-logits))
    fields = {"query": "it was", "texts": texts, "return_text": True}
    _, found = server.post(fields, "/rerank")
    assert [row["index"] for row in found] == order
    assert [row["text"] for row in found] == [texts[n] for n in order]
    np.testing.assert_allclose([row["score"] for row in found], scores, atol=1e-5)
    _, found = server.post(fields | {"raw_scores": True}, "/rerank")
    np.testing.assert_allclose([row["score"] for row in found], logits, atol=1e-5)
    # The path of TensorFlow Serving has those of the model folder, as before.
    _, body = server.post({"instances": [record]})
    own = logits if options else scores
    np.testing.assert_allclose(body["predictions"][0]["score"], own, atol=1e-5)


def test_long_passages(reranker):
    fields = {"query": "it was", "texts": ["bad", "good " * 30]}
    status, body = reranker.post(fields, "/rerank")
    assert status == 413
    # [CLS] it was [SEP] 30 words [SEP]
    assert body["error"].startswith("text 1 has 35 tokens, of which the model reads 14")
    assert reranker.post(fields | {"truncate": True}, "/rerank")[0] == 200


def test_health_and_info(embedder, reranker, serve):
    server, _ = embedder
    assert server.get("/health") == (200, b"")
    status, body = server.get("/info")
    assert status == 200
    assert json.loads(body) == {
        "model_id": "model",
        "model_type": {"embedding": {"pooling": "mean"}},
        "max_input_length": 16,
        "max_concurrent_requests": 512,
        "max_batch_tokens": 8192,
        "max_client_batch_size": 1000,
        "auto_truncate": False,
        "version": bert_tf.__version__,
    }
    info = json.loads(reranker.get("/info")[1])
    assert info["max_client_batch_size"] == 100
    assert info["max_input_length"] == 14
    assert list(info["model_type"]) == ["reranker"]
    info = json.loads(serve("classification").get("/info")[1])
    assert info["model_type"] == {}


EMBED = {"inputs": ["it was"]}
BAD_TEXTS = {
    "malformed JSON": (b"{", 422, "validation", "not JSON"),
    "a list": (b"[]", 422, "validation", "must hold a JSON object"),
    "no inputs": ({}, 422, "validation", "a list of strings; received none"),
    "token ids": ({"inputs": [[2, 3]]}, 422, "validation", "token ids are not read"),
    "an empty list": ({"inputs": []}, 400, "empty", "at least one text"),
    "an empty string": ({"inputs": ""}, 400, "empty", "none empty"),
    "many": ({"inputs": ["a"] * 1_001}, 413, "validation", "max_records is 1,000"),
    "a huge text": ({"inputs": "a" * 200_000}, 413, "validation", "max_characters"),
    "a prompt that is not there": (
        EMBED | {"prompt_name": "document"},
        422,
        "validation",
        "which has 'query', 'passage'; received 'document'",
    ),
    "two prompts": (
        EMBED | {"prompt_name": "query,passage"},
        422,
        "validation",
        "received 'query,passage'",
    ),
    "a flag that is a string": (
        EMBED | {"normalize": "yes"},
        422,
        "validation",
        "normalize must be true or false; received 'yes'",
    ),
    "a flag that is a number": (
        EMBED | {"truncate": 1},
        422,
        "validation",
        "truncate must be true or false; received 1",
    ),
    "the other side": (
        EMBED | {"truncation_direction": "Left"},
        422,
        "validation",
        "must be Right; received 'Left'",
    ),
    "too many dimensions": (
        EMBED | {"dimensions": 512},
        422,
        "validation",
        "dimensions must be from 1 to",
    ),
    "another key": (EMBED | {"x": 1}, 422, "validation", "received 'x'"),
}
RERANK = {"query": "it was", "texts": ["bad"]}
BAD_PASSAGES = {
    "no query": ({"texts": ["a"]}, 422, "validation", "query must be text"),
    "no texts": ({"query": "a"}, 422, "validation", "texts must be a list"),
    "a string": (RERANK | {"texts": "a"}, 422, "validation", "texts must be a list"),
    "a number": (RERANK | {"texts": [1]}, 422, "validation", "received 1"),
    "an empty list": (RERANK | {"texts": []}, 400, "empty", "at least one text"),
    "many": (
        RERANK | {"texts": ["a"] * 101},
        413,
        "validation",
        "max_choices is 100 passages of a record; received 101",
    ),
    "no flag": (RERANK | {"raw_scores": "no"}, 422, "validation", "raw_scores must be"),
    "another": (RERANK | {"top_n": 1}, 422, "validation", "received 'top_n'"),
}


def check_refusal(server, path, body, status, kind, message):
    found, error = server.post(body, path)
    assert found == status
    assert error.keys() == {"error", "error_type"}
    assert error["error_type"] == kind
    assert message in error["error"]
    assert "\n" not in error["error"]


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_requests_of_embeddings(embedder, name):
    check_refusal(embedder[0], "/embed", *BAD_TEXTS[name])


@pytest.mark.parametrize("name", BAD_PASSAGES)
def test_bad_requests_of_ranking(reranker, name):
    check_refusal(reranker, "/rerank", *BAD_PASSAGES[name])


def test_the_root_takes_what_the_model_reads(embedder, reranker):
    """Hugging Face's client sends there; the page is what browsers get."""
    server, _ = embedder
    assert server.post(EMBED, "/") == server.post(EMBED, "/embed")
    assert reranker.post(RERANK, "/") == reranker.post(RERANK, "/rerank")
    check_refusal(server, "/", {}, 422, "validation", "received none")
    status, page = server.get("/")
    assert status == 200
    assert page.startswith(b"<!doctype html>")


def test_models_of_other_tasks(embedder, reranker, serve):
    message = "is no model of"
    check_refusal(embedder[0], "/rerank", RERANK, 424, "backend", message)
    check_refusal(reranker, "/embed", EMBED, 424, "backend", message)
    check_refusal(serve("classification"), "/embed", EMBED, 424, "backend", message)


def test_an_overloaded_server(embedder, monkeypatch):
    server, _ = embedder
    monkeypatch.setattr(gathering, "MAX_REQUESTS", 0)
    check_refusal(server, "/embed", EMBED, 429, "overloaded", "try again later")
    body = {"input": "a", "model": "model"}
    status, error = server.post(body, "/v1/embeddings")
    assert (status, error["error"]["code"]) == (429, "rate_limit_exceeded")
    monkeypatch.undo()
    assert server.post(EMBED, "/embed")[0] == 200


def test_errors_of_http_have_that_form_too(embedder):
    server, _ = embedder
    status, content = server.get("/embed")
    assert status == 405
    assert json.loads(content)["error_type"] == "validation"
    status, body = server.post(EMBED, "/embed", {"Content-Type": "text/plain"})
    assert (status, body["error_type"]) == (415, "validation")
    status, body = server.post(EMBED, "/embed", JSON | {"Host": "evil.example"})
    assert (status, body["error_type"]) == (421, "validation")


def test_prompts_whose_tokens_are_not_pooled(tmp_path):
    """bert_tf does not compute them; without one, the model is served."""
    tiny_embedders.write(tmp_path, "e5")
    (tmp_path / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": tiny_embedders.PROMPTS})
    )
    config = json.loads((tmp_path / "1_Pooling/config.json").read_text())
    config["include_prompt"] = False
    (tmp_path / "1_Pooling/config.json").write_text(json.dumps(config))
    server = Running.of_model(model=str(tmp_path), name="model")
    assert server.post(EMBED, "/embed")[0] == 200
    fields = EMBED | {"prompt_name": "query"}
    check_refusal(server, "/embed", fields, 422, "validation", "include_prompt: false")
    server.stop()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
GOOD = {
    "/embed": EMBED | {"normalize": True, "truncate": True, "dimensions": 3},
    "/v1/embeddings": {"input": "bad", "model": "model", "dimensions": 3, "user": "a"},
    "/rerank": RERANK | {"raw_scores": True, "truncate": True},
}


@given(st.lists(st.none() | values, min_size=5, max_size=5))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_value_gets_an_answer_or_a_refusal(embedder, reranker, drawn):
    for path, good in GOOD.items():
        server = reranker if path == "/rerank" else embedder[0]
        for name, value in zip(good, drawn):
            body = json.dumps(good | {name: value}).encode()
            status, content = server.post(body, path)
            assert status == 200 or 400 <= status < 500
            assert status == 200 or "\n" not in str(content["error"])
