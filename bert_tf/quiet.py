"""Hides what TensorFlow prints while it starts, wherever its import comes from.

TF_CPP_MIN_LOG_LEVEL=0 in the environment shows it all.
"""

import contextlib
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


@contextlib.contextmanager
def hidden():
    """Hides what is printed on standard error, unless an exception is raised.

    TensorFlow prints from C++ before it reads its own log level. So the file descriptor
    of standard error is replaced.
    """
    # Imported late: `python -m bert_tf` has not yet left the working folder.
    import tempfile

    if sys.stderr:
        sys.stderr.flush()
    try:
        terminal = os.dup(2)
    except OSError:  # Standard error is closed, so there is nothing to hide.
        yield
        return
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 2)
        try:
            yield
        except Exception:
            printed.seek(0)
            os.write(terminal, printed.read())
            raise
        finally:
            if sys.stderr:
                sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
