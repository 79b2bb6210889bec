"""The part `calibration`, from a file to a temperature."""

import numpy as np
import pytest

import bert_tf
from bert_tf.analysis.calibration import measures


def test_figures_are_those_of_the_model(folders, tmp_path):
    rows = ["it was good\tup", "bad\tdown", "a fine film\tup", "poor film\tdown"] * 10
    (tmp_path / "data.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    (tmp_path / "outside.txt").write_text("a a a a\n? ? ?\n")
    settings = {"model": folders["classification"], "data": str(tmp_path / "data.tsv")}
    found = bert_tf.analyze(
        bert_tf.AnalyzeConfig(
            **settings,
            part="calibration",
            train_file=str(tmp_path / "data.tsv"),
            outside_file=str(tmp_path / "outside.txt"),
            output_dir=str(tmp_path / "report"),
        )
    )["parts"]["calibration"]
    model = bert_tf.Model(folders["classification"])
    columns, outputs = model.outputs(str(tmp_path / "data.tsv"))
    drawn = np.random.default_rng(1).permutation(40)
    fitted, held_out = np.array_split(drawn, 2)
    temperature = measures.fit_temperature(
        outputs["logits"][fitted], columns["label"][fitted]
    )
    assert found["temperature"] == pytest.approx(temperature)
    expected = measures.scores(outputs["logits"][held_out], columns["label"][held_out])
    assert found["before"] == pytest.approx(expected)
    assert found["outside"]["records"] == 2
    assert set(found["outside"]["auroc"]) == {"confidence", "energy", "mahalanobis"}
    assert (tmp_path / "report" / "reliability.png").is_file()


def test_too_few_records(folders, tmp_path):
    (tmp_path / "data.tsv").write_text("text\tlabel\nit was good\tup\nbad\tdown\n")
    config = bert_tf.AnalyzeConfig(
        model=folders["classification"],
        data=str(tmp_path / "data.tsv"),
        part="calibration",
        output_dir=str(tmp_path / "report"),
    )
    with pytest.raises(ValueError, match="needs 20 records or more.*received 2"):
        bert_tf.analyze(config)


def test_records_without_labels(folders, tmp_path):
    (tmp_path / "data.txt").write_text("it was good\nbad\n")
    config = bert_tf.AnalyzeConfig(
        model=folders["classification"],
        data=str(tmp_path / "data.txt"),
        part="calibration",
        output_dir=str(tmp_path / "report"),
    )
    with pytest.raises(ValueError, match="label"):
        bert_tf.analyze(config)
