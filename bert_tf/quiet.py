"""Hides what TensorFlow prints while it starts, wherever its import comes from.

TF_CPP_MIN_LOG_LEVEL=0 in the environment shows it all.

Imports at its top only what Python itself has loaded: `python -m bert_tf` has not left the
working folder yet, and a file there could take the place of another module.
"""

import os
import sys
from importlib.machinery import PathFinder

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_HIDDEN = "3"  # All messages but those of a crash.


class _Finder:
    """Finds TensorFlow as Python does, and hides what its import prints."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "tensorflow" or os.environ.get(_LEVEL) != _HIDDEN:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module):
                with hidden():
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


def hide_start():
    """Lets TensorFlow start quietly, unless the user has set a log level."""
    os.environ.setdefault(_LEVEL, _HIDDEN)
    # TensorFlow turns oneDNN off on x86 without AVX-512, although it is faster there.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.meta_path.insert(0, _Finder)


class hidden:
    """Hides what is printed on standard error in a block, unless it raises an exception.

    TensorFlow prints from C++ before it reads its own log level. So the file descriptor
    of standard error is replaced.
    """

    def __enter__(self):
        import tempfile

        _flush()
        try:
            self._terminal = os.dup(2)
        except OSError:  # Standard error is closed, so there is nothing to hide.
            self._terminal = None
            return
        self._printed = tempfile.TemporaryFile()
        os.dup2(self._printed.fileno(), 2)

    def __exit__(self, kind, error, traceback):
        if self._terminal is None:
            return
        _flush()
        os.dup2(self._terminal, 2)
        with self._printed:
            if kind and issubclass(kind, Exception):  # Not if the user interrupts it.
                self._printed.seek(0)
                os.write(2, self._printed.read())
        os.close(self._terminal)


def _flush():
    if sys.stderr:
        sys.stderr.flush()
