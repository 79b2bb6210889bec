"""What a disk refuses, in one line; processes that are gone; paths for TensorFlow.

Imports nothing of ours.
"""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import tempfile


def lives(process):
    """Returns whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def remove(path):
    """Removes a file, or a folder with all that is in it, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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


class WriteError(OSError):
    """A file that cannot be written; the message is one line."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
_FORBIDDEN += (errno.ENOENT, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE)


@contextlib.contextmanager
def writing(path, size=0):
    """Turns a failed write, whichever package raises it, into a `WriteError` of one line.

    Args:
        path: what is written.
        size: bytes that it takes, for the message; 0 if they are unknown.
    """
    try:
        yield
    except WriteError:
        raise
    except Exception as error:
        number = _reason(error, pathlib.Path(path))
        if not number:
            raise
        raise WriteError(_explain(path, number, size)) from error


def _reason(error, path):
    """Returns the number of the system's error behind an exception; None if there is none."""
    if not isinstance(error, OSError):
        # TensorFlow and safetensors quote the system's words.
        words = str(error)
        return next((n for n in _FULL + _FORBIDDEN if os.strerror(n) in words), None)
    name = error.filename and os.path.abspath(os.fsdecode(error.filename))
    # Another file: what could not be read says so itself.
    if name and not name.startswith(os.path.abspath(path.parent)):
        return None
    return error.errno if error.errno in _FULL + _FORBIDDEN else None


def _explain(path, number, size):
    says = f"cannot write {path}: {os.strerror(number)}"
    if number not in _FULL:
        return f"{says}. Choose a folder in which files can be written."
    parents = [p for p in pathlib.Path(path).absolute().parents if p.is_dir()]
    says += f"; {megabytes(shutil.disk_usage(parents[0]).free)} are free"
    says += f", {megabytes(size)} are needed" if size else ""
    if number == errno.EFBIG:
        return f"{says}. Raise the limit of a file's size (ulimit -f)."
    return f"{says}. Free space, or choose a folder on another disk."


def megabytes(size):
    """Returns a number of bytes as "1,234.5 MB"."""
    return f"{size / 1e6:,.1f} MB"


_PATTERN = re.compile(r"[\[\]*?\\]")


@contextlib.contextmanager
def literal(path):
    """Yields a path that TensorFlow does not take for a pattern, and that leads to `path`.

    When TensorFlow reads a path, brackets, *, ? and backslashes in it match other names.
    Links in a temporary folder lead around them.

    Args:
        path: a folder, or what the names of several files begin with.
    """
    path = pathlib.Path(path)
    if not _PATTERN.search(str(path)):
        yield path
        return
    path = pathlib.Path(os.path.abspath(path))
    plain = "/tmp" if _PATTERN.search(tempfile.gettempdir()) else None
    with tempfile.TemporaryDirectory(dir=plain) as place:
        link = pathlib.Path(place, "plain")
        for file in path.parent.iterdir():
            if file.name.startswith(path.name):
                end = file.name.removeprefix(path.name)
                link.with_name(link.name + end).symlink_to(file)
        yield link
