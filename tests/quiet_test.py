"""TensorFlow starts quietly, however it comes to be imported."""

import os
import subprocess
import sys

import pytest

from bert_tf import quiet


def test_hides_what_is_printed_from_c(capfd):
    with quiet.hidden():
        os.write(2, b"oneDNN is on\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_shows_it_if_the_import_fails(capfd):
    with pytest.raises(ImportError), quiet.hidden():
        os.write(2, b"no such library\n")
        raise ImportError
    assert capfd.readouterr().err == "no such library\n"


def test_an_interruption_is_no_failure(capfd):
    with pytest.raises(KeyboardInterrupt), quiet.hidden():
        os.write(2, b"oneDNN is on\n")
        raise KeyboardInterrupt
    assert capfd.readouterr().err == ""


def test_standard_error_may_be_replaced_or_missing(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stderr", None)
    with quiet.hidden():
        os.write(2, b"oneDNN is on\n")
    assert capfd.readouterr().err == ""


def run(program, **environment):
    """Returns what a Python process prints on standard error."""
    hidden = ("TF_CPP_", "TF_ENABLE_ONEDNN")
    env = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


COMPUTE = "; import tensorflow as tf; tf.constant(1.0) + 1"


def test_from_python():
    program = (
        "from bert_tf.checkpoints import folder; import bert_tf; bert_tf.BertBackbone"
    )
    assert run(program + COMPUTE) == ""


@pytest.mark.slow  # A process that imports TensorFlow.
def test_a_log_level_of_the_user_shows_it():
    program = "import bert_tf.layers.attention" + COMPUTE
    assert "oneDNN" in run(program, TF_CPP_MIN_LOG_LEVEL="0")


def test_closed_standard_error():
    program = (
        "import os, sys; os.close(2); "
        "import bert_tf.layers.attention; sys.stdout.write('alive')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True
    )
    assert done.stdout == b"alive"


def test_a_missing_library_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'libcuda: no such file')\nraise ImportError('broken')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import bert_tf, tensorflow"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "libcuda: no such file" in done.stderr
    assert "ImportError: broken" in done.stderr
