"""Findings: what they hold, and the table a person reads."""

import pytest

from bert_tf.doctor import findings

FINDINGS = [
    findings.ok("machine/memory", "5.1 GB free"),
    findings.note("texts/lengths", "3 of 10 lose 7 each on average.", "Raise it."),
    findings.problem("texts/labels", "One only.", "--label_column=topic"),
]


def test_levels_are_counted():
    assert findings.count_levels(FINDINGS) == (1, 1)


def test_table():
    assert findings.format_table(FINDINGS).splitlines() == [
        "machine",
        "  ✓ memory   5.1 GB free",
        "",
        "texts",
        "  ! lengths  3 of 10 lose 7 each on average.",
        "             → Raise it.",
        "  ✗ labels   One only.",
        "             → --label_column=topic",
        "",
        "1 problem and 1 note: mend what is marked ✗ first.",
    ]


def test_long_lines_hang_and_commands_stay_whole():
    finding = findings.note(
        "a/b", "one two " * 9, "Run: pip install very-very-long-name"
    )
    table = findings.format_table([finding], width=40).splitlines()
    assert table[1] == "  ! b  one two one two one two one two"
    assert table[2] == "       one two one two one two one two"
    assert table[4:6] == ["       → Run: pip install", "         very-very-long-name"]


def test_ticks_take_colour():
    assert "\033[31m✗\033[0m labels" in findings.format_table(FINDINGS, color=True)


@pytest.mark.parametrize(
    "chosen, verdict",
    [
        (FINDINGS[:1], "All is well."),
        (FINDINGS[:2] * 2, "2 notes: nothing stands in the way."),
        (FINDINGS[2:] * 2, "2 problems: mend what is marked ✗ first."),
    ],
)
def test_verdict(chosen, verdict):
    assert findings.format_table(chosen).endswith("\n" + verdict)


@pytest.mark.parametrize(
    "message, says, fix",
    [
        ("a.csv, line 3: no label. Write it.", "a.csv, line 3: no label.", "Write it."),
        ("it is missing: pip install it", "it is missing", "pip install it"),
        ("one sentence.", "one sentence.", "Look."),
    ],
)
def test_the_last_sentence_of_an_error_is_the_fix(message, says, fix):
    received = findings.refused("a/b", ValueError(message), "Look.")
    assert received == findings.problem("a/b", says, fix)
