"""The section Analysis of a model card: its figures, its place, and what it never holds."""

import re
import shutil

import pytest

import bert_tf
from bert_tf.analysis import card
from bert_tf.analysis.findings import Part

VALUES = {
    "attacks": {
        "typos": {
            "records": 3,
            "success": 0.5,
            "success_95": [0.25, 0.75],
            "queries": 9,
        }
    },
    "slices": {"a|b <b>": {"rate": {"value": 0.1, "interval_95": [0, 0.2]}}},
    "scores": {"mean": 2, "interval_95": [1, 3], "minus_random_95": [0, 1]},
    "advglue": {"accuracy": 0.4, "interval_95": [0.3, 0.5]},
    "ece_reduction_95": [0.1, 0.2],
    "examples": 7,
}
PART = Part("robustness", "Robustness", ["Not shown."], VALUES, [], ["One `caveat`."])
SECTION = r"""<!-- analysis: begin -->

## Analysis

What `bert-tf analyze` found (4 of a\|b.csv). Figures have 95 % intervals. They are of these records and measures alone.

### Robustness

| figure | value | 95 % |
|---|---|---|
| attacks / typos / success | 0.500 | 0.250 to 0.750 |
| slices / a\|b \<b\> / rate / value | 0.100 | 0.000 to 0.200 |
| scores / mean | 2.000 | 1.000 to 3.000 |
| advglue / accuracy | 0.400 | 0.300 to 0.500 |

- One \`caveat\`.

<!-- analysis: end -->
"""


@pytest.fixture
def readme(tmp_path):
    (tmp_path / "README.md").write_text("# Model\n\nIt is good.\n", encoding="utf-8")
    return tmp_path / "README.md"


def test_the_section_is_added_and_replaced(readme):
    for _ in range(2):
        card.update_card(card.find_card(readme.parent), [PART], "4 of a|b.csv")
        assert readme.read_text() == f"# Model\n\nIt is good.\n\n{SECTION}"
    readme.write_text(readme.read_text() + "\n## Mine\n")
    card.update_card(readme, [Part("x", "X", [], {"examples": 1})], "")
    text = readme.read_text()
    assert text.startswith("# Model\n\nIt is good.\n\n<!-- analysis: begin -->")
    assert text.endswith("alone.\n\n<!-- analysis: end -->\n## Mine\n")
    assert "typos" not in text and "### X" not in text


def test_names_cannot_end_the_section(readme):
    values = {"<!-- analysis: end -->\n# Head": {"value": 1, "interval_95": [0, 2]}}
    for _ in range(2):
        card.update_card(
            card.find_card(readme.parent), [Part("x", "X", [], values)], ""
        )
    text = readme.read_text()
    assert text.count("<!-- analysis: end -->") == 1 and "\n# Head" not in text


def test_a_long_part_is_cut(readme):
    values = {
        str(n): {"value": n, "interval_95": [n, n]} for n in range(card._MOST + 2)
    }
    card.update_card(readme, [Part("x", "X", [], values)], "")
    text = readme.read_text()
    assert len(re.findall(r"^\| \d+ / value", text, re.MULTILINE)) == card._MOST
    assert "The report has 2 more." in text and "| 41 / value" not in text


@pytest.mark.parametrize(
    "text",
    [
        "<!-- analysis: begin -->",
        "<!-- analysis: end -->\n<!-- analysis: begin -->",
        "<!-- analysis: begin --><!-- analysis: end -->" * 2,
    ],
)
def test_a_damaged_section(text, readme):
    readme.write_text(text)
    with pytest.raises(ValueError, match="once each; remove what is left of it"):
        card.find_card(readme.parent)


def test_from_the_command(folders, tmp_path):
    shutil.copytree(folders["classification"], tmp_path / "model")
    (tmp_path / "data.tsv").write_text("text\tlabel\nit was good\tup\nbad film\tdown\n")
    settings = {
        "model": str(tmp_path / "model"),
        "data": str(tmp_path / "data.tsv"),
        "part": "robustness",
        "attacked": 1,
        "update_card": True,
    }
    before = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    bert_tf.analyze(bert_tf.AnalyzeConfig(**settings, output_dir=str(tmp_path / "a")))
    after = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert after.startswith(before) and "| attacks / homoglyphs / success |" in after
    (tmp_path / "model" / "README.md").unlink()
    with pytest.raises(FileNotFoundError, match="update_card has no model card"):
        bert_tf.analyze(
            bert_tf.AnalyzeConfig(**settings, output_dir=str(tmp_path / "b"))
        )
    assert not (tmp_path / "b").exists()
