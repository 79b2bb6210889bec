"""Figures for Prometheus: requests, seconds, records of batches, and the queue."""

import threading
import time
import types

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_server import Running

from bert_tf.serving import server
from bert_tf.serving.limits import Limits
from bert_tf.serving.work import Work


@pytest.fixture
def running():
    """A server of a model that returns lengths of texts, and waits for `running.go`."""
    go = threading.Event()

    def call(inputs):
        go.wait(20)
        return {"length": np.array(list(map(len, inputs["text"])))}

    def measure(inputs):
        ones = np.ones(len(inputs["text"]), int)
        return Work(ones, ones, ones, ones)

    served = types.SimpleNamespace(
        fields=["text"], outputs=["length"], call=call, measure=measure
    )
    app = server.make_app("model", served, Limits())
    running = Running(app, Limits())
    running.go = go
    yield running
    running.stop()


def read(running):
    """Returns {(name, label, …): value} of all samples."""
    status, body = running.get("/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_requests_by_path_and_status(running):
    running.go.set()
    path = "/v1/models/{name}:predict"
    for _ in range(3):
        assert running.post({"instances": ["a", "bb"]})[0] == 200
    assert running.post({"instances": 1})[0] == 400
    assert running.post({"instances": []}, "/v1/models/other:predict")[0] == 404
    for number in range(5):
        assert running.get(f"/nothing/{number}")[0] == 404
    figures = read(running)
    assert figures["bert_tf_requests_total", path, "200"] == 3
    assert figures["bert_tf_requests_total", path, "400"] == 1
    assert figures["bert_tf_requests_total", path, "404"] == 1
    # Paths that clients invent have one label together.
    assert figures["bert_tf_requests_total", "other", "404"] == 5
    assert figures["bert_tf_request_seconds_count", path] == 5
    assert 0 < figures["bert_tf_request_seconds_sum", path] < 20
    # Only what the model computes counts as a batch.
    assert figures["bert_tf_batch_records_count",] == 3
    assert figures["bert_tf_batch_records_sum",] == 6
    assert read(running)["bert_tf_requests_total", "/metrics", "200"] == 1


def test_the_queue(running):
    assert read(running)["bert_tf_unfinished_requests",] == 0
    body = {"instances": ["a"]}
    threads = [threading.Thread(target=running.post, args=[body]) for _ in range(3)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while read(running)["bert_tf_unfinished_requests",] != 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.go.set()
    for thread in threads:
        thread.join()
    assert read(running)["bert_tf_unfinished_requests",] == 0
