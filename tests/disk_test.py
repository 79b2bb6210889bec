"""Failed writes in one line, and paths that TensorFlow would take for patterns."""

import errno
import os
import pathlib

import pytest
import tensorflow as tf

from bert_tf.disk import WriteError, literal, lives, remove, writing


def raise_in(path, error, **options):
    with writing(path, **options):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"),
        # safetensors has an exception of its own.
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
    ids=["python", "tensorflow", "others"],
)
def test_a_full_disk(tmp_path, error):
    with pytest.raises(WriteError) as caught:
        raise_in(tmp_path / "model", error, size=12_345_678)
    words = str(caught.value)
    assert words.startswith(f"cannot write {tmp_path}/model: No space left on device; ")
    assert " MB are free, 12.3 MB are needed. Free space, or" in words
    assert "\n" not in words


def test_a_limit_of_the_size_of_files(tmp_path):
    with pytest.raises(WriteError, match="File too large; .*limit .*ulimit -f"):
        raise_in(tmp_path / "model", OSError(errno.EFBIG, "File too large"))


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "out"
    says = "file/out: Not a directory. Choose a folder"
    with pytest.raises(WriteError, match=says), writing(path):
        path.mkdir()


def test_other_errors_stay_what_they_are(tmp_path):
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "/no/input")
    for error in (missing, ValueError("a bad value"), WriteError("said already")):
        with pytest.raises(type(error)) as caught:
            raise_in(tmp_path / "model", error)
        assert caught.value is error


@pytest.mark.parametrize("name", ["run[1]", "a*b", "a?b", "a\\b", "plain"])
def test_tensorflow_reads_what_it_wrote(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    # What the name would match as a pattern.
    for other in ("run1", "aXb", "ab"):
        (tmp_path / other).mkdir()
        tf.train.Checkpoint(v=tf.Variable(7.0)).write(str(tmp_path / other / "best"))
    tf.train.Checkpoint(v=tf.Variable(3.0)).write(str(folder / "best"))
    variable = tf.Variable(0.0)
    with literal(folder) as path:
        tf.train.Checkpoint(v=variable).read(str(path / "best")).assert_consumed()
    assert variable.numpy() == 3.0
    assert (path == folder) == (name == "plain")


def test_files_and_folders_are_removed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    for name in ("link", "folder", "missing"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert list(pathlib.Path(tmp_path, "kept").iterdir())


def test_processes_that_live():
    assert lives(os.getpid())
    assert lives(10**30)  # Not a number of a process: nothing is known.
    assert not lives(2**22 + 1)  # Linux numbers processes up to 2**22.
