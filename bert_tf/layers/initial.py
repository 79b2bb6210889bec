"""Initial weights of BERT: a truncated normal, or none if weights are loaded next."""

import contextlib
import contextvars

import keras

_left_out = contextvars.ContextVar("left_out", default=False)


def initial(stddev):
    """Returns the initializer of a kernel or table with a standard deviation."""
    return (
        "zeros"
        if _left_out.get()
        else keras.initializers.TruncatedNormal(stddev=stddev)
    )


@contextlib.contextmanager
def left_out():
    """Makes the weights of new layers 0, for models whose weights all come from a file.

    Random numbers for a MiniLM would take half a second.
    """
    token = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(token)
