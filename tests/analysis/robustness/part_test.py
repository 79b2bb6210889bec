"""The part `robustness`, from files to figures."""

import html
import json

import pytest

import bert_tf
from bert_tf.analysis.robustness import advglue

DATA = "text\tlabel\nit was good\tup\nbad\tdown\na fine film\tup\npoor film\tdown\n"
CHECKS = """[mft: praise] up
the film is {good|fine}.

[inv: people]
{he|she} was good
"""


def settings(folders, home, **more):
    (home / "data.tsv").write_text(DATA)
    return bert_tf.AnalyzeConfig(
        model=folders["classification"],
        data=str(home / "data.tsv"),
        part="robustness",
        output_dir=str(home / "report"),
        **more,
    )


def test_figures_are_those_of_the_model(folders, masked_folder, tmp_path):
    (tmp_path / "checks.txt").write_text(CHECKS)
    found = bert_tf.analyze(
        settings(
            *(folders, tmp_path),
            attacked=2,
            attack_model=str(masked_folder),
            checklist_file=str(tmp_path / "checks.txt"),
        )
    )["parts"]["robustness"]
    model = bert_tf.Model(folders["classification"])
    texts, truths = zip(*(line.split("\t") for line in DATA.splitlines()[1:]))
    right = sum(
        row["label"] == truth for row, truth in zip(model.predict(texts), truths)
    )
    assert set(found["attacks"]) == {
        *("typos", "homoglyphs", "zero_width", "bidirectional", "words")
    }
    for own in found["attacks"].values():
        low, high = own["success_95"]
        assert own["records"] == min(right, 2) and low <= own["success"] <= high
    up = [
        row["scores"]["up"]
        for row in model.predict(["the film is good.", "the film is fine."])
    ]
    he, she = (row["label"] for row in model.predict(["he was good", "she was good"]))
    assert found["checklist"] == {
        "praise": {"kind": "mft", "groups": 2, "failures": sum(x < 0.5 for x in up)},
        "people": {"kind": "inv", "groups": 1, "failures": int(he != she)},
    }
    best = found["triggers"]["most_effective"][0]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    if not found["triggers"]["suspicious"]:
        share = best["turned_long"] or 0
        assert f"{best['token']}, turns {share:.0%} of them" in html.unescape(page)
    assert "Attacks on records" in page and "Tests of expected behaviour" in page


ROWS = {
    "sst2": [{"sentence": "it was good", "label": 1}, {"sentence": "bad", "label": 0}],
    "mnli": [{"premise": "a", "hypothesis": "b", "label": 2}],
}


class TestAdvglue:
    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "dev.json").write_text(json.dumps(ROWS))
        return str(tmp_path / "dev.json")

    def test_numbers(self, file):
        assert advglue.read(file, "sst2", ["0", "1"]) == (
            [{"text": "it was good"}, {"text": "bad"}],
            ["1", "0"],
        )

    def test_names_in_another_order(self, file):
        labels = ["contradiction", "entailment", "neutral"]
        assert advglue.read(file, "mnli", labels) == (
            [{"text": "a", "text_pair": "b"}],
            ["contradiction"],
        )

    @pytest.mark.parametrize(
        ("task", "labels", "message"),
        [
            ("rte", ["0", "1"], "which has sst2, mnli; received 'rte'"),
            (
                "sst2",
                ["up", "down"],
                "labels negative, positive, or 0, 1, but .* up, down",
            ),
        ],
    )
    def test_refused(self, task, labels, message, file):
        with pytest.raises(ValueError, match=message):
            advglue.read(file, task, labels)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"sentence": "bad", "label": 2}, "record 0 of sst2: there is no label 2"),
            ({"sentence": "bad"}, "label must be .*received none"),
            ({"label": 1}, "sentence must be .*received none"),
            ("bad", "must be"),
        ],
    )
    def test_records_that_are_wrong(self, row, message, tmp_path):
        (tmp_path / "dev.json").write_text(json.dumps({"sst2": [row]}))
        with pytest.raises(ValueError, match=message):
            advglue.read(str(tmp_path / "dev.json"), "sst2", ["0", "1"])


def test_nothing_is_attacked_without_a_classifier(folders, tmp_path):
    (tmp_path / "data.tsv").write_text("text\tlabel\nit was good\t1.5\nbad\t0\n")
    config = bert_tf.AnalyzeConfig(
        model=folders["regression"],
        data=str(tmp_path / "data.tsv"),
        part="robustness",
        output_dir=str(tmp_path / "report"),
    )
    with pytest.raises(ValueError, match="nothing of part=robustness suits regression"):
        bert_tf.analyze(config)
    assert not (tmp_path / "report").exists()
