"""Flags made from the dataclasses that they fill, and how a script starts and ends."""

import contextlib
import dataclasses
import itertools
import logging
import os
import shutil
import sys
import tempfile

import flag_help
from absl import app, flags
from absl import logging as absl_logging

FLAGS = flags.FLAGS
_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_multi_string,
}
_HELP = {"--help", "-help", "--helpshort", "-helpshort", "--h", "-h", "-?"}
_sections = []  # Of the help, in the order in which flags are defined.
_options = {}  # {config: names of the options of tasks that it takes}.


def define(config, **defaults):
    """Defines a flag for each field of a dataclass that was declared by `setting`.

    Args:
        config: dataclass.
        defaults: {field: default} that replace the dataclass's own.
    """
    sections = [("", [])]
    for field in dataclasses.fields(config):
        if "help" in field.metadata:
            default = defaults.get(field.name, field.default)
            _define(field, default)
            if field.metadata["section"]:
                sections.append((field.metadata["section"], []))
            sections[-1][1].append(flag_help.describe(field, default))
    _sections.extend(section for section in sections if section[1])


def define_options(config, tasks, use):
    """Defines a flag for each option of tasks; `parse` takes only those that are given.

    So an option of another task is refused even if its value equals the default.

    Args:
        config: dataclass that takes options, `bert_tf.tasks.options.TakesOptions`; an
            option with the name of one of its fields is left out.
        tasks: {name: class of the task}.
        use: "training" or "prediction"; options for both are always defined.
    """
    fields_of_config = {field.name for field in dataclasses.fields(config)}
    options = {}
    for task, kind in tasks.items():
        for field in dataclasses.fields(kind.Options):
            used = field.metadata["use"] in (use, "both")
            if used and field.name not in fields_of_config:
                options.setdefault(field.name, {})[task] = field
    for fields in options.values():
        _define(next(iter(fields.values())), None)
    _options[config] = list(options)
    _sections.extend(flag_help.option_sections(options, list(tasks), use))


def _define(field, default):
    # --helpfull lists the flag under the name of the script.
    _DEFINE[field.type](
        field.name, default, field.metadata["help"], module_name=sys.argv[0]
    )


def parse(config):
    """Returns the dataclass, filled from the flags."""
    names = [f.name for f in dataclasses.fields(config) if "help" in f.metadata]
    names += [name for name in _options.get(config, ()) if FLAGS[name].present]
    return config(**{name: FLAGS[name].value for name in names})


@contextlib.contextmanager
def quiet_imports():
    """Hides what TensorFlow prints while it is imported, unless the import fails.

    TensorFlow prints from C++ before it reads its own log level. So the file descriptor
    of standard error is replaced.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow turns oneDNN off on x86 without AVX-512, although it is faster there.
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
    """Runs `main`; an error that the user can correct is one line, without a traceback.

    Exit status: 1 for bad input, 143 (128 + SIGTERM) for a run that was stopped and can
    be resumed, 141 (128 + SIGPIPE) if nobody reads the output any more.

    Args:
        main: function(arguments) as absl calls it, with the name of the script first;
            may return an exit status.
        takes_arguments: whether arguments that are no flags are allowed.
    """
    before_texts = itertools.takewhile(lambda argument: argument != "--", sys.argv[1:])
    if _HELP & set(before_texts):
        width = min(shutil.get_terminal_size((100, 24)).columns, 100)
        description = sys.modules[main.__module__].__doc__
        print(flag_help.format_help(description, _sections, width))
        sys.exit()

    def guarded(arguments):
        # Other packages log warnings only.
        absl_logging.set_verbosity(absl_logging.WARNING)
        logging.basicConfig(format="%(message)s", stream=sys.stderr, force=True)
        logging.getLogger("bert_tf").setLevel(logging.INFO)
        try:
            if arguments[1:] and not takes_arguments:
                raise ValueError(
                    f"{arguments[1]!r} is not a flag; write --name=value, or --name "
                    "and --noname to turn a setting on and off."
                )
            status = main(arguments)
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            # Python flushes standard output again when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except (ValueError, OSError, ArithmeticError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception as stopped:
            # Imported late: doctor.py must run where TensorFlow cannot be imported.
            from bert_tf.training.loop import Stopped

            if not isinstance(stopped, Stopped):
                raise
            print(stopped, file=sys.stderr)
            sys.exit(143)

    app.run(guarded)
