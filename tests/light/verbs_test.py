"""`predict` and `evaluate` take the export of a model folder, or make one of eight bits."""

import pytest

from bert_tf import EvaluateConfig, PredictConfig, evaluate, predict

pytest.importorskip("tokenizers", reason="pip install -e '.[light]'")
TEXTS = ["it was good", "bad film"]


def assert_near(predictions, expected, tolerance):
    for prediction, other in zip(predictions, expected, strict=True):
        assert prediction["scores"] == pytest.approx(other["scores"], abs=tolerance)


def test_an_export_predicts_what_its_folder_does(folders, phone):
    expected = predict(PredictConfig(model=folders["classification"]), TEXTS)
    predictions = predict(PredictConfig(model=str(phone)), TEXTS)
    assert [p["label"] for p in predictions] == [e["label"] for e in expected]
    assert_near(predictions, expected, 1e-5)
    named = PredictConfig(model=str(phone), task="classification")
    assert predict(named, TEXTS) == predictions


def test_an_export_is_scored_as_its_folder(folders, phone):
    data = str(folders.data("classification"))
    scores, expected = (
        evaluate(EvaluateConfig(model=model, eval_file=data))
        for model in (str(phone), folders["classification"])
    )
    assert scores["eval_accuracy"] == expected["eval_accuracy"]
    assert scores["eval_loss"] == pytest.approx(expected["eval_loss"], abs=1e-5)


def test_eight_bits(folders):
    model = folders["classification"]
    whole = predict(PredictConfig(model=model), TEXTS)
    config = PredictConfig(model=model, quantize="int8", max_seq_length=16)
    rounded = predict(config, TEXTS)
    assert_near(rounded, whole, 0.02)
    assert rounded != whole  # Eight bits do not give the same digits.


@pytest.mark.parametrize(
    "options, named",
    [
        ({"bf16": True}, "bf16"),
        ({"quantize": "int8"}, "quantize"),
        ({"engine": "jax"}, "engine"),
        ({"task": "fill_mask"}, "task"),
        ({"max_seq_length": 64}, "max_seq_length"),
    ],
)
def test_settings_of_an_export_are_not_changed(phone, options, named):
    with pytest.raises(
        ValueError, match=rf"is an export, for which {named} was chosen"
    ):
        predict(PredictConfig(model=str(phone), **options), TEXTS)


@pytest.mark.parametrize("options", [{"bf16": True}, {"engine": "jax"}])
def test_eight_bits_are_for_litert_alone(folders, options):
    config = PredictConfig(model=folders["classification"], quantize="int8", **options)
    with pytest.raises(ValueError, match="quantize=int8 is computed by LiteRT"):
        predict(config, TEXTS)


def test_other_numbers_of_bits():
    with pytest.raises(ValueError, match="quantize.*int8.*received 'int4'"):
        PredictConfig(model="model", quantize="int4")
