"""The files that a run writes beside the model: flags.txt, metrics.jsonl, metrics.json.

flags.txt is there from the start, metrics.json at the very end: a folder with the first
and not the second holds a run that was interrupted.
"""

import hashlib
import json
import logging
import time

from bert_tf.disk import writing
from bert_tf.ground import write_text
from bert_tf.json_files import defined, json_value, parse_json, read_json
from bert_tf.training.run_folder import TEACHER_SCORES, remove_folder

_log = logging.getLogger(__name__)

# Begins the line of flags.txt with the fingerprint of the data; a comment for absl.
_DATA = "# data: "

# Names of what is no flag of a command: records that were in memory. Their lines are
# comments, too, but a resumed run must have the same.
IN_MEMORY = ("train_data", "eval_data")

# What is not known of an update whose line of metrics.jsonl is lost.
_LOST = {"loss": None, "examples_per_second": None}

# Seconds until another machine sees a new file in a folder shared by NFS, which caches.
_VISIBLE_WITHIN = 90


def finished_metrics(output_dir, flags, overwrite=False):
    """Returns the metrics of a finished run, None if the run is new or interrupted.

    Args:
        output_dir: `pathlib.Path`.
        flags: {name: value}.
        overwrite: whether the run in the folder, if any, shall be replaced.

    Raises:
        ValueError: the folder belongs to a run with other flags, or to no run; or a file
            of it is damaged.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise ValueError(f"output_dir {output_dir} is a file; pass a folder.")
    flag_file, metrics_file = output_dir / "flags.txt", output_dir / "metrics.json"
    if not flag_file.exists():
        if (output_dir / "config.json").exists():
            raise ValueError(
                f"{output_dir} holds a model that this command did not make; choose "
                "another output_dir."
            )
        return None
    if overwrite:
        return None
    _check_flags(flag_file, flags)
    return read_metrics(metrics_file) if metrics_file.exists() else None


def read_metrics(path):
    """Returns the dict that a metrics.json holds; a ValueError if it is damaged."""
    try:
        return read_json(path)
    except ValueError as error:
        raise ValueError(
            f"{error} Remove this file to make the end of its run again, or pass "
            "--overwrite_output_dir."
        ) from None


def _check_flags(flag_file, flags):
    written = dict(
        line.removeprefix("# ").removeprefix("--").partition("=")[::2]
        for line in _read_flags(flag_file)
        if line.startswith(("--", "# --"))
    )
    given = {name: str(value) for name, value in flags.items()}
    different = [
        f"{name} was {written.get(name)!r}, is {given.get(name)!r}"
        for name in sorted(written.keys() | given.keys())
        # A folder may be moved.
        if name != "output_dir" and written.get(name) != given.get(name)
    ]
    if different:
        raise ValueError(
            f"{flag_file.parent} holds a run with other flags ({'; '.join(different)}); "
            "pass the same flags, choose another output_dir, or start anew with "
            "--overwrite_output_dir."
        )


def _read_flags(flag_file):
    try:
        return flag_file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{flag_file} is damaged: it is not UTF-8. Choose another output_dir, or "
            "start anew with --overwrite_output_dir."
        ) from error


def digest(texts):
    """Returns a SHA-256 fingerprint of an iterable of texts, in hexadecimal."""
    fingerprint = hashlib.sha256()
    for text in texts:
        fingerprint.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return fingerprint.hexdigest()


def _check_data(flag_file, data):
    lines = _read_flags(flag_file)
    written = [line.removeprefix(_DATA) for line in lines if line.startswith(_DATA)]
    if written not in ([], [data]):
        raise ValueError(
            f"the data have changed since the run in {flag_file.parent} began; restore "
            "the old data, choose another output_dir, or start anew with "
            "--overwrite_output_dir."
        )


def begin(output_dir, flags, workers, data=""):
    """Writes flags.txt on the first worker, and compares it with the other workers' flags.

    Args:
        output_dir: `pathlib.Path`; made if it does not exist.
        flags: {name: value}.
        workers: `Workers`; all of them call this.
        data: `digest` of the training and evaluation data.

    Raises:
        ValueError: this worker has other flags, or does not see the folder; or the run
            in the folder began with other data.
    """
    flag_file, deadline = output_dir / "flags.txt", time.monotonic() + _VISIBLE_WITHIN
    if workers.chief:
        if flag_file.exists():
            _check_data(flag_file, data)
        with writing(output_dir):
            output_dir.mkdir(parents=True, exist_ok=True)
        write_flags(output_dir, flags, data)
    workers.gather(0)
    if workers.chief:
        return
    while not flag_file.exists():
        if time.monotonic() > deadline:
            raise ValueError(
                f"worker {workers.number} does not find {flag_file}, which worker 0 has "
                "written; output_dir must be one folder that all workers share."
            )
        time.sleep(0.5)
    _check_flags(flag_file, flags)
    _check_data(flag_file, data)


def write_flags(output_dir, flags, data=""):
    """Writes flags.txt, with a fingerprint of the data if there is one."""
    lines = [
        f"{'# ' if name in IN_MEMORY else ''}--{name}={value}"
        for name, value in flags.items()
    ]
    lines += [_DATA + data] if data else []
    write_text(output_dir / "flags.txt", "\n".join(lines) + "\n")


def write_metrics(output_dir, metrics):
    """Writes metrics.json, which marks the run as finished."""
    text = json.dumps(defined(metrics), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(output_dir / "metrics.json", text + "\n")


def forget_state(output_dir):
    """Removes the checkpoints and the teacher's scores of a finished run."""
    remove_folder(output_dir / "checkpoints")
    (output_dir / TEACHER_SCORES).unlink(missing_ok=True)


