"""Flags from the dataclasses they fill, and a quiet, clear start and end for scripts."""

import contextlib
import dataclasses
import inspect
import logging
import os
import re
import sys
import tempfile

from absl import app, flags
from absl import logging as absl_logging

FLAGS = flags.FLAGS
_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define(config, **defaults):
    """Defines a flag for each field of a dataclass; its comment becomes the help.

    Args:
        config: dataclass whose fields are `name: type = default  # Help.`
        defaults: other defaults.
    """
    # A field is one line, or is wrapped: its value and comment then stand further in.
    field_comment = re.compile(
        r"^ {4}(\w+): [^#\n]*(?:\n {8}[^#\n]*)?# (.*)$", re.MULTILINE
    )
    comments = dict(field_comment.findall(inspect.getsource(config)))
    for field in dataclasses.fields(config):
        default = defaults.get(field.name, field.default)
        # Of the script, so that its --help lists them.
        _DEFINE[field.type](
            field.name, default, comments[field.name], module_name=sys.argv[0]
        )


def parse(config):
    """Returns the dataclass filled from the flags."""
    return config(
        **{field.name: FLAGS[field.name].value for field in dataclasses.fields(config)}
    )


@contextlib.contextmanager
def quiet_imports():
    """Hides what TensorFlow says about itself while it starts.

    It writes from C++ before its own log level is read; so the descriptor itself is
    put aside. Where the import fails, everything is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves oneDNN's kernels off on x86 without AVX-512; they are faster there.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(terminal, hidden.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def start(main, *, takes_arguments=False):
    """Runs `main`; what a user can mend is one line on stderr, without a traceback.

    Exit status: 1 for bad input, 143 (128 + SIGTERM) for a run that was stopped and
    will go on, 141 (128 + SIGPIPE) where nobody reads the output any more.

    Args:
        main: function(arguments), the script's name first, as absl calls it; it may
            return an exit status of its own.
        takes_arguments: False where a word that is no flag is a mistake.
    """

    def guarded(arguments):
        # The package says what it recognised; other people's loggers stay at warnings.
        absl_logging.set_verbosity(absl_logging.WARNING)
        logging.basicConfig(format="%(message)s", stream=sys.stderr, force=True)
        logging.getLogger("bert_tf").setLevel(logging.INFO)
        try:
            if arguments[1:] and not takes_arguments:
                raise ValueError(
                    f"{arguments[1]!r} is not a flag; write --name=value, and --name "
                    "or --noname for what is on or off."
                )
            status = main(arguments)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # Python would try once more as it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except (ValueError, OSError, ArithmeticError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception as stopped:
            # Late: a script may have to say that TensorFlow does not load.
            from bert_tf.training.loop import Stopped

            if not isinstance(stopped, Stopped):
                raise
            print(stopped, file=sys.stderr)
            sys.exit(143)

    app.run(guarded)
