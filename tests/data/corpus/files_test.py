"""Globs find each file of a corpus once, and refuse what is no file."""

import os
import socket

import pytest

from bert_tf.data.corpus.files import find_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.txt", ".hidden/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def test_files_are_sorted_and_unique(folder):
    files = find_files(f"{folder}/*.txt, {folder}/**/c.txt,{folder}/a.txt")
    assert files == [f"{folder}/{name}" for name in ("a.txt", "b.txt", "sub/c.txt")]


@pytest.mark.parametrize(
    ("globs", "files"),
    [
        ("**/*.txt", ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("**", ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt"]),
        ("sub/**", ["sub/c.txt", "sub/deep/d.txt"]),
        ("s*/**/d.txt", ["sub/deep/d.txt"]),
        ("**/deep/**/*.txt", ["sub/deep/d.txt"]),
        ("*", ["a.txt", "b.txt"]),
        (".hidden/*", [".hidden/e.txt"]),
    ],
)
def test_globs(folder, globs, files):
    assert find_files(globs) == files


def test_links_in_a_circle_are_followed_once(folder):
    for number in range(3):  # Without the check, 3**40 paths.
        (folder / "sub" / f"up{number}").symlink_to("..")
    (folder / "again.txt").symlink_to("a.txt")
    files = find_files("**/*.txt")
    assert [os.path.basename(file) for file in files] == [
        "a.txt",
        "b.txt",
        "c.txt",
        "d.txt",
    ]


def test_a_path_with_brackets_is_taken_as_it_stands(folder):
    (folder / "run[1].txt").write_text("x")
    (folder / "run1.txt").write_text("x")
    assert find_files("run[1].txt") == ["run[1].txt"]
    assert find_files("run[12].txt") == ["run1.txt"]


def test_a_glob_that_matches_nothing_is_named(folder):
    with pytest.raises(FileNotFoundError, match=r"x\*: no such file"):
        find_files(f"{folder}/a*,{folder}/x*")
    (folder / "dangling").symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match="there is no file dangling"):
        find_files("dangling")


def test_what_is_no_file_is_refused(folder, monkeypatch):
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
    for name in ("pipe", "p*", "socket", "/dev/zero", "/dev/zer*"):
        with pytest.raises(OSError, match="is a device, a pipe or a socket, but must"):
            find_files(name)
    with pytest.raises(IsADirectoryError, match=r"sub is a folder; .* such as sub/\*"):
        find_files("a.txt, sub")
