import dataclasses
import pathlib
import socket
import subprocess

import pytest

from bert_tf.ground import (
    count,
    did_you_mean,
    quote,
    quote_all,
    reason,
    require,
    write_text,
)


@dataclasses.dataclass
class Config:
    output_dir: object = "out"
    tfds_data_dir: str = ""
    text_column: str = ""


@pytest.mark.parametrize(
    "path", ["gs://bucket/out", "s3://bucket", pathlib.Path("gs://bucket")]
)
def test_paths_of_other_machines_are_refused(path):
    with pytest.raises(ValueError, match="output_dir is '.*only files of this machine"):
        require(Config(output_dir=path))


def test_paths_with_line_breaks_are_refused():
    for path in ("a\nb", "a\0b"):
        with pytest.raises(ValueError, match="line break or a control") as caught:
            require(Config(output_dir=path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"output_dir": "run[1]/ü 体育"},
        {"output_dir": "C:/x"},
        {"tfds_data_dir": "gs://bucket"},  # TensorFlow Datasets reads it itself.
        {"text_column": "a\nb"},
    ],
)
def test_other_paths_are_not(changes):
    require(Config(**changes), "output_dir")


def test_a_file_of_a_killed_process_is_removed_by_the_next(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    for owner in (f"{host}.{dead.pid}", f"{host}.1", f"elsewhere.{dead.pid}"):
        (tmp_path / f".a.txt.{owner}.part").touch()
    write_text(tmp_path / "a.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.txt",
        f".a.txt.{host}.1.part",
        f".a.txt.elsewhere.{dead.pid}.part",
    }


def test_long_values_are_cut_and_stay_on_one_line():
    assert quote("a\nb") == r"'a\nb'"
    assert quote("abcdef", 4) == "'abc…'"


def test_long_lists_are_counted():
    assert quote_all("abc", most=3) == "'a', 'b', 'c'"
    assert quote_all("abc", most=2) == "'a', 'b', … (3 in all)"
    assert quote_all([]) == "none"


def test_one_is_not_a_plural():
    assert [count(n, "row") for n in (0, 1, 67_349)] == [
        "0 rows",
        "1 row",
        "67,349 rows",
    ]


def test_close_names_are_proposed():
    assert did_you_mean("trian", ["dev", "train"], "No.") == "Did you mean 'train'?"
    assert did_you_mean("trian", ["dev"], "No.") == "No."


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no header:\n  not here.\n\nStack:"), "no header: not here"),
        (OSError(""), "OSError"),
        (ValueError(" x" * 200), "x" + " x" * 99),
    ],
)
def test_the_reason_of_an_error_is_one_line(error, says):
    assert reason(error) == says
