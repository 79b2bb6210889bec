"""Tests of expected behaviour, written as plain text (CheckList, Ribeiro et al., 2020).

    # A heading names the kind of a test and the test.
    [mft: plain praise] positive
    The film is {good|great|superb}.

    [inv: names]
    {John|Mary|Omar} liked the film.

    [dir: praise is added] positive up
    The film is good. => The film is good, and the music is {great|superb}.

Braces hold alternatives, and all texts that they make are tested. A minimum functionality
test (mft) has the label that each text must get. In an invariance test (inv) all texts of a
line must get the same label. In a directional one (dir), the probability of a label must
not fall (up) or not rise (down) by more than 0.05.
"""

import dataclasses
import itertools
import re

from bert_tf.data.records.files import number_entries, read_text, split_lines

KINDS = {
    "mft": "minimum functionality",
    "inv": "invariance",
    "dir": "directional expectation",
}
SLACK = 0.05
_HEADING = re.compile(r"\[(\w+):\s*(.+?)\]\s*(.*)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_ARROW = " => "


@dataclasses.dataclass
class Test:
    """One test.

    Attributes:
        kind: key of `KINDS`.
        name: of the test.
        label: of mft and dir; "" of inv.
        direction: "up" or "down", of dir; "" of others.
        groups: lists of texts that belong together: of mft one text, of inv all texts of
            a line, of dir the text before and after.
    """

    kind: str
    name: str
    label: str
    direction: str
    groups: list


def read(path, labels):
    """Returns the list of `Test` of a file.

    Args:
        path: of the file.
        labels: names of the labels that the model knows.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line does not have the form; names it.
    """
    tests = []
    for number, line in number_entries(split_lines(read_text(path))):
        where = f"{path}, line {number}"
        heading = _HEADING.fullmatch(line)
        if heading:
            tests.append(_begin(*heading.groups(), labels, where))
        elif not tests:
            raise ValueError(f"{where}: a text stands under no [test]; add a heading.")
        else:
            tests[-1].groups += _expand_line(tests[-1], line, where)
    empty = next((test.name for test in tests if not test.groups), None)
    if empty or not tests:
        raise ValueError(
            f"{path}: the test {empty!r} has no texts."
            if empty
            else f"{path}: no tests."
        )
    return tests


def _begin(kind, name, expected, labels, where):
    if kind not in KINDS:
        raise ValueError(
            f"{where}: a test is one of {', '.join(KINDS)}; received {kind!r}."
        )
    direction = ""
    if kind == "dir":
        expected, _, direction = expected.rpartition(" ")
        if direction not in ("up", "down"):
            raise ValueError(
                f"{where}: a directional test has a label and up or down; received "
                f"{f'{expected} {direction}'.strip()!r}."
            )
    expected = expected.strip()
    if kind == "inv" and expected:
        raise ValueError(
            f"{where}: an invariance test has no label; received {expected!r}."
        )
    if kind != "inv" and expected not in labels:
        raise ValueError(
            f"{where}: the label must be among {', '.join(labels)}; received {expected!r}."
        )
    return Test(kind, name, expected, direction, [])


def expand(template):
    """Returns all texts of a template, in the order of its alternatives."""
    parts = _BRACES.split(template)
    # Every second part is what braces held.
    options = [
        part.split("|") if number % 2 else [part] for number, part in enumerate(parts)
    ]
    return ["".join(chosen) for chosen in itertools.product(*options)]


def _expand_line(test, line, where):
    if test.kind == "mft":
        return [[text] for text in expand(line)]
    if test.kind == "inv":
        texts = expand(line)
        if len(texts) < 2:
            raise ValueError(
                f"{where}: an invariance test compares several texts; write alternatives "
                "as {one|other}."
            )
        return [texts]
    if line.count(_ARROW) != 1:
        raise ValueError(f"{where}: a directional test has a text => changed text.")
    groups = []
    for text in expand(line):
        groups.append([side.strip() for side in text.split(_ARROW)])
    return groups


def judge(test, scores):
    """Returns whether each group of a test fails, a list.

    Args:
        test: `Test`.
        scores: for each group, for each of its texts, {label: probability}.
    """
    failures = []
    for rows in scores:
        labels = [max(row, key=row.get) for row in rows]
        if test.kind == "mft":
            failures.append(labels[0] != test.label)
        elif test.kind == "inv":
            failures.append(len(set(labels)) > 1)
        else:
            change = rows[1][test.label] - rows[0][test.label]
            failures.append(
                change < -SLACK if test.direction == "up" else change > SLACK
            )
    return failures
