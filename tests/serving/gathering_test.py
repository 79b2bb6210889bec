"""Requests share batches of bounded size, in turn, and are not waited for for ever."""

import asyncio
import concurrent.futures
import contextlib
import logging
import time
import types

import numpy as np
import pytest
from running_server import Running, request

from bert_tf.serving import connections, gathering, guard, server
from bert_tf.serving.gathering import Gatherer, join
from bert_tf.serving.limits import Limits, Refused
from bert_tf.serving.work import Work


def measure(inputs):
    """A token a character, and as many masks as there are stars."""
    texts = inputs["text"]
    lengths = np.array(list(map(len, texts)))
    masks = np.array([text.count("*") for text in texts])
    choices = np.array([2 if "|" in text else 1 for text in texts])
    return Work(lengths, lengths, masks, choices)


class Calls:
    """A model that returns the length of a text, and remembers its batches."""

    def __init__(self, wait=0.0):
        self.batches, self.wait = [], wait

    def __call__(self, inputs):
        time.sleep(self.wait)
        self.batches.append(inputs["text"])
        return {"length": np.array(list(map(len, inputs["text"])))}


def compute(calls, *requests, limits=None, gather=True):
    """Returns the outputs of requests that are sent at the same time."""

    async def run():
        gatherer = Gatherer(calls, measure, limits or Limits(), gather=gather)
        task = asyncio.create_task(gatherer.run())
        results = await asyncio.gather(
            *(gatherer.compute({"text": texts}) for texts in requests),
            return_exceptions=True,
        )
        task.cancel()
        assert (gatherer.count, gatherer.characters) == (0, 0)
        return results

    return asyncio.run(run())


def test_each_record_gets_its_own_output_in_order():
    calls = Calls()
    rng = np.random.default_rng(1)
    requests = [["a" * n for n in rng.integers(1, 3_000, 20)] for _ in range(7)]
    results = compute(calls, *requests)
    assert results == [{"length": list(map(len, texts))} for texts in requests]
    for batch in calls.batches:
        assert sum(map(len, batch)) <= gathering.BATCH_TOKENS
        assert max(map(len, batch)) * len(batch) <= gathering.BATCH_CHARACTERS


def test_the_longest_text_is_not_in_a_batch_with_short_ones():
    calls = Calls()
    compute(calls, ["a"] * 999 + ["a" * 80_000])
    assert [len(batch) for batch in calls.batches] == [256, 256, 256, 231, 1]


def test_masks_of_a_batch_are_bounded():
    calls = Calls()
    compute(calls, ["*" * 510] * 20)
    assert [len(batch) for batch in calls.batches] == [2] * 10


def test_records_with_different_choices_are_not_in_one_batch():
    calls = Calls()
    compute(calls, ["a"], ["b|"], ["c"], ["d|"])
    for batch in calls.batches:
        assert len({"|" in text for text in batch}) == 1


def test_a_small_request_waits_for_one_batch_of_a_large_one():
    calls = Calls(wait=0.02)
    compute(calls, ["a" * 8_000] * 20, ["b"], ["c"])
    number = next(n for n, batch in enumerate(calls.batches) if "b" in batch)
    assert number <= 2
    assert "c" in calls.batches[number]


def test_requests_alone():
    calls = Calls()
    compute(calls, ["a"], ["b"], ["c"], gather=False)
    assert calls.batches == [["a"], ["b"], ["c"]]


def test_a_request_that_takes_too_long():
    limits = Limits(request_timeout=0.3)
    calls = Calls(wait=0.1)
    slow, fast = compute(calls, ["a" * 8_000] * 1_000, ["b"], limits=limits)
    assert isinstance(slow, Refused)
    assert slow.status == 504
    assert "request_timeout is 0.3 seconds" in slow.reason
    assert fast == {"length": [1]}
    assert len(calls.batches) < 10  # The rest of it is not computed.


def test_too_many_characters_wait():
    results = compute(Calls(), *[["a" * 2**20]] * 20)
    refused = [x for x in results if isinstance(x, Refused)]
    assert len(refused) == 4
    assert {x.status for x in refused} == {429}


def test_too_many_requests_wait():
    results = compute(Calls(), *[["a"]] * (gathering.MAX_REQUESTS + 3))
    assert sum(isinstance(x, Refused) for x in results) == 3


def test_an_error_of_the_model_is_of_its_batch_only():
    def fail(inputs):
        if "bad" in inputs["text"]:
            raise RuntimeError("no memory")
        return {"length": np.ones(len(inputs["text"]))}

    bad, good = compute(fail, ["bad"], ["good"], gather=False)
    assert isinstance(bad, RuntimeError)
    assert good == {"length": [1.0]}


