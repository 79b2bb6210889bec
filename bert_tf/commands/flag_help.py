"""The text of `--help`: what a script does, then its flags under headings."""

import textwrap

_COLUMN = 32  # Where the help of all flags but the longest begins.


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
    return f"{flag}{default}", text


def option_sections(options, tasks, use):
    """Returns sections with the options of tasks: shared ones first, then by task.

    Args:
        options: {name: {task: dataclass field}}.
        tasks: names of all tasks that the script knows.
        use: "training" or "prediction".
    """
    shared, own = [], {task: [] for task in tasks}
    for fields in options.values():
        if len(fields) > 1 and len({f.metadata["help"] for f in fields.values()}) == 1:
            shared.append(_describe_shared(fields, tasks, use))
            continue
        # An option that means something else for each task is shown for each.
        for task, field in fields.items():
            own[task].append(describe(field, _default(field, use)))
    sections = [("options of several tasks", shared)]
    sections += [(f"options of {task}", rows) for task, rows in own.items()]
    return [(heading, rows) for heading, rows in sections if rows]


def _describe_shared(fields, tasks, use):
    by_default = {}
    for task, field in fields.items():
        by_default.setdefault(_default(field, use), []).append(task)
    if len(by_default) == 1:
        note = "" if len(fields) == len(tasks) else f" For {', '.join(fields)}."
        return describe(field, *by_default, note)
    groups = [f"{value} ({', '.join(names)})" for value, names in by_default.items()]
    text = f"{field.metadata['help']} Default: {', '.join(groups)}."
    return describe(field, "")[0], text


def _default(field, use):
    remembered = use == "prediction" and field.metadata["use"] == "both"
    return None if remembered else field.default
