"""Pretraining heads give what transformers computes, whoever wrote the folder.

fixtures/make_pretraining.py computed the expected values; the slow test asks
transformers itself.
"""

import json
import pathlib

import numpy as np
import pytest
import tiny_folder

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats
from bert_tf.config import read_config, write_config
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.run.pretraining import TRAINING, PretrainConfig, pretrain
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import write_vocab
from bert_tf.training.config import TrainConfig

EXPECTED = json.loads(
    (pathlib.Path(__file__).parent / "fixtures" / "pretraining.json").read_text()
)
BATCH = {
    "input_ids": np.array(EXPECTED["input_ids"]),
    "input_mask": np.array(EXPECTED["attention_mask"]),
    "segment_ids": np.array(EXPECTED["token_type_ids"]),
    "masked_lm_positions": np.array(EXPECTED["positions"]),
}
NEXT_SENTENCE = {
    "bert/pooler/dense/kernel",
    "bert/pooler/dense/bias",
    "cls/seq_relationship/output_weights",
    "cls/seq_relationship/output_bias",
}


def weights():
    """{name: float32 array}; fixtures/make_pretraining.py has the same."""
    return {
        name: np.sin(0.37 * np.arange(np.prod(shape)) ** 2 + number)
        .reshape(shape)
        .astype(np.float32)
        for number, (name, shape) in enumerate(sorted(EXPECTED["shapes"].items()))
    }


def load(path, arrays):
    formats.write_safetensors(path / "model.safetensors", arrays)
    (path / "config.json").write_text(json.dumps(EXPECTED["config"]))
    model = BertPretrainer(BertBackbone(read_config(path)))
    return model, folders.load_weights(path, model)


def test_pretraining_folder(tmp_path):
    model, report = load(tmp_path, weights())
    assert (report.new, report.unexpected) == ([], [])
    outputs = model(BATCH)
    for name in ("masked_lm_logits", "next_sentence_logits"):
        np.testing.assert_allclose(outputs[name], EXPECTED[name], atol=2e-5)


def test_masked_lm_folder_lacks_the_next_sentence_and_says_so(tmp_path, caplog):
    arrays = {name: weights()[name] for name in EXPECTED["masked_lm_names"]}
    model, report = load(tmp_path, arrays)
    assert set(report.missing) == NEXT_SENTENCE
    assert "that do not fit keep their initial values" in caplog.text
    np.testing.assert_allclose(
        model(BATCH)["masked_lm_logits"], EXPECTED["masked_lm_logits"], atol=2e-5
    )


def test_names_of_older_versions(tmp_path):
    """They saved the decoder, tied, and its bias twice."""
    arrays = weights()
    table = arrays["bert.embeddings.word_embeddings.weight"]
    arrays["cls.predictions.decoder.weight"] = table.copy()
    arrays["cls.predictions.decoder.bias"] = arrays["cls.predictions.bias"].copy()
    model, report = load(tmp_path, arrays)
    assert (report.new, report.unexpected) == ([], [])
    np.testing.assert_allclose(
        model(BATCH)["masked_lm_logits"], EXPECTED["masked_lm_logits"], atol=2e-5
    )


def test_encoder_alone_does_not_guess(tmp_path):
    arrays = {name: a for name, a in weights().items() if not name.startswith("cls.")}
    with pytest.raises(
        ValueError, match="5 missing: cls/predictions/.*no such trained"
    ):
        load(tmp_path, arrays)


def test_model_writes_the_names_that_transformers_wrote(tmp_path):
    model, _ = load(tmp_path, weights())
    parts = folders.ModelFolder(
        model.backbone.config,
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        {"do_lower_case": True},
    )
    folders.write(tmp_path / "ours", model, parts, architecture="BertForPreTraining")
    written = formats.read_safetensors(tmp_path / "ours" / "model.safetensors")
    assert written.keys() == EXPECTED["shapes"].keys()
    for name, array in weights().items():
        np.testing.assert_array_equal(written[name], array, err_msg=name)


@pytest.mark.slow
def test_transformers_loads_what_was_pretrained_here(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    pathlib.Path("text.txt").write_text(
        "The film is good. It is very fine.\n\nIt was a bad film. The film was poor.\n"
    )
    write_vocab("vocab.txt", tiny_folder.VOCAB)
    write_config("tiny.json", tiny_folder.CONFIG)
    create_pretraining_data(
        PretrainingDataConfig(
            input_files="text.txt",
            vocab_file="vocab.txt",
            output_dir="store",
            num_workers=1,
        )
    )
    pretrain(
        PretrainConfig(
            data_dir="store", config="tiny.json", output_dir="model", max_seq_length=20
        ),
        TrainConfig(
            **TRAINING
            | {"lr_scheduler_type": "linear", "max_steps": 3, "learning_rate": 1e-2}
        ),
    )
    theirs, report = transformers.BertForPreTraining.from_pretrained(
        "model", output_loading_info=True
    )
    assert not any(report.values()), report  # Missing, unexpected, of another shape.
    texts = ["the film is [MASK] .", "[MASK] [MASK] good , it was bad"]
    batch = transformers.AutoTokenizer.from_pretrained("model")(
        texts, ["it was [MASK]", "a"], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        expected = theirs.eval()(**batch)
    ours = BertPretrainer(BertBackbone(read_config("model")))
    folders.load_weights("model", ours)
    examples, length = batch["input_ids"].shape
    places = np.tile(np.arange(length), [examples, 1])
    outputs = ours(
        {
            "input_ids": batch["input_ids"].numpy(),
            "input_mask": batch["attention_mask"].numpy(),
            "segment_ids": batch["token_type_ids"].numpy(),
            "masked_lm_positions": places,
        }
    )
    there = batch["attention_mask"].numpy().astype(bool)
    np.testing.assert_allclose(
        np.reshape(outputs["masked_lm_logits"], [examples, length, -1])[there],
        expected.prediction_logits.numpy()[there],
        atol=2e-5,
    )
    np.testing.assert_allclose(
        outputs["next_sentence_logits"],
        expected.seq_relationship_logits.numpy(),
        atol=2e-5,
    )
