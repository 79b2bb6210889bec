"""What TF_CONFIG says, and what is said when it, or a worker, is not as it should be.

Workers in processes of their own are in tests/run/workers_test.py.
"""

import json
import types

import pytest
import tensorflow as tf

from bert_tf.training import journal, workers
from bert_tf.training.distribution import make_strategy

ADDRESSES = ["10.0.0.1:2222", "10.0.0.2:2222", "10.0.0.3:2222"]
# Of the kind TensorFlow raises; tests/run/workers_test.py meets the real ones.
LOST = (
    "Collective ops is aborted by: failed to connect to all addresses; last error: "
    "UNKNOWN: ipv4:10.0.0.2:2222: Connection refused\nAdditional GRPC error information "
    "from remote target /job:worker/replica:0/task:1 while calling /tensorflow.Worker\n"
    "The error could be from a previous operation."
)


@pytest.fixture
def tf_config(monkeypatch):
    """Function(jobs, type and index of this one) that sets TF_CONFIG."""

    def set_it(cluster, kind="worker", index=0):
        config = {"cluster": cluster, "task": {"type": kind, "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))

    monkeypatch.delenv("TF_CONFIG", raising=False)
    return set_it


def test_workers_are_numbered_after_a_chief(tf_config):
    tf_config({"worker": ADDRESSES}, index=2)
    assert workers.read_cluster() == (ADDRESSES, 2, 0)
    jobs = {"worker": ADDRESSES[1:], "chief": ADDRESSES[:1]}
    tf_config(jobs, index=1)
    assert workers.read_cluster() == (ADDRESSES, 2, 1)
    tf_config(jobs, "chief")
    assert workers.read_cluster() == (ADDRESSES, 0, 1)


@pytest.mark.usefixtures("tf_config")
def test_no_tf_config():
    assert workers.read_cluster() == ([], 0, 0)
    with pytest.raises(ValueError, match="TF_CONFIG is not set; write.*10.0.0.2") as e:
        make_strategy("multi_worker")
    assert "\n" not in str(e.value)
    assert make_strategy("auto").num_replicas_in_sync == 1


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1:2222",
        '{"cluster": {"worker": ["10.0.0.1:2222"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_tf_config_that_says_nothing(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="must be JSON that names all.*received") as e:
        make_strategy("auto")
    assert text in str(e.value) and "\n" not in str(e.value)


def test_one_worker_that_auto_finds_is_one_device(tf_config):
    tf_config({"worker": ADDRESSES[:1]})
    strategy = make_strategy("auto")
    assert workers.Workers(strategy).count == 1


def fail(message, output_dir):
    with workers.watched(output_dir):
        raise tf.errors.UnavailableError(None, None, message)


def test_a_lost_worker_is_named_in_one_line(tf_config, tmp_path):
    tf_config({"worker": ADDRESSES})
    with pytest.raises(ConnectionError) as raised:
        fail(LOST, tmp_path)
    assert str(raised.value) == (
        "worker 1 (10.0.0.2:2222) is gone; start all workers again with the same "
        "command: they go on from the beginning."
    )
    # The list of all that are missing says it before who was spoken to last.
    missing = "unhealthy nodes: /job:worker/replica:0/task:2 no heartbeat\n" + LOST
    state = tf.train.Checkpoint(step=tf.Variable(1))
    manager = tf.train.CheckpointManager(state, tmp_path / "checkpoints", 2)
    manager.save(checkpoint_number=31)
    with pytest.raises(ConnectionError, match=r"worker 2 \(10.0.0.3.* from step 31\."):
        fail(missing, tmp_path)


def test_other_errors_are_nobodys_loss(tf_config, tmp_path):
    tf_config({"worker": ADDRESSES})
    with pytest.raises(tf.errors.UnavailableError):
        fail("the disk is full", tmp_path)
    tf_config({"worker": ADDRESSES[:1]})
    with pytest.raises(tf.errors.UnavailableError):
        fail(LOST, tmp_path)


def test_one_worker_speaks_to_itself(tmp_path):
    alone = workers.Workers(make_strategy("one_device"))
    assert (alone.count, alone.number, alone.chief) == (1, 0, True)
    assert alone.gather(0.1) == [0.1]
    assert alone.now() <= alone.now()
    alone.agree(3, tmp_path)
    stop, received = workers.StopFlag(alone), []
    assert stop.exchange(received, {}) == []
    received.append("SIGTERM")
    assert stop.exchange(received, {}) == ["SIGTERM"]


def test_workers_must_begin_at_one_step(monkeypatch, tmp_path):
    alone = workers.Workers(make_strategy("one_device"))
    monkeypatch.setattr(alone, "gather", lambda step: [step, 0.0])
    alone.agree(0, tmp_path)
    with pytest.raises(ValueError, match="at steps 3, 0, by what.*one folder"):
        alone.agree(3, tmp_path)


def test_a_signal_is_heeded_an_update_later_by_all():
    two = types.SimpleNamespace(count=2)
    first, second = workers.StopFlag(two), workers.StopFlag(two)

    def update(signals):
        total = first.variable + second.variable
        sent = [{"stop": total, "loss": 1.0} for _ in range(2)]
        heard = [
            flag.exchange(received, metrics)
            for flag, received, metrics in zip((first, second), signals, sent)
        ]
        assert sent == [{"loss": 1.0}] * 2
        return heard

    assert update([[], []]) == [[], []]
    # Too late for this update's sum; the next has it, and is looked at one later.
    assert update([[], ["SIGTERM"]]) == [[], []]
    assert update([[], ["SIGTERM"]]) == [[], []]
    assert update([[], ["SIGTERM"]]) == [["a signal to another worker"], ["SIGTERM"]]


def test_workers_that_do_not_write_compare_flags(tmp_path, monkeypatch):
    first, second = (
        types.SimpleNamespace(chief=not number, number=number, gather=lambda _: [])
        for number in range(2)
    )
    monkeypatch.setattr(journal, "_SHOWS_WITHIN", 0)
    with pytest.raises(ValueError, match="worker 1 does not find .*flags.txt"):
        journal.begin(tmp_path / "model", {"seed": 1}, second)
    journal.begin(tmp_path / "model", {"seed": 1}, first)
    journal.begin(tmp_path / "model", {"seed": 1}, second)
    with pytest.raises(ValueError, match="seed was '1', is '2'"):
        journal.begin(tmp_path / "model", {"seed": 2}, second)


def test_only_one_that_writes_keeps_a_journal(tmp_path):
    log = journal.Log(tmp_path, 0, writes=False)
    log.write(1, {"loss": 0.5})
    log.board.close()
    assert log.lines == [{"step": 1, "loss": 0.5}]
    assert list(tmp_path.iterdir()) == []
