"""One process at a time writes in the folder of a run, and only what a run writes goes."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from processes import ROOT

from bert_tf.disk import WriteError
from bert_tf.training import run_folder

HOLD = """
import pathlib, sys, time
from bert_tf.training import run_folder
with run_folder.locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "out"


@pytest.fixture
def holder(folder):
    """A process that has the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def enter(folder):
    with run_folder.locked(folder):
        pytest.fail("two processes have one folder")


def test_a_second_process_is_refused(folder, holder):
    with pytest.raises(BlockingIOError) as caught, run_folder.locked(folder):
        pytest.fail("two processes have one folder")
    owner = f"process {holder.pid} on {socket.gethostname()} since 20"
    assert str(caught.value).startswith(f"{folder} is in use by {owner}")
    assert json.loads((folder / run_folder.LOCK).read_text())["pid"] == holder.pid


def test_a_lock_without_words_is_still_a_lock(folder, holder):
    (folder / run_folder.LOCK).write_text("")
    with pytest.raises(BlockingIOError, match="in use by another process; wait"):
        enter(folder)


def test_a_killed_process_leaves_no_lock(folder, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (folder / run_folder.LOCK).exists()
    with run_folder.locked(folder):
        owner = json.loads((folder / run_folder.LOCK).read_text())
        assert owner["pid"] == os.getpid()
        (folder / "flags.txt").touch()
    assert os.listdir(folder) == ["flags.txt"]


def test_the_same_process_is_refused_too(folder):
    with run_folder.locked(folder):
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()} "):
            enter(folder)
        # The lock that was refused takes nothing away from the other.
        with pytest.raises(BlockingIOError), run_folder.locked(folder):
            pytest.fail("the folder has two runs")


def test_an_empty_folder_goes_after_bad_input(tmp_path, folder):
    with pytest.raises(ValueError, match="bad input"), run_folder.locked(folder):
        raise ValueError("bad input")
    assert not list(tmp_path.iterdir())
    tmp_path.joinpath("mine").mkdir()
    with run_folder.locked(tmp_path / "mine"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot write .*file/out: Not a directory"):
        enter(tmp_path / "file" / "out")


def test_what_a_killed_run_left_unfinished_is_removed(folder):
    folder.mkdir(parents=True)
    for name in (".README.md.host.1.part", ".model.safetensors.7.part", ".a.1.part"):
        (folder / name).touch()
    (folder / ".checkpoints.7.part").mkdir()
    with run_folder.locked(folder):
        assert {*os.listdir(folder)} == {run_folder.LOCK, ".a.1.part"}


def test_only_files_of_a_run_are_cleared(folder):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "ckpt-3.json").touch()
    for name in ("flags.txt", "metrics.json", "model.safetensors", "notes.txt"):
        (folder / name).touch()
    (folder / "data").mkdir()
    run_folder.clear(folder)
    assert {*os.listdir(folder)} == {"notes.txt", "data"}


@pytest.mark.parametrize("number", range(len(run_folder.FILES)))
def test_a_folder_that_is_half_cleared_is_not_finished(folder, monkeypatch, number):
    folder.mkdir(parents=True)
    for name in run_folder.FILES:
        (folder / name).touch()
    names = (*run_folder.FILES[:number], None)  # A process that is killed here.
    monkeypatch.setattr(run_folder, "FILES", names)
    with pytest.raises(TypeError):
        run_folder.clear(folder)
    # It is whole, or it is a run that has not finished.
    assert (folder / "flags.txt").exists()
    assert (folder / "metrics.json").exists() == (number == 0)


def test_a_run_that_the_disk_cannot_hold(folder):
    folder.mkdir(parents=True)
    run_folder.check_space(folder, 10**6, 10**6)
    with pytest.raises(WriteError, match="needs 1,000,000,000,000.0 MB .*MB are free"):
        run_folder.check_space(folder, 10**18, 10**6)


def test_a_checkpoint_beyond_the_limit_of_files(folder, monkeypatch):
    monkeypatch.setattr(run_folder.resource, "getrlimit", lambda _: (5000, -1))
    with pytest.raises(WriteError, match="takes 1.0 MB, but files may have 0.0 MB"):
        run_folder.check_space(folder, 10**6, 10**6)


def test_steps_are_those_with_numbers(folder):
    checkpoints = folder / "checkpoints"
    assert run_folder.last_step(folder) is None
    checkpoints.mkdir(parents=True)
    for name in (
        "ckpt-9.json",
        "ckpt-10.json",
        "ckpt-11.index",
        ".ckpt-12.json.1.part",
    ):
        (checkpoints / name).touch()
    assert run_folder.saved_steps(checkpoints) == [9, 10]
    assert run_folder.last_step(folder) == 10


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ('{"step": 9, "best_score": 0.5}', None),
        ('{"step": 9, "best_step": "3"}', "something else than numbers"),
        ('{"step": 9, "best_score": true}', "something else than numbers"),
        ('{"step": 8}', "not hold the numbers of step 9"),
        ("{", "is not JSON"),
    ],
)
def test_the_numbers_of_a_checkpoint_are_numbers(tmp_path, numbers, problem):
    (tmp_path / "ckpt-9.json").write_text(numbers)
    if problem:
        with pytest.raises(ValueError, match=problem):
            run_folder.read_numbers(tmp_path / "ckpt-9.json", 9)
    else:
        assert run_folder.read_numbers(tmp_path / "ckpt-9.json", 9)["best_score"] == 0.5
