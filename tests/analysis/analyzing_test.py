"""From a model folder and a file of records to a report."""

import json
import re

import pytest
import tiny_folder

import bert_tf
from bert_tf.serving import exporting

TEXTS = (
    "text\tlabel\nit was very good\tup\nbad\tdown\na fine film\tup\npoor film\tdown\n"
)


@pytest.fixture(scope="module")
def report(folders, tmp_path_factory):
    """A report, its folder, and what `analyze` returned."""
    home = tmp_path_factory.mktemp("report")
    (home / "data.tsv").write_text(TEXTS)
    config = bert_tf.AnalyzeConfig(
        model=folders["classification"],
        data=str(home / "data.tsv"),
        train_file=str(home / "data.tsv"),
        output_dir=str(home / "report"),
    )
    return home, bert_tf.analyze(config)


def test_files(report):
    home, result = report
    files = {file.name for file in (home / "report").iterdir()}
    assert files == {
        *("analysis.json", "attention.png", "faithfulness.png", "report.html")
    }
    assert json.loads((home / "report" / "analysis.json").read_text()) == result
    assert (result["task"], result["examples"]) == ("classification", 4)
    explained = result["parts"]["explain"]
    assert set(explained["faithfulness"]) == {
        *("integrated_gradients", "gradient_times_input", "occlusion"),
        *("attention_rollout", "random"),
    }
    assert explained["completeness"]["within_1_percent"] == 1
    page = (home / "report" / "report.html").read_text(encoding="utf-8")
    assert "Integrated gradients" in page and "Nearest training records" in page


def test_the_nearest_training_record_of_a_record_is_itself(report):
    home, _ = report
    page = (home / "report" / "report.html").read_text(encoding="utf-8")
    shown = page[page.index("Nearest training records") :].partition("</table>")[0]
    cosines = [float(x) for x in re.findall(r'data-value="([01]\.[0-9]+)"', shown)]
    assert len(cosines) == 4 and min(cosines) > 0.9999


def test_a_sample(folders, report):
    home, _ = report
    settings = {
        "model": folders["classification"],
        "data": str(home / "data.tsv"),
        "max_examples": 2,
    }
    config = bert_tf.AnalyzeConfig(**settings, output_dir=str(home / "sample"))
    assert bert_tf.analyze(config)["examples"] == 2


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"part": "fairness"}, "part must be .*explain.*; received 'fairness'"),
            ({"attacked": 0}, "attacked must be at least 1"),
            ({"max_examples": 1}, "max_examples must be at least 2"),
            ({"output_dir": ""}, "output_dir"),
        ],
    )
    def test_settings(self, settings, message, report):
        home, _ = report
        given = {"model": "m", "data": "d", "output_dir": str(home / "no")} | settings
        with pytest.raises(ValueError, match=message):
            bert_tf.AnalyzeConfig(**given)

    def test_a_folder_that_exists(self, folders, report):
        home, _ = report
        config = bert_tf.AnalyzeConfig(
            model=folders["classification"],
            data=str(home / "data.tsv"),
            output_dir=str(home / "report"),
        )
        with pytest.raises(FileExistsError, match="output_dir exists"):
            bert_tf.analyze(config)

    def test_an_export(self, folders, tmp_path):
        exporting.export(
            exporting.ExportConfig(
                model=folders["classification"],
                output_dir=str(tmp_path / "phone"),
                format="tflite",
            )
        )
        config = bert_tf.AnalyzeConfig(
            model=str(tmp_path / "phone"), data="d", output_dir=str(tmp_path / "r")
        )
        with pytest.raises(ValueError, match="is an export, which has no gradients"):
            bert_tf.analyze(config)

    def test_a_folder_without_a_head(self, tmp_path):
        tiny_folder.write(tmp_path / "encoder")
        (tmp_path / "data.tsv").write_text(TEXTS)
        config = bert_tf.AnalyzeConfig(
            model=str(tmp_path / "encoder"),
            data=str(tmp_path / "data.tsv"),
            output_dir=str(tmp_path / "r"),
        )
        with pytest.raises(ValueError, match="no such trained head"):
            bert_tf.analyze(config)
        assert not (tmp_path / "r").exists()
