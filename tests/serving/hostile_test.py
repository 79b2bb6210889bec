"""Hostile requests get a refusal of one line at once; the server goes on as before."""

import json
import logging
import string
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_server import read_response, request

GOOD = {"instances": ["it was good"]}


@pytest.fixture(scope="module")
def server(serve):
    return serve("classification", {"connection_timeout": 1.0})


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Nothing is logged: no traceback, no line a request."""
    yield
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def encode(text):
    return b'{"instances": [' + text.encode("utf-8", "surrogatepass") + b"]}"


MALFORMED = {
    "a value nested in lists": encode("[" * 900 + "]" * 900),
    "a value nested in objects": encode('{"a":' * 500 + "1" + "}" * 500),
    "nested too deeply": encode("[" * 100_000 + "]" * 100_000),
    "an integer of 4,000 digits": encode("7" * 4_000),
    "an integer of 100,000 digits": encode("7" * 100_000),
    "a number beyond floats": encode("1e999"),
    "NaN": encode("NaN"),
    "minus infinity": encode("-Infinity"),
    "null": encode("null"),
    "an object for a text": encode('{"text": {}}'),
    "half a surrogate pair": encode('"\\udc00"'),
    "half a pair as a key": encode('{"\\ud800": "a"}'),
    "surrogates in bytes": encode('"\ud800"'),
    "the same key twice": b'{"instances": ["a"], "instances": ["b"]}',
    "a signature that is a list": b'{"instances": ["a"], "signature_name": [1]}',
    "a control character": encode('"a\nb"'),
    "UTF-16": encode('"a"').decode().encode("utf-16"),
    "empty": b"",
    "a NUL": b"\0",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_json(server, name):
    status, body = server.post(MALFORMED[name])
    assert status == 400
    assert set(body) == {"error"}
    assert 0 < len(body["error"]) < 300
    assert "\n" not in body["error"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "instances", "inputs", "signature_name", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(
    st.one_of(
        values.map(lambda value: json.dumps(value).encode()),
        values.map(lambda value: json.dumps({"instances": value}).encode()),
        values.map(lambda value: json.dumps({"inputs": {"text": value}}).encode()),
        st.text(string.printable, max_size=40).map(str.encode),
        st.binary(max_size=40),
    )
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_body_gets_an_answer_or_a_refusal(server, body):
    status, content = server.post(body)
    assert status == 200 or 400 <= status < 500
    (key,) = content
    assert key in ("predictions", "outputs", "error")
    assert key != "error" or "\n" not in content["error"]


HTTP = {
    "no HTTP": (b"\x16\x03\x01\x02\0\x01\0\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 421),
    "a length that is no number": (request(b"{}", Content_Length="two"), 400),
    "a negative length": (request(b"{}", Content_Length="-2"), 400),
    "a length of 100 digits": (request(b"{}", Content_Length="9" * 100), 400),
    "a length beyond the limit": (request(b"{}", Content_Length="9999999999"), 413),
    "two lengths": (request(b"{}", Content_length="7"), 400),
    "a length that is too small": (
        request(b'{"instances": []}', Content_Length="5"),
        400,
    ),
    "headers of 100 KB": (request(b"{}", X="x" * 100_000), 400),
    "chunks that are none": (
        request(b"zz\r\n", Content_Length=None, Transfer_Encoding="chunked"),
        400,
    ),
    "a websocket": (
        request(
            b"{}", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13"
        ),
        400,
    ),
    "no host": (request(b"{}", Host=None), 400),
}


@pytest.mark.parametrize("name", HTTP)
def test_malformed_http(server, name):
    data, expected = HTTP[name]
    status, body = server.send(data)
    assert status == expected
    assert set(json.loads(body)) == {"error"}
    assert server.post(GOOD)[0] == 200


def test_a_body_of_100_mb_is_refused_by_its_size_before_it_is_read(server):
    begun = time.monotonic()
    with server.connect() as connection:
        connection.sendall(request(b"", Content_Length=str(100 * 2**20)))
        with connection.makefile("rb") as stream:
            status, body = read_response(stream)
    assert status == 413
    assert json.loads(body)["error"] == (
        "max_bytes is 1,048,576 bytes of a request; received 104,857,600."
    )
    assert time.monotonic() - begun < 1


def test_a_client_that_sends_all_of_it_reads_the_refusal(server):
    status, body = server.post(b" " * 20 * 2**20)
    assert status == 413
    assert body["error"].startswith("max_bytes is 1,048,576 bytes of a request")
    # Without a length, it is refused when it becomes too long.
    chunk = b"10000\r\n" + b" " * 2**16 + b"\r\n"
    head = request(b"", Content_Length=None, Transfer_Encoding="chunked")
    status, body = server.send(head + 320 * chunk + b"0\r\n\r\n")
    assert status == 413
    assert json.loads(body)["error"].startswith("max_bytes is 1,048,576 bytes")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("127.0.0.1:9999", 200),
        ("[::1]:8501", 200),
        ("models.example", 200),
        ("models.example:80", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8501", 421),
        ("[::2]", 421),
        ("[", 421),
        ("localhost/", 421),
        ("", 421),
    ],
)
def test_other_names_of_the_server(folders, host, status, serve):
    server = serve("classification", allowed_hosts="models.example , x")
    found, body = server.send(request(json.dumps(GOOD).encode(), Host=host))
    assert found == status
    if status == 421:
        assert "start it with --allowed_hosts" in json.loads(body)["error"]
    with server.connect() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        with connection.makefile("rb") as stream:
            assert read_response(stream)[0] == status


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
def test_only_json_is_read(server, kind):
    """A page of another site may send these without asking the server first."""
    status, body = server.post(GOOD, headers={"Content-Type": kind})
    assert status == 415
    assert "must say Content-Type: application/json; received" in body["error"]


def test_json_may_name_its_encoding(server):
    kind = "Application/JSON; charset=utf-8"
    assert server.post(GOOD, headers={"Content-Type": kind})[0] == 200


def test_preflights_are_not_answered(server):
    ask = b"OPTIONS /v1/models/model:predict HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert server.send(ask)[0] == 405


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 0),
        (b"POST /v1/models/model:predict HTTP/1.1\r\nHost: loc", 0),
        (request(b'{"inst', Content_Length="50"), 408),
    ],
)
def test_slow_clients_are_cut_off(server, sent, status):
    """Each byte more does not give a client more time."""
    with server.connect() as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        connection.settimeout(0.3)
        received = b""
        while time.monotonic() - begun < 20:
            try:
                connection.sendall(b"a")
                if not (data := connection.recv(10_000)):
                    break
                received += data
            except TimeoutError:
                continue
            except OSError:
                break
        assert 0.5 < time.monotonic() - begun < 10
    assert (int(received.split()[1]) if received else 0) == status


def test_clients_that_hang_up(server):
    """In the headers, in the body, and before the prediction."""
    whole = request(json.dumps({"instances": ["it was good"] * 50}).encode())
    for length in (10, 60, len(whole) // 2, len(whole) - 1, len(whole)):
        for _ in range(5):
            with server.connect() as connection:
                connection.sendall(whole[:length])
    assert server.post(GOOD)[0] == 200
