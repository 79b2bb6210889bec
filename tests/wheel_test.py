"""The wheel holds all that the commands need, outside of a checkout."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
pytestmark = pytest.mark.slow  # Builds and installs the package.


def run(*command, **environment):
    done = subprocess.run(
        command,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, as pip installs it, and an empty folder to be in."""
    home = tmp_path_factory.mktemp("wheel")
    source = home / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "bert_tf",
        source / "bert_tf",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    run(*pip, "--no-build-isolation", f"--target={home / 'site'}", source)
    with pytest.MonkeyPatch.context() as patch:
        (home / "empty").mkdir()
        patch.chdir(home / "empty")
        yield home / "site"


def test_the_command_runs(installed):
    command = installed / "bin" / "bert-tf"
    shown = run(command, "quickstart", "--help", PYTHONPATH=str(installed))
    assert shown.splitlines()[2] == "bert-tf quickstart"


def test_files_beside_the_modules_are_there(installed):
    program = (
        "from bert_tf.commands import quickstart; "
        "print(len(quickstart.read_messages('train.csv')[0]), quickstart.__file__)"
    )
    count, path = run(sys.executable, "-c", program, PYTHONPATH=str(installed)).split()
    assert count == "420"
    assert pathlib.Path(path).is_relative_to(installed)
    assert (installed / "bert_tf/data/records/swaps.txt").is_file()
    assert (installed / "bert_tf/serving/page.html").is_file()
    assert (installed / "bert_tf/serving/deploy/compose.yaml").is_file()
