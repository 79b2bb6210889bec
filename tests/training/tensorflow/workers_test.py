"""Workers: how TF_CONFIG is read, and the error when a worker is lost.

Workers that train are in tests/run/workers_test.py.
"""

import json
import os
import socket
import subprocess
import sys

import pytest
import tensorflow as tf
from processes import ROOT

from bert_tf.training.cluster import Cluster
from bert_tf.training.tensorflow import workers
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.workers import StopFlag, Workers


def cluster(kind, index, **jobs):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


class TestCluster:
    def test_workers_are_numbered_in_order(self, monkeypatch):
        monkeypatch.setenv("TF_CONFIG", cluster("worker", 1, worker=["a:1", "b:2"]))
        assert workers.read_cluster() == Cluster(["a:1", "b:2"], 1, 0)

    def test_a_chief_is_the_first(self, monkeypatch):
        jobs = {"chief": ["c:3"], "worker": ["a:1", "b:2"]}
        monkeypatch.setenv("TF_CONFIG", cluster("worker", 1, **jobs))
        assert workers.read_cluster() == Cluster(["c:3", "a:1", "b:2"], 2, 1)
        monkeypatch.setenv("TF_CONFIG", cluster("chief", 0, **jobs))
        assert workers.read_cluster().number == 0

    @pytest.mark.parametrize(
        "text",
        [
            "worker0",
            "{}",
            "[]",
            cluster("worker", 2, worker=["a:1", "b:2"]),
            cluster("evaluator", 0, worker=["a:1"], evaluator=["b:2"]),
        ],
    )
    def test_a_malformed_text_is_an_error(self, monkeypatch, text):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(
            ValueError, match="TF_CONFIG must be JSON .*TF_CONFIG='{"
        ) as error:
            make_strategy("auto")
        assert text in str(error.value)
        assert "\n" not in str(error.value)

    def test_without_it_the_error_shows_an_example(self, monkeypatch):
        monkeypatch.delenv("TF_CONFIG", raising=False)
        with pytest.raises(ValueError, match="TF_CONFIG is not set; write") as error:
            make_strategy("multi_worker")
        example = str(error.value).split("'")[1]
        monkeypatch.setenv("TF_CONFIG", example)
        assert len(workers.read_cluster().addresses) == 2

    def test_too_late_is_an_error(self, monkeypatch):
        tf.constant(1.0)
        monkeypatch.setenv(
            "TF_CONFIG", cluster("worker", 0, worker=["127.0.0.1:1", "b:2"])
        )
        with pytest.raises(ValueError, match="first thing that TensorFlow does"):
            make_strategy("auto")


