"""What every part of the package stands on: late imports, settings, checks and their
wording, files that are replaced whole, and progress bars.

Imports nothing of ours but `disk`, and TensorFlow only where it is used.
"""

import contextlib
import dataclasses
import difflib
import importlib
import math
import numbers
import os
import pathlib
import re
import shutil
import socket
import sys

import tqdm

from bert_tf.disk import lives, remove, writing

# Imports: TensorFlow alone takes seconds, so `--help` and a wrong flag do not wait for it.


class _Lazy:
    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        return getattr(importlib.import_module(self._module), name)


def lazy(module):
    """Returns a module that is imported when something of it is first used.

    Args:
        module: full name, such as "keras.ops".
    """
    return _Lazy(module)


# Settings: fields of frozen dataclasses, which scripts turn into flags.


def setting(default, help, *, section=""):
    """Declares a dataclass field that scripts show as a flag.

    Args:
        default: value of the field; its type is the annotation's.
        help: one line: what the setting does, its unit or allowed values, and what 0 or
            an empty string means.
        section: heading under which `--help` lists the flag; "" continues the section
            of the field before it.
    """
    return dataclasses.field(
        default=default, metadata={"help": help, "section": section}
    )


def changed(config, defaults=None):
    """Returns {field: value} of the settings that differ from their defaults.

    Args:
        config: dataclass.
        defaults: {field: value} that replace the dataclass's own defaults.
    """
    default = {
        field.name: field.default
        for field in dataclasses.fields(config)
        if field.default is not dataclasses.MISSING
    } | (defaults or {})
    values = {name: getattr(config, name) for name in default}
    return {name: x for name, x in values.items() if x != default[name]}


# Checks: each raises a ValueError that names the setting, its value and the next move.


def require(config, *names):
    """Checks that settings are given, and that paths among all of them are local ones."""
    _check_paths(config)
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


# TensorFlow Datasets opens addresses itself.
_PATH = re.compile(
    r"^(?!tfds_).*(file|files|dir)$|^(model|baseline|input|output|config)$"
)
# pathlib writes gs:/folder.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def _check_paths(config):
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not _PATH.search(field.name) or not isinstance(value, (str, os.PathLike)):
            continue
        path = os.fspath(value)
        if _ADDRESS.match(path):
            raise ValueError(
                f"{field.name} is {quote(path)}, but only files of this machine are read "
                "and written; copy or mount it, and pass its path."
            )
        if any(ord(character) < 32 for character in path):
            raise ValueError(
                f"{field.name} is {quote(path)}, which holds a line break or a control "
                "character; rename it."
            )


def check_numbers(config):
    """Checks that settings have their types, and that numbers are finite and not huge.

    Raises:
        TypeError, ValueError: name the setting and its value.
    """
    kinds = {
        int: (numbers.Integral, "a whole number"),
        float: (numbers.Real, "a number"),
    }
    for field in dataclasses.fields(config):
        name, value = field.name, getattr(config, field.name)
        kind, noun = kinds.get(field.type, (object, ""))
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be {noun}; received {value!r:.60}.")
        if field.type is float and not math.isfinite(value):
            raise ValueError(f"{name} must be finite; received {value}.")
        if field.type is int and abs(value) >= 2**31:
            raise ValueError(
                f"{name} must be at most 2,147,483,647; received {quote(str(value))}."
            )


def at_least(config, name, least):
    """Checks that a number is `least` or more; NaN is refused."""
    value = getattr(config, name)
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}; received {value}.")


def above_zero(config, name):
    """Checks that a number is greater than 0; NaN is refused."""
    value = getattr(config, name)
    if not value > 0:
        raise ValueError(f"{name} must be > 0; received {value}.")


def one_of(name, value, allowed):
    """Checks that `value` is one of `allowed`, and returns it."""
    if value not in allowed:
        shown = ", ".join(filter(None, allowed))
        raise ValueError(f"{name} must be one of {shown}; received {show(value, 300)}.")
    return value


# Wording: how values stand in a message, always on one line.


def quote(value, width=60):
    """Returns the value in quotes, cut to `width` characters."""
    return repr(value if len(value) <= width else value[: width - 1] + "…")


def show(value, width=60):
    """Returns any value as Python writes it, cut to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def quote_all(values, most=12):
    """Returns the first `most` values in quotes, and how many there are in all."""
    values = list(values)
    shown = ", ".join(quote(value, 30) for value in values[:most])
    return (
        shown + (f", … ({len(values)} in all)" if len(values) > most else "") or "none"
    )


def count(number, noun):
    """Returns "1 row" or "67,349 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def did_you_mean(value, values, otherwise):
    """Returns the closest of `values` as a question, or the sentence `otherwise`."""
    close = difflib.get_close_matches(value, values, n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise


def reason(error):
    """Returns the first paragraph of another package's error on a line, or its type."""
    words = str(error).strip().partition("\n\n")[0].split()
    return " ".join(words)[:200].rstrip(".: ") or type(error).__name__


# Files: a reader sees the old one or the whole new one, whenever the writer stops.


@contextlib.contextmanager
def replacing(path):
    """Yields a path to write a file to; it replaces `path` if no exception is raised.

    What a process that was killed has left of the same file is removed.

    Raises:
        OSError: the file cannot be written; see `writing`.
    """
    path = pathlib.Path(path)
    beside = _beside(path)
    with writing(path):
        try:
            yield beside
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path):
    """Yields the path of a new folder, which becomes `path` if no exception is raised.

    Args:
        path: must not exist, or be an empty folder.

    Raises:
        OSError: the folder cannot be written; see `writing`.
    """
    path = pathlib.Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = _beside(path)
        try:
            yield beside
            beside.replace(path)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _beside(path):
    """Returns where to write a file or folder; removes those of dead processes."""
    start = f".{path.name}.{socket.gethostname()}."
    for part in path.parent.glob(".*.part"):
        owner = re.fullmatch(re.escape(start) + r"(\d+)\.part", part.name)
        if owner and not lives(int(owner[1])):
            remove(part)
    return path.with_name(f"{start}{os.getpid()}.part")


def write_text(path, text):
    """Writes a UTF-8 file in one step."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def progress(items=None, description="", **options):
    """Returns a `tqdm` bar with the time left, on standard error.

    Shown only if it takes longer than three seconds. A terminal gets a bar that moves,
    a log file a line every 15 seconds.
    """
    return tqdm.tqdm(
        items,
        description,
        mininterval=0.5 if sys.stderr.isatty() else 15,
        dynamic_ncols=True,
        **{"delay": 3} | options,
    )


@contextlib.contextmanager
def above(bar):
    """Hides a bar on a terminal for a while, so that other lines do not run into it."""
    if sys.stderr.isatty():
        bar.clear()
    yield
    if sys.stderr.isatty():
        bar.refresh()


def reading_progress(files, description):
    """Returns a bar over the bytes of files."""
    total = sum(map(os.path.getsize, files))
    return progress(description=description, total=total, unit="B", unit_scale=True)
