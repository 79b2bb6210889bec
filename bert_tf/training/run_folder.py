"""The folder of a run: one process at a time writes in it, and only what a run writes goes."""

import contextlib
import fcntl
import json
import logging
import os
import pathlib
import re
import resource
import shutil
import socket
import time

from bert_tf.disk import WriteError, megabytes, remove, writing
from bert_tf.json_files import read_json

_log = logging.getLogger(__name__)

LOCK = ".lock"
TEACHER_SCORES = "teacher_scores.npz"  # Kept until the run is finished.
# metrics.json comes first, because it says that all other files are there; flags.txt
# comes last, because it says whose they are.
FILES = (
    "metrics.json",
    "checkpoints",
    TEACHER_SCORES,
    "tensorboard",
    "metrics.jsonl",
    "loss.png",
    "confusion_matrix.png",
    "README.md",
    "1_Pooling",
    *(f"{number}_Dense" for number in range(2, 10)),
    *(f"{number}_Normalize" for number in range(2, 10)),
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "vocab.txt",
    "tokenizer_config.json",
    "config.json",
    "flags.txt",
)


@contextlib.contextmanager
def locked(folder):
    """Keeps other processes from a folder, which is made if it does not exist.

    The system gives the lock of a killed process back. A folder that is still empty at
    the end is removed, because bad input shall leave nothing behind.

    Args:
        folder: `pathlib.Path`.

    Raises:
        BlockingIOError: another process has the folder; names it.
        NotADirectoryError: it is a file.
        WriteError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"output_dir {folder} is a file; pass a folder.")
    with writing(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    lock = None
    try:
        lock = _lock(folder)
        _remove_parts(folder)
        yield
    finally:
        if lock is not None:
            # While it is held: whoever opened this file before finds another one now.
            (folder / LOCK).unlink(missing_ok=True)
            os.close(lock)
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()


def _lock(folder):
    """Returns the descriptor of the lock file of a folder."""
    path = folder / LOCK
    while True:
        with writing(path):
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise BlockingIOError(
                f"{folder} is in use by {_owner(path)}; wait for it, or choose another "
                "output_dir."
            ) from None
        except OSError as error:
            reason = error.strerror
            _log.warning(
                "%s cannot be locked (%s): start one run only.", folder, reason
            )
        # The process that had the lock may have removed the file since it was opened.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(lock)):
                break
        os.close(lock)
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    owner["started"] = time.strftime("%Y-%m-%d %H:%M:%S")
    with writing(path):
        os.ftruncate(lock, 0)
        os.write(lock, json.dumps(owner).encode())
    return lock


def _owner(path):
    try:
        owner = read_json(path)
        return f"process {owner['pid']} on {owner['host']} since {owner['started']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _remove_parts(folder):
    """Removes the unfinished files that a killed run has left; the lock must be held."""
    for path in folder.glob(".*.part"):
        if any(path.name.startswith(f".{name}.") for name in FILES):
            remove(path)


def clear(folder):
    """Removes everything that a run writes in a folder, and nothing else.

    A process that is killed meanwhile leaves a folder that is not taken for a finished run.
    """
    for name in FILES:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink(missing_ok=True)


def remove_folder(path):
    """Removes a folder that nobody sees half removed."""
    if path.is_dir():
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        with contextlib.suppress(FileNotFoundError):  # Another process was faster.
            path.rename(beside)
        remove(beside)


def check_space(folder, size, largest):
    """Refuses a run whose files the disk cannot hold.

    Args:
        folder: `pathlib.Path`, which exists.
        size: bytes of all files that the run will hold at a time.
        largest: bytes of the largest of them.

    Raises:
        WriteError: says how much is needed.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and limit < largest:
        raise WriteError(
            f"a checkpoint takes {megabytes(largest)}, but files may have "
            f"{megabytes(limit)} only; raise the limit (ulimit -f)."
        )
    held = sum(path.stat().st_size for path in folder.glob("checkpoints/*"))
    free = shutil.disk_usage(folder).free
    if free + held < size:
        raise WriteError(
            f"{folder} needs {megabytes(size)} for the checkpoints and the model, but "
            f"{megabytes(free)} are free there. Free space, choose a folder on another "
            "disk, or lower save_total_limit."
        )


def last_step(folder):
    """Returns the step of the newest checkpoint of a run, None without one."""
    return max(saved_steps(pathlib.Path(folder, "checkpoints")), default=None)


def saved_steps(checkpoints):
    """Returns the steps of the checkpoints in a folder, in order.

    A checkpoint is complete once its numbers, `ckpt-N.json`, are there.
    """
    names = [
        re.fullmatch(r"ckpt-(\d+)\.json", path.name) for path in checkpoints.glob("*")
    ]
    return sorted(int(name[1]) for name in names if name)


def read_numbers(path, step):
    """Returns the numbers of the checkpoint of a step, from its `ckpt-N.json`.

    Raises:
        OSError, ValueError: they are missing or damaged.
    """
    numbers = read_json(path)
    if not all(type(number) in (int, float) for number in numbers.values()):
        raise ValueError(f"{path.name} holds something else than numbers")
    if numbers.get("step") != step:
        raise ValueError(f"{path.name} does not hold the numbers of step {step}")
    return numbers
