"""Findings of the checks, and their layout as a table.

A finding is {"check": "group/name", "level": "ok" | "note" | "problem", "says": the
result, "fix": what to do}. A run works despite a note, but may be slow or score lower. A
problem stops a run or makes its result wrong.
"""

import itertools
import re
import textwrap

from bert_tf.ground import count

_TICKS = {"ok": ("✓", "32"), "note": ("!", "33"), "problem": ("✗", "31")}


def ok(check, says):
    return {"check": check, "level": "ok", "says": says, "fix": ""}


def note(check, says, fix):
    return {"check": check, "level": "note", "says": says, "fix": fix}


def problem(check, says, fix):
    return {"check": check, "level": "problem", "says": says, "fix": fix}


def from_error(check, error, default_fix):
    """Returns the problem that an exception describes.

    Args:
        check: "group/name".
        error: the exception; the last sentence of its message becomes the fix.
        default_fix: the fix if the message is a single sentence.
    """
    message = str(error).strip()
    *says, fix = re.split(r"(?<=[.?;:]) (?=[A-Z]|pip install)", message)
    if not says:
        return problem(check, message, default_fix)
    return problem(check, " ".join(says).rstrip(":"), fix)


def count_levels(findings):
    """Returns (problems, notes)."""
    levels = [finding["level"] for finding in findings]
    return levels.count("problem"), levels.count("note")


def format_table(findings, width=100, color=False):
    """Returns findings as a text table: by group, each with its level and its fix.

    Args:
        findings: list of findings.
        width: characters of a line.
        color: True to colour the levels with terminal codes.
    """
    lines = []
    column = max(len(finding["check"].partition("/")[2]) for finding in findings) + 2
    indent = " " * (column + 4)
    for group, members in itertools.groupby(findings, _group):
        lines += ["", group] if lines else [group]
        for finding in members:
            tick, shade = _TICKS[finding["level"]]
            tick = f"\033[{shade}m{tick}\033[0m" if color else tick
            name = finding["check"].partition("/")[2]
            says = _wrap(finding["says"], width - len(indent))
            lines.append(f"  {tick} {name:{column}}{says[0]}")
            lines += [indent + line for line in says[1:]]
            if finding["fix"]:
                fix = _wrap(finding["fix"], width - len(indent) - 2)
                lines.append(f"{indent}→ {fix[0]}")
                lines += [f"{indent}  {line}" for line in fix[1:]]
    return "\n".join([*lines, "", _verdict(*count_levels(findings))])


def _group(finding):
    return finding["check"].partition("/")[0]


def _wrap(text, width):
    # Breaks at hyphens would split commands and flags, which users copy.
    return textwrap.wrap(
        text, max(width, 30), break_on_hyphens=False, break_long_words=False
    ) or [""]


def _verdict(problems, notes):
    counts = [
        count(number, noun)
        for number, noun in ((problems, "problem"), (notes, "note"))
        if number
    ]
    if not counts:
        return "No problems."
    ending = "fix the problems (✗) before a run" if problems else "you can start a run"
    return f"{' and '.join(counts)}: {ending}."