class TestLost:
    """Errors of TensorFlow 2.21 in this worker after another was killed."""

    HEARTBEAT = (
        "Collective ops is aborted by: Error reported from /job:worker/task:1: The "
        "following tasks are unhealthy (stopped sending heartbeats):\n"
        "/job:worker/replica:0/task:1\nThe tasks have crashed."
    )
    CONNECTION = (
        "Collective ops is aborted by: recvmsg:Connection reset by peer\nAdditional "
        "GRPC error information from remote target /job:chief/replica:0/task:0 while"
    )

    @pytest.mark.parametrize(
        ("kind", "index", "text", "lost"),
        [("chief", 0, HEARTBEAT, "2 (b:2)"), ("worker", 0, CONNECTION, "0 (c:3)")],
    )
    def test_is_an_error_of_one_line(
        self, monkeypatch, tmp_path, kind, index, text, lost
    ):
        jobs = {"chief": ["c:3"], "worker": ["a:1", "b:2"]}
        monkeypatch.setenv("TF_CONFIG", cluster(kind, index, **jobs))
        with pytest.raises(ConnectionError) as error, workers.watched(tmp_path):
            raise tf.errors.UnavailableError(None, None, text)
        assert str(error.value) == (
            f"worker {lost} is gone; start all workers again with the same command: they "
            "go on from the beginning."
        )

    def test_other_errors_pass(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TF_CONFIG", cluster("worker", 0, worker=["a:1", "b:2"]))
        with pytest.raises(tf.errors.InvalidArgumentError), workers.watched(tmp_path):
            raise tf.errors.InvalidArgumentError(None, None, "shapes")
        monkeypatch.delenv("TF_CONFIG")
        with pytest.raises(tf.errors.UnavailableError), workers.watched(tmp_path):
            raise tf.errors.UnavailableError(None, None, self.HEARTBEAT)


class FakeWorkers:
    """The second of two workers; the first is at step 3."""

    count, number, chief = 2, 1, False
    agree = Workers.agree

    def gather(self, value):
        return [3.0, float(value)]


def test_a_single_worker_gathers_its_own_value():
    alone = Workers(make_strategy("mirrored"))
    assert (alone.count, alone.number, alone.chief) == (1, 0, True)
    assert alone.gather(0.1) == [0.1]


def test_all_start_at_the_same_step(tmp_path):
    FakeWorkers().agree(3, tmp_path)
    with pytest.raises(ValueError, match="steps 3, 0, .* one folder that all"):
        FakeWorkers().agree(0, tmp_path)


class TestStopFlag:
    def test_one_worker_stops_at_once(self):
        flag = StopFlag(Workers(make_strategy("one_device")))
        assert flag.variable is None
        assert flag.exchange(["SIGTERM"], {"loss": 1.0}) == ["SIGTERM"]

    def test_several_stop_an_update_after_the_flag_was_sent(self):
        flag = StopFlag(FakeWorkers())
        assert flag.exchange([], {"stop": 0.0}) == []
        assert flag.exchange(["SIGTERM"], {"stop": 0.0}) == []
        assert flag.variable.numpy() == 1.0  # The next update sends it.
        metrics = {"stop": 1.0, "loss": 2.0}
        assert flag.exchange(["SIGTERM"], metrics) == []
        assert metrics == {"loss": 2.0}
        assert flag.exchange(["SIGTERM"], {"stop": 1.0}) == ["SIGTERM"]

    def test_the_others_stop_as_well(self):
        flag = StopFlag(FakeWorkers())
        assert flag.exchange([], {"stop": 1.0}) == []
        assert flag.exchange([], {"stop": 1.0}) == ["a signal to another worker"]
        assert flag.variable.numpy() == 0.0


def two_configs():
    """TF_CONFIG of each of two workers, on free ports."""
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{x.getsockname()[1]}" for x in (first, second)]
    return [cluster("worker", number, worker=addresses) for number in range(2)]


def end(running, status=0):
    """Returns standard output and standard error of each process."""
    written = [process.communicate(timeout=300) for process in running]
    for process, (_, stderr) in zip(running, written):
        assert process.returncode == status, stderr
    return written


MEETING = """
import json
import tensorflow as tf
from bert_tf.training.tensorflow.distribution import make_strategy, replica_rows
from bert_tf.training.tensorflow.workers import Workers

strategy = make_strategy("auto")
workers = Workers(strategy)
rows = replica_rows(strategy, lambda share: tf.data.Dataset.range(10).shard(*share))
local = strategy.experimental_local_results
print(json.dumps({
    "number": workers.number,
    "replicas": strategy.num_replicas_in_sync,
    "numbers": workers.gather(0.1 + workers.number),
    "again": workers.gather(float("nan") if workers.chief else 2.0)[1],
    "rows": [int(local(next(rows))[0]) for _ in range(3)],
}))
try:
    workers.agree(workers.number, "folder")
except ValueError as error:
    print(error)
"""


def test_two_meet():
    two = [
        subprocess.Popen(
            [sys.executable, "-c", MEETING],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CONFIG": config},
        )
        for config in two_configs()
    ]
    for number, (stdout, _) in enumerate(end(two)):
        values, error = stdout.splitlines()
        assert json.loads(values) == {
            "number": number,
            "replicas": 2,
            "numbers": [0.1, 1.1],
            "again": 2.0,
            "rows": [number, 2 + number, 4 + number],
        }
        assert (
            "the workers start at steps 0, 1, by the checkpoints that they see in folder"
            in error
        )
