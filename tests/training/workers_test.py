"""Workers: what TF_CONFIG says; two processes are one; one killed, all go on."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import processes
import pytest
import tensorflow as tf
import tiny_folder
from processes import ROOT, saved_step, wait_for_checkpoint, without_speed
from safetensors import numpy as np_file

from bert_tf.training import workers
from bert_tf.training.distribution import make_strategy
from bert_tf.training.workers import Cluster, StopFlag, Workers


def cluster(kind, index, **jobs):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


class TestCluster:
    def test_workers_by_their_number(self, monkeypatch):
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
    def test_what_says_nothing_is_an_error(self, monkeypatch, text):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(
            ValueError, match="TF_CONFIG must be JSON .*TF_CONFIG='{"
        ) as error:
            make_strategy("auto")
        assert text in str(error.value)
        assert "\n" not in str(error.value)

    def test_without_it_the_error_shows_one(self, monkeypatch):
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
    """What TensorFlow 2.21 said, in this worker, when another was killed."""

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
    def test_is_said_in_one_line(self, monkeypatch, tmp_path, kind, index, text, lost):
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
    """The second of two, beside one that stands at step 3."""

    count, number, chief = 2, 1, False
    agree = Workers.agree

    def gather(self, value):
        return [3.0, float(value)]


def test_one_worker_is_alone_with_itself():
    alone = Workers(make_strategy("mirrored"))
    assert (alone.count, alone.number, alone.chief) == (1, 0, True)
    assert alone.gather(0.1) == [0.1]


def test_all_begin_at_the_same_step(tmp_path):
    FakeWorkers().agree(3, tmp_path)
    with pytest.raises(ValueError, match="steps 3, 0, .* one folder that all"):
        FakeWorkers().agree(0, tmp_path)


class TestStopFlag:
    def test_one_worker_stops_at_once(self):
        flag = StopFlag(Workers(make_strategy("one_device")))
        assert flag.variable is None
        assert flag.exchange(["SIGTERM"], {"loss": 1.0}) == ["SIGTERM"]

    def test_several_stop_an_update_after_all_have_heard(self):
        flag = StopFlag(FakeWorkers())
        assert flag.exchange([], {"stop": 0.0}) == []
        assert flag.exchange(["SIGTERM"], {"stop": 0.0}) == []
        assert flag.variable.numpy() == 1.0  # Goes with the next update.
        metrics = {"stop": 1.0, "loss": 2.0}
        assert flag.exchange(["SIGTERM"], metrics) == []
        assert metrics == {"loss": 2.0}
        assert flag.exchange(["SIGTERM"], {"stop": 1.0}) == ["SIGTERM"]

    def test_the_others_stop_as_well(self):
        flag = StopFlag(FakeWorkers())
        assert flag.exchange([], {"stop": 1.0}) == []
        assert flag.exchange([], {"stop": 1.0}) == ["a signal to another worker"]
        assert flag.variable.numpy() == 0.0


@pytest.fixture
def files(tmp_path):
    """A tiny model folder that drops out, and a file of labelled texts."""
    tiny_folder.write(tmp_path / "start")
    path = tmp_path / "start" / "config.json"
    config = json.loads(path.read_text()) | {"hidden_dropout_prob": 0.2}
    path.write_text(json.dumps(config))
    random = np.random.default_rng(5)
    lines = ["text,label"]
    for number in range(41):
        words = random.choice(tiny_folder.VOCAB[8:], random.integers(1, 9))
        lines.append(f"{' '.join(words)},{'ab'[number % 2]}")
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def start(files, name, environment=None, **flags):
    flags = {
        "model": files / "start",
        "train_file": files / "data.csv",
        "eval_file": files / "data.csv",
        "output_dir": files / name,
        "per_device_train_batch_size": 3,
        "learning_rate": 1e-3,
        "max_steps": 12,
        "eval_strategy": "steps",
        "eval_steps": 5,
        "logging_steps": 1,
        "max_seq_length": 16,
    } | flags
    return processes.start("finetune", flags, environment)


def two_configs():
    """TF_CONFIG of each of two workers, on ports that are free."""
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):
            listener.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{x.getsockname()[1]}" for x in (one, other)]
    return [cluster("worker", number, worker=addresses) for number in range(2)]


def start_two(files, name, **flags):
    return [
        start(files, name, {"TF_CONFIG": config}, **flags) for config in two_configs()
    ]


def end(running, status=0):
    """Returns what they wrote to standard output and standard error."""
    written = [process.communicate(timeout=300) for process in running]
    for process, (_, stderr) in zip(running, written):
        assert process.returncode == status, stderr
    return written


def assert_same_run(path, expected):
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (path / name).read_bytes() == (expected / name).read_bytes(), name
    lines = without_speed(expected / "metrics.jsonl")
    assert without_speed(path / "metrics.jsonl") == lines
    assert len(lines) > 12


MEETING = """
import json
import tensorflow as tf
from bert_tf.training.distribution import make_strategy, replica_rows
from bert_tf.training.workers import Workers

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
        found, error = stdout.splitlines()
        assert json.loads(found) == {
            "number": number,
            "replicas": 2,
            "numbers": [0.1, 1.1],
            "again": 2.0,
            "rows": [number, 2 + number, 4 + number],
        }
        assert "the workers begin at steps 0, 1, by what they see in folder" in error


