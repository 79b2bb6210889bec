"""What a run writes down: flags.txt, metrics.jsonl, metrics.json; and what it finds.

flags.txt is there from the start, metrics.json at the very end: a folder with the first
and not the second holds a run that was interrupted.
"""

import hashlib
import json
import logging
import time

import tensorflow as tf

from bert_tf.ground import write_text

_log = logging.getLogger(__name__)

# What tf.summary.scalar writes, without the TensorBoard package that it asks for.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)


# Begins the line of flags.txt that knows the data again; for absl it is a comment.
_DATA = "# data: "

# Seconds until another machine sees a new file, in a folder shared by NFS: its cache.
_SHOWS_WITHIN = 90


def finished_metrics(output_dir, flags):
    """Returns the metrics of a finished run, None where there is still work.

    Raises:
        ValueError: the folder belongs to a run with other flags, or to no run.
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
    _refuse_other(flag_file, flags)
    if not metrics_file.exists():
        _log.warning("going on with the run in %s.", output_dir)
        return None
    return json.loads(metrics_file.read_text(encoding="utf-8"))


def _refuse_other(flag_file, flags):
    written = dict(
        line.removeprefix("--").partition("=")[::2]
        for line in flag_file.read_text(encoding="utf-8").splitlines()
        if line.startswith("--")
    )
    asked = {name: str(value) for name, value in flags.items()}
    other = [
        f"{name} was {written.get(name)!r}, is {asked.get(name)!r}"
        for name in sorted(written.keys() | asked.keys())
        # A folder may be moved.
        if name != "output_dir" and written.get(name) != asked.get(name)
    ]
    if other:
        raise ValueError(
            f"{flag_file.parent} holds a run with other flags ({'; '.join(other)}); use "
            "the same, or another output_dir."
        )


def digest(texts):
    """Returns what knows a list of texts again: SHA-256 of them, in hexadecimal."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return found.hexdigest()


def _refuse_other_data(flag_file, data):
    lines = flag_file.read_text(encoding="utf-8").splitlines()
    written = [line.removeprefix(_DATA) for line in lines if line.startswith(_DATA)]
    if written not in ([], [data]):
        raise ValueError(
            f"the data have changed since the run in {flag_file.parent} began; train on "
            "those of then, or choose another output_dir."
        )


def begin(output_dir, flags, workers, data=""):
    """Writes flags.txt; workers that don't write look whether they agree with it.

    Args:
        output_dir: `pathlib.Path`, made where it is not there.
        flags: {name: value}.
        workers: `Workers`, all of which call this.
        data: `digest` of what is trained and scored on.

    Raises:
        ValueError: this worker has other flags, or does not see the folder; or the run
            in the folder began with other data.
    """
    flag_file, last = output_dir / "flags.txt", time.monotonic() + _SHOWS_WITHIN
    if workers.chief:
        if flag_file.exists():
            _refuse_other_data(flag_file, data)
        output_dir.mkdir(parents=True, exist_ok=True)
        write_flags(output_dir, flags, data)
    workers.gather(0)
    if workers.chief:
        return
    while not flag_file.exists():
        if time.monotonic() > last:
            raise ValueError(
                f"worker {workers.number} does not find {flag_file}, which worker 0 has "
                "written; output_dir must be one folder that all workers share."
            )
        time.sleep(0.5)
    _refuse_other(flag_file, flags)
    _refuse_other_data(flag_file, data)


def write_flags(output_dir, flags, data=""):
    lines = [f"--{name}={value}" for name, value in flags.items()]
    lines += [_DATA + data] if data else []
    write_text(output_dir / "flags.txt", "\n".join(lines) + "\n")


def write_metrics(output_dir, metrics):
    write_text(output_dir / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def training_figures(lines):
    """Returns last loss, steps, usual speed, why it ended early: of metrics.jsonl."""
    trained = [line for line in lines if "loss" in line]
    rates = sorted(line["examples_per_second"] for line in trained[1:] or trained)
    early = [line["stopped_early"] for line in lines if "stopped_early" in line]
    return {
        "train_loss": trained[-1]["loss"],
        "train_steps": trained[-1]["step"],
        "train_examples_per_second": rates[len(rates) // 2],
        **({"train_stopped_early": early[-1]} if early else {}),
    }


class Log:
    """metrics.jsonl and TensorBoard; what lies after `step` is of a run cut off.

    Only a worker that `writes` puts lines there; all keep them.
    """

    def __init__(self, output_dir, step, writes=True):
        path = output_dir / "metrics.jsonl"
        self.lines = []
        if path.exists():
            with open(path, encoding="utf-8") as lines:
                read = [json.loads(line) for line in lines if line.endswith("\n")]
            self.lines = [line for line in read if line["step"] <= step]
        self.writes = writes
        if not writes:
            self.board = tf.summary.create_noop_writer()
            return
        write_text(path, "".join(json.dumps(line) + "\n" for line in self.lines))
        self.path = path
        self.board = tf.summary.create_file_writer(str(output_dir / "tensorboard"))

    def write(self, step, values):
        line = {"step": step} | values
        self.lines.append(line)
        if not self.writes:
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        with self.board.as_default():
            for name, value in values.items():
                if isinstance(value, float):
                    tf.summary.write(name, value, step=step, metadata=_SCALAR)
