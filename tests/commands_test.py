"""The commands as processes: quick, safe from planted modules, one line for each end."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import pytest

from bert_tf import commands
from bert_tf.commands import start

ROOT = pathlib.Path(__file__).parents[1]
SLOW_TO_IMPORT = ("tensorflow", "keras", "scipy", "sklearn", "matplotlib")

# Every command, in a process of its own: forked, since Python is there already.
EVERY_COMMAND = f"""
import io, json, os, sys
from bert_tf.commands import main, start

for verb in start.VERBS:
    for arguments in (["--help"], ["--helq"], ["--output_dir="]):
        if os.fork():
            os.wait()
            continue
        sys.argv = ["bert-tf", verb, *arguments]
        printed, sys.stdout, sys.stderr = sys.stdout, io.StringIO(), io.StringIO()
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
        slow = [name for name in {SLOW_TO_IMPORT} if name in sys.modules]
        texts = sys.stdout.getvalue(), sys.stderr.getvalue()
        print(json.dumps([verb, arguments[0], status, *texts, slow]), file=printed)
        printed.flush()
        os._exit(0)
"""


def python(*arguments):
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def ended():
    """{(verb, argument): (status, stdout, stderr, slow modules)}."""
    done = python("-c", EVERY_COMMAND)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {(verb, argument): rest for verb, argument, *rest in rows}


@pytest.mark.parametrize("verb", start.VERBS)
class TestWithoutTensorFlow:
    def test_help(self, ended, verb):
        status, out, err, slow = ended[verb, "--help"]
        assert (status, err, slow) == (0, "", [])
        description, _, example = out.splitlines()[:3]
        assert description.endswith(".")
        assert example.startswith(f"bert-tf {verb}")

    def test_a_wrong_flag(self, ended, verb):
        status, out, err, slow = ended[verb, "--helq"]
        assert (status, out, slow) == (1, "", [])
        assert err == "error: there is no flag 'helq'. Did you mean 'help'?\n"

    def test_a_missing_flag(self, ended, verb):
        if verb in ("quickstart", "doctor"):
            pytest.skip("needs no flag")
        status, out, err, slow = ended[verb, "--output_dir="]
        assert (status, out, slow) == (1, "", [])
        assert err.startswith("error: ") and err.count("\n") == 1
        assert " is missing: pass --" in err or "no flag 'output_dir'" in err


def test_help_is_there_at_once():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert python(ROOT / "scripts/finetune.py", "--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not the time on the wall: other tests run beside this one.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


@pytest.mark.parametrize("verb", start.VERBS)
def test_every_command_has_a_script(verb):
    script = ROOT / "scripts" / f"{verb.replace('-', '_')}.py"
    assert f'main("{verb}")' in script.read_text()


# Modules that the commands import, and that Python itself has not loaded before.
PLANTED = ("json", "statistics", "numpy", "tensorflow", "tqdm", "tempfile", "pickle")
PLANTED += ("signal", "socket", "absl", "random", "selectors", "multiprocessing")


class TestPlantedModules:
    """Files of the working folder that have the names of modules."""

    @pytest.fixture(autouse=True)
    def planted(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in PLANTED:
            pathlib.Path(f"{name}.py").write_text("raise SystemExit('planted')\n")

    def test_they_would_run(self):
        for name in PLANTED:
            done = python(
                "-c", f"import sys; sys.modules.pop({name!r}, 0); import {name}"
            )
            assert done.stderr == "planted\n"

    @pytest.mark.parametrize("verb", ["--help", "export"])
    def test_as_module(self, verb):
        done = python("-m", "bert_tf", verb, "--help")
        assert (done.returncode, done.stderr) == (0, "")

    def test_as_script_in_its_folder(self, tmp_path):
        script = tmp_path / "finetune.py"
        script.write_bytes((ROOT / "scripts/finetune.py").read_bytes())
        done = python("finetune.py", "--help")
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.slow
    def test_in_child_processes(self, tmp_path):
        pathlib.Path("text.txt").write_text("One sentence.\n\nAnother document.\n")
        pathlib.Path("vocab.txt").write_text(
            "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\none\n"
        )
        # Not the command, which is safe by itself.
        program = tmp_path / "elsewhere" / "program.py"
        program.parent.mkdir()
        program.write_text(
            "from bert_tf.run import pretraining_data as data\n"
            "if __name__ == '__main__':\n"
            "    config = data.PretrainingDataConfig(\n"
            "        input_files='text.txt', vocab_file='vocab.txt',\n"
            "        output_dir='store', num_workers=2)\n"
            "    data.create_pretraining_data(config)\n"
        )
        done = python(program)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "store/manifest.json").exists()


class TestStreams:
    def shell(self, command):
        script = f"{sys.executable} {ROOT}/scripts"
        return subprocess.run(
            ["sh", "-c", command.replace("SCRIPTS", script)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_closed_output(self):
        done = self.shell("SCRIPTS/finetune.py --help >&-")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            "error: standard output is closed, but results are printed there; send it "
            "to a file, or to /dev/null.\n"
        )

    def test_closed_errors(self):
        done = self.shell("SCRIPTS/finetune.py 2>&-")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")

    def test_full_disk(self):
        done = self.shell("SCRIPTS/finetune.py --help >/dev/full")
        assert done.returncode == 1
        assert done.stderr == "error: [Errno 28] No space left on device\n"

    def test_closed_input(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", None)
        assert start._open_streams()
        with pytest.raises(OSError, match="standard input is closed, so nothing"):
            list(sys.stdin.buffer)
        with pytest.raises(OSError, match="standard input is closed, so nothing"):
            sys.stdin.read()


class TestInterruption:
    def test_it_is_one_line(self, monkeypatch, capsys):
        def interrupt(verb, arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(start, "start", interrupt)
        monkeypatch.setattr(commands, "_leave_start_folder", lambda: None)
        handler = signal.getsignal(signal.SIGINT)
        with pytest.raises(SystemExit) as ended:
            commands.main("finetune")
        signal.signal(signal.SIGINT, handler)
        assert ended.value.code == 130
        assert capsys.readouterr().err == "interrupted; the command did not finish.\n"

    @pytest.mark.skipif(not os.path.exists("/proc"), reason="asks Linux")
    def test_while_tensorflow_is_imported(self, tmp_path):
        (tmp_path / "train.csv").write_text("text,label\ngood,pos\nbad,neg\n")
        process = subprocess.Popen(
            [sys.executable, ROOT / "scripts/doctor.py", "--train_file=train.csv"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell lets what it starts in the background ignore the signal.
            preexec_fn=lambda: signal.signal(  # noqa: PLW1509 (It only calls C.)
                signal.SIGINT, signal.SIG_DFL
            ),
        )
        maps = pathlib.Path(f"/proc/{process.pid}/maps")
        while "libtensorflow" not in maps.read_text():
            assert process.poll() is None
            time.sleep(0.01)
        # An interrupt is lost while C++ initialises; a user presses again.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(3)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130
        assert (out, err) == ("", "interrupted; the command did not finish.\n")


class TestProgram:
    """`bert-tf` without a verb, and with one that does not exist."""

    def start(self, *arguments):
        return start.start("", ["/usr/bin/bert-tf", *arguments])

    @pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
    def test_lists_the_commands(self, capsys, arguments):
        assert self.start(*arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "bert-tf COMMAND [--flag=value …]"
        assert tuple(line.split()[0] for line in lines[2:-2]) == start.VERBS
        assert "  finetune                 Fine-tunes a BERT on labelled text." in lines

    def test_version(self, capsys):
        assert self.start("--version") == 0
        assert capsys.readouterr().out == "bert_tf 0.1.0\n"

    def test_a_verb_that_does_not_exist(self, capsys):
        assert self.start("finetnue") == 1
        assert capsys.readouterr().err == (
            "error: there is no command 'finetnue'. Did you mean 'finetune'?\n"
        )
        assert self.start("xyzzy") == 1
        assert capsys.readouterr().err == (
            "error: there is no command 'xyzzy'. bert-tf --help lists them.\n"
        )

    def test_commands_stand_as_the_user_types_them(self):
        text = "bert-tf learn-vocabulary --output=v\ncat x | bert-tf predict"
        assert start.as_typed(text, "bert-tf predict") == text
        assert start.as_typed(text, "python scripts/predict.py") == (
            "python scripts/learn_vocabulary.py --output=v\n"
            "cat x | python scripts/predict.py"
        )
        assert start.as_typed(text, "python -m bert_tf predict") == (
            "python -m bert_tf learn-vocabulary --output=v\n"
            "cat x | python -m bert_tf predict"
        )
