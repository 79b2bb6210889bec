"""Tests of behaviour: their file, their texts, their verdicts."""

import pytest

from bert_tf.analysis.robustness import checklist

FILE = """# A comment.
[mft: plain praise] up
The film is {good|great}.

[inv: names]
{John|Mary} liked the {film|play}.

[dir: praise is added] up up
It is good. => It is {good|fine}, and great.
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "tests.txt").write_text(text)
        return checklist.read(str(tmp_path / "tests.txt"), ["up", "down"])

    return write


def test_a_file(write):
    praise, names, added = write(FILE)
    assert praise.groups == [["The film is good."], ["The film is great."]]
    assert names.groups == [
        [
            *("John liked the film.", "John liked the play."),
            *("Mary liked the film.", "Mary liked the play."),
        ]
    ]
    assert added.groups == [
        ["It is good.", "It is good, and great."],
        ["It is good.", "It is fine, and great."],
    ]
    assert (added.kind, added.label, added.direction) == ("dir", "up", "up")


def test_verdicts_by_hand(write):
    praise, names, added = write(FILE)

    def up(share):
        return {"up": share, "down": 1 - share}

    assert checklist.judge(praise, [[up(0.9)], [up(0.4)]]) == [False, True]
    assert checklist.judge(names, [[up(0.9), up(0.6), up(0.7), up(0.8)]]) == [False]
    assert checklist.judge(names, [[up(0.9), up(0.6), up(0.4), up(0.8)]]) == [True]
    rows = [[up(0.9), up(0.86)], [up(0.9), up(0.8)]]
    assert checklist.judge(added, rows) == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A text.\n", "line 1: a text stands under no"),
        (
            "[abc: x] up\nA text.\n",
            "line 1: a test is one of mft, inv, dir; received 'abc'",
        ),
        ("[mft: x] left\nA text.\n", "line 1: the label must be among up, down"),
        ("[inv: x] up\n{a|b}\n", "line 1: an invariance test has no label"),
        ("[inv: x]\nA text.\n", "line 2: an invariance test compares several texts"),
        (
            "[dir: x] up\na => b\n",
            "line 1: the label must be among up, down; received ''",
        ),
        ("[dir: x] up left\na => b\n", "line 1: a directional test has a label and up"),
        ("[dir: x] up down\na\n", "line 2: a directional test has a text => changed"),
        ("[mft: x] up\n", "the test 'x' has no texts"),
        ("# nothing\n", "no tests"),
    ],
)
def test_bad_files(text, message, write):
    with pytest.raises(ValueError, match=message):
        write(text)
