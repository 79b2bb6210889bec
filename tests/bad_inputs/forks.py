"""Runs scripts in forks of a process that has imported TensorFlow already.

A start takes seconds, and there are hundreds of trials. The fork has its own working
folder, streams and exit, as a script that was started from a shell.
"""

import dataclasses
import json
import os
import pathlib
import re
import runpy
import signal
import sys
import time
import traceback

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"
SECONDS = 240  # A trial that takes longer hangs; two cores may compute ten at a time.
BYTES = 3 * 2**30  # More memory than any of these tiny inputs is worth.
LONGEST_LINE = 1500


@dataclasses.dataclass(frozen=True)
class Trial:
    """A command of a user.

    Attributes:
        name: unique, such as "predict/config.json/hidden_size_huge".
        script: name of the script, without ".py".
        arguments: of the command line.
        stdin: bytes.
        refused: whether success would be a silent wrong result.
    """

    name: str
    script: str
    arguments: tuple
    stdin: bytes = b""
    refused: bool = False


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a trial ended: exit status (negative: a signal), its output, its costs."""

    status: int
    out: str
    err: str
    seconds: float
    peak: int  # Bytes.


def apart(function, *arguments):
    """Calls a function in a fork, since a process that has computed cannot be forked.

    TensorFlow's threads do not live on in the fork.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function(*arguments)
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run(trials, home, streams, at_once=2):
    """Runs trials to their ends, some at the same time.

    Args:
        trials: list of `Trial`.
        home: working folder.
        streams: folder for files of their input and output.

    Yields:
        (`Trial`, `Ending`); the status is -SIGALRM if it took more than `SECONDS`.
    """
    waiting, running = list(reversed(trials)), {}
    while waiting or running:
        while waiting and len(running) < at_once:
            trial = waiting.pop()
            paths = [streams / f"{id(trial)}.{number}" for number in range(3)]
            paths[0].write_bytes(trial.stdin)
            child = os.fork()
            if child == 0:
                _become(trial, home, paths)
            running[child] = trial, paths, time.monotonic()
        for child, (trial, paths, start) in list(running.items()):
            seconds = time.monotonic() - start
            done, status, usage = os.wait4(child, os.WNOHANG)
            if not done and seconds < SECONDS:
                continue
            status = os.waitstatus_to_exitcode(status) if done else -signal.SIGALRM
            if not done:
                os.killpg(child, signal.SIGKILL)
                usage = os.wait4(child, 0)[2]
            del running[child]
            out, err = (
                path.read_text(encoding="utf-8", errors="replace") for path in paths[1:]
            )
            for path in paths:
                path.unlink()
            # Kilobytes on Linux. The inherited imports count, some 600 MB.
            yield trial, Ending(status, out, err, seconds, usage.ru_maxrss * 1024)
        time.sleep(0.02)


def _become(trial, home, paths):
    """Runs the script in this process, and ends it as the interpreter would."""
    os.setpgid(0, 0)
    os.chdir(home)
    for number, path in enumerate(paths):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    script = SCRIPTS / f"{trial.script}.py"
    sys.argv = [str(script), *trial.arguments]
    sys.path.insert(0, str(SCRIPTS))
    status = 0
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        status = end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:  # noqa: BLE001 (As the interpreter does.)
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


def complaints(trial, ending):
    """Returns what is wrong with how a trial ended, in words; [] if nothing is."""
    found = []
    if ending.status == -signal.SIGALRM:
        found.append(f"hangs: more than {SECONDS} s")
    elif ending.status < 0:
        found.append(f"dies of signal {-ending.status}")
    if "Traceback (most recent call last)" in ending.err:
        found.append("prints a traceback")
    if ending.peak > BYTES:
        found.append(f"takes {ending.peak / 2**30:.1f} GB")
    if ending.status == 0:
        if trial.refused:
            found.append("accepts what would make its result wrong")
        if _without_strings(ending.out, "NaN", "Infinity"):
            found.append("succeeds with NaN or infinite results")
    if ending.status == 1 and trial.script != "doctor":
        found += _complaints_about_error(ending.err)
    elif ending.status not in (0, 1):
        found.append(f"ends with status {ending.status}")
    return found


def _complaints_about_error(err):
    """Returns what is wrong with what a refused command prints on standard error."""
    lines = [line for line in err.splitlines() if line.strip()]
    starts = [line for line in lines if line.startswith(("error: ", "FATAL Flags"))]
    if len(starts) != 1:
        return [f"has {len(starts)} lines that begin with 'error: '"]
    after = lines[lines.index(starts[0]) + 1 :]
    if starts[0].startswith("error: ") and after:
        return [f"prints {len(after)} more lines after the error"]
    if len(starts[0]) > LONGEST_LINE:
        return [f"has an error of {len(starts[0])} characters"]
    return []


def _without_strings(out, *words):
    """Returns which words stand in JSON lines outside of strings."""
    bare = "\n".join(re.sub(r'"(\\.|[^"\\])*"', "", line) for line in out.splitlines())
    return [word for word in words if word in bare]


def describe(trial, ending, found):
    """Returns a line for a report."""
    last = ending.err.strip().splitlines()[-1:] or [""]
    command = json.dumps([trial.script, *trial.arguments])[:300]
    return f"{trial.name}: {'; '.join(found)}\n    {command}\n    {last[0][:300]}"
