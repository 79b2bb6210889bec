"""The part `bias`, from files to figures and tables."""

import json

import pytest

import bert_tf

DATA = (
    "text\tlabel\tgroup\n"
    "he was good\tup\tx\nbad\tdown\tx\nshe is a fine film\tup\ty\npoor film\tdown\ty\n"
)


def analyze(model, home, name, **settings):
    settings = {"model": str(model), "part": "bias"} | settings
    config = bert_tf.AnalyzeConfig(**settings, output_dir=str(home / name))
    return bert_tf.analyze(config)["parts"]["bias"]


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data.tsv").write_text(DATA)
    return str(tmp_path / "data.tsv")


def test_a_classifier(folders, data, tmp_path):
    found = analyze(
        *(folders["classification"], tmp_path, "report"),
        data=data,
        slice_columns="group",
        positive_label="up",
    )
    gender = found["counterfactuals"]["gender"]
    assert gender["records"] == 2
    model = bert_tf.Model(folders["classification"])
    before, after = (
        [row["scores"]["up"] for row in model.predict(texts)]
        for texts in (
            ["he was good", "she is a fine film"],
            ["she was good", "he is a fine film"],
        )
    )
    gaps = [abs(x - y) for x, y in zip(before, after)]
    assert gender["mean_gap"]["value"] == pytest.approx(sum(gaps) / 2, abs=1e-6)
    groups = found["slices"]["group"]["groups"]
    assert {name: own["records"] for name, own in groups.items()} == {"x": 2, "y": 2}


def test_a_masked_lm(masked_folder, tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "sent_more,sent_less,stereo_antistereo,bias_type\n"
        "the film is good,the film is bad,stereo,age\n"
    )
    (tmp_path / "weat.jsonl").write_text(
        json.dumps(
            {
                name: {"category": name, "examples": words}
                for name, words in {
                    "targ1": ["good", "fine"],
                    "targ2": ["bad", "poor"],
                    "attr1": ["film"],
                    "attr2": ["it"],
                }.items()
            }
        )
    )
    found = analyze(
        *(masked_folder, tmp_path, "report"),
        task="fill_mask",
        crows_pairs_file=str(tmp_path / "pairs.csv"),
        seat_files=str(tmp_path / "weat.jsonl"),
    )
    assert found["crows_pairs"]["all"]["pairs"] == 1
    (association,) = found["associations"].values()
    assert -2 <= association["effect_size"] <= 2 and 0 < association["p"] <= 1


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"crows_pairs_file": "a.csv"},
                "crows_pairs_file is for fill_mask, but .* is classification",
            ),
            ({"positive_label": "best", "slice_columns": "group"}, "received 'best'"),
            ({"slice_columns": "age"}, "age"),
        ],
    )
    def test_settings(self, settings, message, folders, data, tmp_path):
        with pytest.raises(ValueError, match=message):
            analyze(folders["classification"], tmp_path, "no", data=data, **settings)
        assert not (tmp_path / "no").exists()

    def test_slices_without_labels(self, folders, tmp_path):
        (tmp_path / "data.tsv").write_text("text\tgroup\nit was good\tx\nbad\ty\n")
        with pytest.raises(ValueError, match="label"):
            analyze(
                *(folders["classification"], tmp_path, "no"),
                data=str(tmp_path / "data.tsv"),
                slice_columns="group",
            )

    def test_nothing_to_measure(self, masked_folder, tmp_path):
        with pytest.raises(ValueError, match="nothing of part=bias suits fill_mask"):
            analyze(masked_folder, tmp_path, "no", task="fill_mask")
