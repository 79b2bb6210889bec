"""How a command starts and ends: its verb, its streams, its errors, its exit status."""

import importlib
import io
import itertools
import logging
import os
import re
import sys

from absl import app
from absl import logging as absl_logging

import bert_tf
from bert_tf.commands import flags, lean
from bert_tf.ground import did_you_mean, quote

VERBS = (
    *("quickstart", "doctor", "finetune", "evaluate", "predict", "compare"),
    *("index", "search"),
    *(
        "distill",
        "prune",
        "compress",
        "analyze",
        "export",
        "serve",
        "glue",
        "learn-vocabulary",
    ),
    *("create-pretraining-data", "pretrain", "convert-checkpoint"),
)
_TAKE_TEXTS = ("predict",)  # Their arguments need not be flags.
_LONGEST = 1200  # Characters of an error.
_HELP = {"--help", "-help", "--helpshort", "-helpshort", "--h", "-h", "-?"}


def start(verb, arguments):
    """Runs the command that a user typed.

    Args:
        verb: of `VERBS`; "" if the first argument names it.
        arguments: list of strings, as `sys.argv`.

    Returns:
        exit status, if the command does not end the process itself.
    """
    lean.hide_packages_from_keras()
    if not _open_streams():
        return _refuse(
            "standard output is closed, but results are printed there; send it to a "
            "file, or to /dev/null."
        )
    program, arguments = _program(verb, arguments[0]), arguments[1:]
    if not verb:
        if not arguments or arguments[0] in _HELP:
            return _status(lambda: print(_list_verbs(program)))
        if arguments[0] == "--version":
            return _status(lambda: print(f"bert_tf {bert_tf.__version__}"))
        verb, arguments = arguments[0].replace("_", "-"), arguments[1:]
        if verb not in VERBS:
            hint = did_you_mean(verb, VERBS, f"{program} --help lists them.")
            return _refuse(f"there is no command {quote(verb)}. {hint}")
        program = f"{program} {verb}"
    module = _module(verb)
    module.define()
    return run(
        module.main,
        [program, *arguments],
        description=module.__doc__,
        takes_texts=verb in _TAKE_TEXTS,
    )


def run(main, arguments, *, description="", takes_texts=False):
    """Runs the function of a command.

    An error that the user can correct is one line, without a traceback. Exit status: 1
    for bad input, 143 (128 + SIGTERM) for a run that was stopped and can be resumed, 141
    (128 + SIGPIPE) if nobody reads the output any more, and, by `commands.main`, 130
    (128 + SIGINT) for Ctrl-C at any other time.

    Args:
        main: function(texts); may return an exit status.
        arguments: list of strings; the first one is the command, as the user types it.
        description: docstring of the command.
        takes_texts: whether arguments that are no flags are allowed, and are texts.
    """
    program = arguments[0]
    before_texts = itertools.takewhile(lambda argument: argument != "--", arguments)
    if _HELP & set(before_texts):
        text = flags.format_help(as_typed(description, program), arguments)
        sys.exit(_status(lambda: print(text)))

    def work(others):
        # Other packages log warnings only.
        absl_logging.set_verbosity(absl_logging.WARNING)
        logging.basicConfig(format="%(message)s", stream=sys.stderr, force=True)
        logging.getLogger("bert_tf").setLevel(logging.INFO)
        if others[1:] and not takes_texts:
            return _refuse(
                f"{quote(others[1])} is not a flag; write --name=value, or --name and "
                "--noname to turn a setting on and off."
            )
        return _status(lambda: main(others[1:]))

    app.run(work, argv=arguments, flags_parser=_parse)


def as_typed(text, program):
    """Returns a text in which commands stand as the user types this one.

    Args:
        text: with commands such as `bert-tf finetune`.
        program: the command, such as "python scripts/finetune.py".
    """
    if program.endswith(".py"):
        return re.sub(
            "bert-tf ([a-z-]+)",
            lambda verb: f"python scripts/{verb[1].replace('-', '_')}.py",
            text,
        )
    return text.replace("bert-tf ", program.rpartition(" ")[0] + " ")


def _status(work):
    """Returns the exit status of a function; an error of the user is printed."""
    try:
        status = work() or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _drop_output()
        return 141
    except (ValueError, OSError, ArithmeticError) as error:
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return _refuse(error)
    except Exception as stopped:
        from bert_tf.training.loop import Stopped

        if not isinstance(stopped, Stopped):
            raise
        print(stopped, file=sys.stderr)
        return 143


def _parse(arguments):
    try:
        return flags.read_command_line(arguments)
    except ValueError as error:
        sys.exit(_refuse(error))


def _refuse(error):
    text = str(error)
    if len(text) > _LONGEST:  # A value that a user gave may be a whole file.
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    print(f"error: {text}", file=sys.stderr)
    return 1


def _program(verb, path):
    """Returns the command as the user typed it, without a verb that is an argument."""
    if verb:
        return f"python scripts/{verb.replace('-', '_')}.py"
    as_module = os.path.basename(path) == "__main__.py"
    return "python -m bert_tf" if as_module else "bert-tf"


def _module(verb):
    return importlib.import_module(f"bert_tf.commands.{verb.replace('-', '_')}")


def _list_verbs(program):
    width = max(map(len, VERBS)) + 2
    lines = [f"{program} COMMAND [--flag=value …]", ""]
    for verb in VERBS:
        what = _module(verb).__doc__.strip().partition("\n")[0]
        lines.append(f"  {verb:{width}}{what}")
    return "\n".join([*lines, "", f"{program} COMMAND --help shows a command's flags."])


class _Closed(io.RawIOBase):
    """Standard input that a shell has closed, as `<&-` does."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise OSError("standard input is closed, so nothing can be read from it.")


def _open_streams():
    """Takes the places of standard streams that are closed; False if it is the output.

    Otherwise the next file that is opened would get the number of a stream, and what is
    printed would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest number that is free.
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed()))
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (Open until the end.)
    return sys.stdout is not None


def _drop_output():
    """Keeps Python from writing to standard output again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
