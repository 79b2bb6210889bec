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
    with pytest.raises(
        ValueError, match="needs 20 records with labels or more.*received 2"
    ):
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


def test_a_temperature_is_remembered_and_used(folders, tmp_path):
    import shutil

    from bert_tf import light
    from bert_tf.checkpoints.remembered import remember
    from bert_tf.serving import exporting

    shutil.copytree(folders["classification"], tmp_path / "model")
    before = bert_tf.Model(str(tmp_path / "model")).predict(["it was good"])[0][
        "scores"
    ]
    remember(tmp_path / "model", temperature=2.0)
    model = bert_tf.Model(str(tmp_path / "model"))
    (after,) = model.predict(["it was good"])
    shares = np.sqrt(list(before.values()))  # The softmax of half the logits.
    expected = dict(zip(before, shares / shares.sum()))
    assert after["scores"] == pytest.approx(expected, abs=1e-6)
    exporting.export(
        exporting.ExportConfig(
            model=str(tmp_path / "model"),
            output_dir=str(tmp_path / "phone"),
            format="tflite",
            dynamic_length=True,
        )
    )
    (of_file,) = light.Model(tmp_path / "phone").predict(["it was good"])
    assert of_file["scores"] == pytest.approx(after["scores"], abs=1e-5)
    abstaining = bert_tf.Model(str(tmp_path / "model"), abstain_below=0.99)
    (none,) = abstaining.predict(["it was good"])
    assert none == {"label": "", "scores": after["scores"]}
