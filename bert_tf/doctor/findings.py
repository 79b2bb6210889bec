"""A finding: what was looked at, how it stands, what to do; and the table of them.

{"check": "group/name", "level": "ok" | "note" | "problem", "says": …, "fix": …}; a
note runs but may disappoint, a problem stops a run or spoils its result.
"""

import itertools
import re
import textwrap

_TICKS = {"ok": ("✓", "32"), "note": ("!", "33"), "problem": ("✗", "31")}


def ok(check, says):
    return {"check": check, "level": "ok", "says": says, "fix": ""}


def note(check, says, fix):
    return {"check": check, "level": "note", "says": says, "fix": fix}


def problem(check, says, fix):
    return {"check": check, "level": "problem", "says": says, "fix": fix}


def refused(check, error, otherwise):
    """A problem from an error, whose last sentence is the next move as a rule.

    Args:
        error: the exception.
        otherwise: the fix where the message is a single sentence.
    """
    *says, move = re.split(r"(?<=[.?;:]) (?=[A-Z]|pip install)", str(error).strip())
    if not says:
        return problem(check, move, otherwise)
    return problem(check, " ".join(says).rstrip(":"), move)


def count_levels(findings):
    """Returns (problems, notes)."""
    levels = [finding["level"] for finding in findings]
    return levels.count("problem"), levels.count("note")


def format_table(findings, width=100, color=False):
    """Lays findings out for a person: by group, ticked, the fix below each.

    Args:
        width: characters of a line.
        color: whether the ticks are coloured, as terminals understand it.
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
    # Commands and flags are to be copied: a hyphen does not break them.
    return textwrap.wrap(
        text, max(width, 30), break_on_hyphens=False, break_long_words=False
    ) or [""]


def _verdict(problems, notes):
    counts = [
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((problems, "problem"), (notes, "note"))
        if number
    ]
    if not counts:
        return "All is well."
    ending = "mend what is marked ✗ first" if problems else "nothing stands in the way"
    return f"{' and '.join(counts)}: {ending}."
