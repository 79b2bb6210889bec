"""Flags made from the dataclasses that they fill."""

import contextlib
import dataclasses
import io
import re
import shutil
import sys

from absl import flags

from bert_tf.commands import flag_help
from bert_tf.ground import did_you_mean, quote

FLAGS = flags.FLAGS
_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_multi_string,
}
_sections = []  # Of the help, in the order of definition: functions of a task's name.
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
    sections = [section for section in sections if section[1]]
    _sections.append(lambda task: sections)


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
    _sections.append(
        lambda task: flag_help.option_sections(
            options, list(tasks), use, task if task in tasks else ""
        )
    )


def _define(field, default):
    # --helpfull lists the flag under the name of the command.
    _DEFINE[field.type](
        field.name, default, field.metadata["help"], module_name=sys.argv[0]
    )


def parse(config, **defaults):
    """Returns the dataclass, filled from the flags.

    Args:
        config: dataclass.
        defaults: {field: value} for flags that are not given.
    """
    names = [f.name for f in dataclasses.fields(config) if "help" in f.metadata]
    names += [name for name in _options.get(config, ()) if FLAGS[name].present]
    others = {name: x for name, x in defaults.items() if not FLAGS[name].present}
    return config(**{name: FLAGS[name].value for name in names} | others)


def read_command_line(arguments):
    """Fills the flags from a command line, and returns the arguments that are no flags.

    Args:
        arguments: list of strings; the first one is the name of the command.

    Raises:
        ValueError: one line; a flag, or a file of flags, is wrong.
    """
    warnings = io.StringIO()
    try:
        with contextlib.redirect_stderr(warnings):
            others = FLAGS(arguments)
    except flags.UnrecognizedFlagError as error:
        hint = did_you_mean(error.flagname, list(FLAGS), _see_help(arguments))
        raise ValueError(f"there is no flag {quote(error.flagname)}. {hint}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"flagfile: not {error.encoding} text at byte {error.start}; name a text "
            "file with one --name=value a line."
        ) from None
    # Whatever stands there, the user has written it.
    except Exception as error:  # noqa: BLE001
        line = " ".join(str(error).removeprefix("ERROR:: ").split())
        shown = line if len(line) < 200 else line[:199] + "…"
        raise ValueError(f"{shown.rstrip('.')}. {_see_help(arguments)}") from None
    if warnings.getvalue():  # absl warns of this, and goes on.
        name = warnings.getvalue().strip().rpartition(" ")[2]
        raise ValueError(f"flagfile {name!r} names itself; drop that line of it.")
    return others


def format_help(description, arguments=()):
    """Returns the text of `--help` for all flags that were defined.

    Args:
        description: as of `flag_help.format_help`.
        arguments: of the command line; of a task named there, only its options are shown.
    """
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    named = [x.partition("=")[2] for x in arguments if re.match("--?task=", x)]
    task = named[-1] if named else ""
    sections = [section for make in _sections for section in make(task)]
    return flag_help.format_help(description, sections, width)


def _see_help(arguments):
    return f"{arguments[0]} --help lists the flags."