@pytest.mark.slow  # Three processes that train.
def test_two_are_one_with_twice_the_micro_batches(files):
    two = end(start_two(files, "two"))
    end([start(files, "one", gradient_accumulation_steps=2)])
    one, output_dir = files / "one", files / "two"
    received, expected = (
        np_file.load_file(path / "model.safetensors") for path in (output_dir, one)
    )
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(received[name], array, atol=1e-6, err_msg=name)
    lines = [without_speed(path / "metrics.jsonl") for path in (output_dir, one)]
    for line, other in zip(*lines, strict=True):
        for name in other.keys() - {"eval_per_class", "eval_confusion_matrix"}:
            assert line[name] == pytest.approx(other[name], rel=1e-5), name

    # One writes; both say the same.
    assert {path.name for path in output_dir.iterdir()} == tiny_folder.FINETUNED_FILES
    assert len(list((output_dir / "tensorboard").iterdir())) == 1
    said = [json.loads(stdout) for stdout, _ in two]
    assert said[0] == json.loads((output_dir / "metrics.json").read_text())
    assert said[0].pop("train_examples_per_second") > 0
    assert said[1].pop("train_examples_per_second") > 0
    assert said[0] == said[1]


@pytest.mark.slow  # Eight processes that train.
def test_killed_then_stopped_they_end_the_same(files):
    run = {"max_steps": 150, "eval_steps": 50, "save_steps": 4}
    end(start_two(files, "whole", **run))

    output_dir = files / "interrupted"
    chief, other = start_two(files, "interrupted", **run)
    wait_for_checkpoint([chief, other], output_dir)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    ((_, stderr),) = end([chief], status=1)
    last = stderr.splitlines()[-1]
    assert re.fullmatch(
        r"error: worker 1 \(127.0.0.1:\d+\) is gone; start all workers again with the "
        r"same command: they go on from step \d+\.",
        last,
    )
    assert "Traceback" not in stderr

    two = start_two(files, "interrupted", **run)
    begun = saved_step(output_dir)
    assert last.endswith(f"from step {begun}.")
    wait_for_checkpoint(two, output_dir, after=begun)
    two[1].send_signal(signal.SIGTERM)
    (_, of_chief), (_, of_other) = end(two, status=143)
    stopped_at = saved_step(output_dir)
    assert begun < stopped_at < 150
    assert f"a signal to another worker at step {stopped_at} of 150" in of_chief
    assert f"stopped by SIGTERM at step {stopped_at} of 150" in of_other

    end(start_two(files, "interrupted", **run))
    assert_same_run(output_dir, files / "whole")
    assert not (output_dir / "checkpoints").exists()