def training_figures(lines):
    """Returns last loss, updates, median speed and the reason of an early end, if any.

    Args:
        lines: of metrics.jsonl.
    """
    trained = [line for line in lines if "loss" in line] or [_LOST | lines[-1]]
    # The first line counts the compilation.
    rates = sorted(line["examples_per_second"] for line in trained[1:] or trained)
    reasons = [line["stopped_early"] for line in lines if "stopped_early" in line]
    return {
        "train_loss": trained[-1]["loss"],
        "train_steps": trained[-1]["step"],
        "train_examples_per_second": rates[len(rates) // 2],
        **({"train_stopped_early": reasons[-1]} if reasons else {}),
    }


def read_lines(path):
    """Returns the lines of a metrics.jsonl; a last one that is torn is left out."""
    lines = []
    with open(path, "rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                line = parse_json(text, f"{path}:{number}")
                json_value(line, "step", int, f"{path}:{number}")
                lines.append(line)
            except ValueError as error:
                if text.endswith(b"\n"):
                    raise ValueError(
                        f"{error} Remove this line, or start anew with "
                        "--overwrite_output_dir."
                    ) from None
    return lines


def _as_line(values):
    return json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n"


def describe_scores(scores, metric, most=5):
    """Returns "accuracy 0.8290, loss 0.5310, …": the metric, the loss, and a few others.

    Args:
        scores: {name: value}; values that are no numbers are left out.
        metric: name of the score that comes first.
        most: number of scores.
    """
    numbers = {name: x for name, x in scores.items() if isinstance(x, float)}
    first = {name: numbers[name] for name in (metric, "loss") if name in numbers}
    chosen = list((first | numbers).items())[:most]
    return ", ".join(f"{name} {value:.4f}" for name, value in chosen)


class Log:
    """Lines of metrics.jsonl, which the chief also writes to the file and to TensorBoard.

    Args:
        output_dir: `pathlib.Path`.
        step: where the run resumes; later lines of the interrupted run are dropped.
        board: as `Engine.board` returns it, or None.
        writes: False for a worker that only keeps the lines.
    """

    def __init__(self, output_dir, step, board=None, writes=True):
        self._path = output_dir / "metrics.jsonl"
        self._board, self._writes = board, writes
        lines = read_lines(self._path) if self._path.exists() else []
        self.lines = [line for line in lines if line["step"] <= step]
        if step and not self.lines:
            _log.warning("%s has lost what was logged up to step %d.", self._path, step)
            self.lines = [{"step": step}]
        if writes:
            write_text(self._path, "".join(map(_as_line, self.lines)))

    def write(self, step, values):
        """Adds a line with the values of a step; see `defined`."""
        line = defined({"step": step} | values)
        self.lines.append(line)
        if self._writes:
            with writing(self._path), open(self._path, "a", encoding="utf-8") as file:
                file.write(_as_line(line))
        if self._board:
            self._board.write(
                step, {n: x for n, x in line.items() if isinstance(x, float)}
            )

    def scores(self, step):
        """Returns {"eval_…": value}, the evaluation of a step."""
        return {
            name: value
            for line in self.lines
            if line["step"] == step
            for name, value in line.items()
            if name.startswith("eval_")
        }

    def flush(self):
        if self._board:
            self._board.flush()

    def close(self):
        if self._board:
            self._board.close()