class TestJoin:
    def test_rows_are_padded_as_signatures_pad(self):
        rows = [
            {"start": np.array([3]), "type": np.array([b"x"], object)},
            {"start": np.array([1, 2]), "type": np.array([b"\xc3\xa9", b""], object)},
            {"start": np.zeros([0], int), "type": np.zeros([0], object)},
        ]
        assert join(rows, 100) == {
            "start": [[3, -1], [1, 2], [-1, -1]],
            "type": [["x", ""], ["é", ""], ["", ""]],
        }

    def test_scalars_and_floats(self):
        rows = [
            {"label": b"a", "x": np.ones([1, 2])},
            {"label": b"b", "x": np.ones([2, 1])},
        ]
        assert join(rows, 100) == {
            "label": ["a", "b"],
            "x": [[[1, 1], [0, 0]], [[1, 0], [1, 0]]],
        }

    def test_too_many_values(self):
        rows = [{"x": np.ones(1)}] * 99 + [{"x": np.ones(100)}]
        with pytest.raises(Refused, match="max_values is 9,999 numbers") as refused:
            join(rows, 9_999)
        assert refused.value.status == 413
        assert len(join(rows, 10_000)["x"][0]) == 100


def test_values_are_counted_while_they_come():
    def spread(inputs):
        return {"x": np.zeros([len(inputs["text"]), 1_000])}

    (result,) = compute(spread, ["a"] * 1_000, limits=Limits(max_values=500_000))
    assert isinstance(result, Refused)
    assert result.status == 413


@pytest.fixture
def start():
    """Function(call, {limit: value}) → a server of a model that is a function."""
    servers = []

    def start(call, **limits):
        served = types.SimpleNamespace(
            fields=["text"], outputs=["length"], call=call, measure=measure
        )
        app = server.make_app("model", served, Limits(**limits))
        servers.append(Running(app, Limits(**limits)))
        return servers[-1]

    yield start
    for running in servers:
        running.stop()


def test_status_of_a_request_that_takes_too_long(start):
    calls = Calls(wait=0.1)
    running = start(calls, request_timeout=2.0)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(running.post, {"instances": ["a" * 9_000] * 100})
        time.sleep(0.1)
        fast = pool.submit(running.post, {"instances": ["b"]})
        assert fast.result() == (200, {"predictions": [{"length": 1}]})
        status, body = slow.result()
    assert status == 504
    assert body["error"].startswith("request_timeout is 2 seconds; the request took")


def test_a_request_whose_client_has_gone_is_not_computed(start):
    calls = Calls(wait=0.1)
    running = start(calls)
    body = b'{"instances": [%s]}' % b", ".join([b'"%s"' % (b"a" * 9_000)] * 50)

    with running.connect() as connection:
        connection.sendall(request(body))
        time.sleep(0.5)
    time.sleep(0.5)
    computed = len(calls.batches)
    time.sleep(0.5)
    assert 0 < computed < 50
    assert len(calls.batches) <= computed + 1


def test_failures_are_one_line_each(start, caplog):
    """A model that fails, and one whose predictions are no numbers."""

    def fail(inputs):
        if inputs["text"] == ["nan"]:
            return {"length": np.array([np.nan])}
        raise MemoryError("no memory\nat all")

    running = start(fail)
    for text, reason in (
        ("a", "MemoryError: no memory"),
        ("nan", "ValueError: Out of"),
    ):
        status, body = running.post({"instances": [text]})
        assert status == 500
        assert body["error"].startswith(reason)
        assert "\n" not in body["error"]
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 2
    for record in errors:
        assert record.exc_info is None
        assert "\n" not in record.getMessage()


def test_a_client_that_does_not_read(start):
    """Its connection is closed, and the memory of its response is free."""

    def much(inputs):
        return {"length": np.zeros([len(inputs["text"]), 3_000_000])}

    running = start(much, connection_timeout=0.5)

    with running.connect() as connection:
        connection.sendall(request(b'{"instances": ["a"]}'))
        deadline = time.monotonic() + 20
        while not running.server.server_state.total_requests:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        while running.server.server_state.connections:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_too_many_requests_and_connections_at_once(start, monkeypatch):
    monkeypatch.setattr(guard, "MAX_REQUESTS", 2)
    monkeypatch.setattr(connections, "MOST", 4)
    running = start(Calls())
    body = request(b"", Content_Length="100")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running.connect()).sendall(body)
        time.sleep(0.3)
        assert running.post({"instances": ["a"]}) == (
            503,
            {"error": "the server is busy; try again later"},
        )
        for _ in range(2):
            stack.enter_context(running.connect()).sendall(b"POST")
        time.sleep(0.3)
        assert running.send(request(b"{}"))[0] == 0
    time.sleep(0.3)
    assert running.post({"instances": ["a"]})[0] == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1; received 0"),
        ({"request_timeout": 0.0}, "request_timeout must be > 0; received 0.0"),
        ({"connection_timeout": float("nan")}, "connection_timeout must be > 0"),
    ],
)
def test_bad_limits(changes, message):
    with pytest.raises(ValueError, match=message):
        Limits(**changes)
