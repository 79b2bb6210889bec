"""What every part of the package stands on: late imports, settings, checks and their
wording, files that are replaced whole, progress bars, and the rate of matrix products.

Imports nothing of ours, and TensorFlow only where it is used.
"""

import contextlib
import dataclasses
import difflib
import importlib
import os
import pathlib
import shutil
import sys
import tempfile
import time

import tqdm

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
    """Checks that settings are given."""
    for name in names:
        if not getattr(config, name):
            raise ValueError(f"{name} is missing: pass --{name}=… with a value.")


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
        raise ValueError(f"{name} must be one of {shown}; received {value!r}.")
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


# Files: a reader sees the old one or the whole new one, whenever the writer stops.


def check_file(path):
    """Returns the path of a file that ends; a folder, device or pipe is refused."""
    path = pathlib.Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, but must be a file.")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a device, a pipe or a socket, but must be a file.")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    return path


@contextlib.contextmanager
def replacing(path):
    """Yields a path to write a file to; it replaces `path` if no exception is raised."""
    path = pathlib.Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
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
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def path_without_pattern(folder):
    """Yields a path of an existing folder that TensorFlow does not read as a pattern.

    TensorFlow takes `*`, `?`, brackets and backslashes in some paths for patterns of
    names. If the folder's path has one of them, a temporary link to it is yielded.
    """
    folder = pathlib.Path(folder).absolute()
    if not set("*?[]\\") & set(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as beside:
        link = pathlib.Path(beside) / "folder"
        link.symlink_to(folder, target_is_directory=True)
        yield link


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


def reading_progress(files, description):
    """Returns a bar over the bytes of files."""
    total = sum(map(os.path.getsize, files))
    return progress(description=description, total=total, unit="B", unit_scale=True)


def matmul_rate(dtype, size=2048, repeats=3):
    """Returns the floating point operations a second of a large TensorFlow matmul.

    Args:
        dtype: "float32", "bfloat16" or "float16".
        size: rows and columns of the two square matrices.
        repeats: the fastest of so many products counts, after one to warm up.
    """
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_uniform([size, size], [1, 2]), dtype)
    # Reading one number waits until the product is computed.
    product = tf.function(lambda: tf.linalg.matmul(matrix, matrix)[0, 0])
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        product().numpy()
        seconds.append(time.perf_counter() - start)
    return 2.0 * size**3 / min(seconds[1:])
