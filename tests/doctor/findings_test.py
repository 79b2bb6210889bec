"""Findings and their table."""

import pytest

from bert_tf.doctor import findings

FINDINGS = [
    findings.ok("machine/memory", "5.1 GB free"),
    findings.note("texts/lengths", "3 of 10 are too long.", "Raise it."),
    findings.problem("texts/labels", "Only one.", "--label_column=topic"),
]


def test_levels_are_counted():
    assert findings.count_levels(FINDINGS) == (1, 1)


def test_table():
    assert findings.format_table(FINDINGS).splitlines() == [
        "machine",
        "  ✓ memory   5.1 GB free",
        "",
        "texts",
        "  ! lengths  3 of 10 are too long.",
        "             → Raise it.",
        "  ✗ labels   Only one.",
        "             → --label_column=topic",
        "",
        "1 problem and 1 note: fix the problems (✗) before a run.",
    ]


def test_long_lines_are_indented_and_commands_stay_whole():
    finding = findings.note(
        "a/b", "one two " * 9, "Run: pip install very-very-long-name"
    )
    table = findings.format_table([finding], width=40).splitlines()
    assert table[1] == "  ! b  one two one two one two one two"
    assert table[2] == "       one two one two one two one two"
    assert table[4:6] == ["       → Run: pip install", "         very-very-long-name"]


def test_levels_are_coloured():
    assert "\033[31m✗\033[0m labels" in findings.format_table(FINDINGS, color=True)


@pytest.mark.parametrize(
    "chosen, verdict",
    [
        (FINDINGS[:1], "No problems."),
        (FINDINGS[:2] * 2, "2 notes: you can start a run."),
        (FINDINGS[2:] * 2, "2 problems: fix the problems (✗) before a run."),
    ],
)
def test_verdict(chosen, verdict):
    assert findings.format_table(chosen).endswith("\n" + verdict)


@pytest.mark.parametrize(
    "message, says, fix",
    [
        ("a.csv, line 3: no label. Write it.", "a.csv, line 3: no label.", "Write it."),
        ("it is missing: pip install it", "it is missing", "pip install it"),
        ("one sentence.", "one sentence.", "Try this."),
    ],
)
def test_the_last_sentence_of_an_error_is_the_fix(message, says, fix):
    received = findings.from_error("a/b", ValueError(message), "Try this.")
    assert received == findings.problem("a/b", says, fix)
