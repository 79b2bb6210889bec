"""The text of `--help`: what a script does, then its flags under headings."""

import textwrap

_COLUMN = 32  # Where the help of all flags but the longest begins.
_MANY = 5  # Options of a task, or of a few; more are shown for a chosen task only.


def format_help(description, sections, width=100):
    """Returns the text of `--help`.

    Args:
        description: docstring of the script, with an example command.
        sections: list of (heading, rows); a heading "" is a blank line.
        width: longest line of the flags.
    """
    longest = max((len(flag) for _, rows in sections for flag, _ in rows), default=0)
    column = min(_COLUMN, longest + 4)
    lines = [(description or "").strip(), ""]
    # What is written comes last, whichever dataclass says it.
    for heading, rows in sorted(sections, key=lambda section: section[0] == "output"):
        if heading or lines[-1]:
            lines.append(heading.upper())
        for flag, text in rows:
            row = textwrap.fill(
                text,
                width,
                initial_indent=f"  {flag}  ".ljust(column),
                subsequent_indent=" " * column,
                break_on_hyphens=False,
            )
            lines.append(row)
    lines += [
        "",
        "--flagfile=FILE reads flags from FILE; --helpfull lists absl's, too.",
    ]
    return "\n".join(lines)


def describe(field, default, note=""):
    """Returns a row: the flag with its default, and its help.

    Args:
        field: dataclass field that was declared by `setting`.
        default: value to show; None if the model folder remembers it.
        note: text between the help and the default.
    """
    text = field.metadata["help"] + note
    flag = f"--[no]{field.name}" if field.type is bool else f"--{field.name}="
    if default is None:
        return flag, f"{text} Default: as in training."
    if field.type is bool:
        return flag, f"{text} Default: {'on' if default else 'off'}."
    return f"{flag}{'' if field.type is tuple else default}", text


def option_sections(options, tasks, use, chosen=""):
    """Returns sections with the options of tasks: shared ones first, then by task.

    Many options of a task, or that the same few tasks share, are left out, unless the task
    is chosen.

    Args:
        options: {name: {task: dataclass field}}.
        tasks: names of all tasks that the script knows.
        use: "training" or "prediction".
        chosen: the only task whose options are shown; "" for all.
    """
    if chosen:
        fields = [fields[chosen] for fields in options.values() if chosen in fields]
        rows = [describe(field, _default(field, use)) for field in fields]
        return [(f"options of {chosen}", rows)]
    shared, own, groups = [], {task: [] for task in tasks}, {}
    for fields in options.values():
        # An option that means something else for another task is shown for each.
        for same in _by_help(fields):
            groups.setdefault(tuple(same), []).append(same)
    for names, members in groups.items():
        if len(names) == 1:
            fields = [same[names[0]] for same in members]
            own[names[0]] = [describe(field, _default(field, use)) for field in fields]
        elif len(members) <= _MANY or len(names) == len(tasks):
            shared += [_describe_shared(same, tasks, use) for same in members]
    for names, members in groups.items():
        if _MANY < len(members) and 1 < len(names) < len(tasks):
            count = len(members) + sum(len(own.pop(name)) for name in names)
            says = f"the {count} options of {' and '.join(names)}."
            row = (f"--task={names[0]} --help", says)
            shared.append(row)
    for task, rows in own.items():
        if len(rows) > _MANY:
            row = (f"--task={task} --help", f"the {len(rows)} options of {task}.")
            shared.append(row)
            own[task] = []
    sections = [("options of several tasks", shared)]
    sections += [(f"options of {task}", rows) for task, rows in own.items()]
    return [(heading, rows) for heading, rows in sections if rows]


def _by_help(fields):
    """Returns {task: field} of one option as a list of such, each with one help."""
    groups = {}
    for task, field in fields.items():
        groups.setdefault(field.metadata["help"], {})[task] = field
    return list(groups.values())


def _describe_shared(fields, tasks, use):
    by_default = {}
    for task, field in fields.items():
        by_default.setdefault(_default(field, use), []).append(task)
    if len(by_default) == 1:
        note = "" if len(fields) == len(tasks) else f" For {', '.join(fields)}."
        return describe(field, *by_default, note)
    # The most frequent default needs no names.
    usual = max(by_default, key=lambda value: len(by_default[value]))
    groups = [f"{x} ({', '.join(by_default[x])})" for x in by_default if x != usual]
    text = f"{field.metadata['help']} Default: {', '.join(groups)}, else {usual}."
    return describe(field, "")[0], text


def _default(field, use):
    remembered = use == "prediction" and field.metadata["use"] == "both"
    return None if remembered else field.default
