"""keras-nlp presets give the same outputs here as in keras-nlp, which writes them."""

import json
import shutil
import sys

import keras
import numpy as np
import pytest
import tiny

from bert_tf.checkpoints import folder, layouts, presets
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier

keras_nlp = pytest.importorskip("keras_nlp")

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##c", "é", "的"]
SIZES = {
    "vocabulary_size": 11,
    "num_layers": 2,
    "num_heads": 3,
    "hidden_dim": 6,
    "intermediate_dim": 13,
    "max_sequence_length": 17,
    "dropout": 0.25,
}
IDS = np.array([[2, 5, 7, 3, 8, 3], [2, 9, 3, 0, 0, 0]])
MASK = np.array([[1] * 6, [1] * 3 + [0] * 3])
SEGMENTS = np.array([[0] * 4 + [1] * 2, [0] * 6])
THEIRS = {"token_ids": IDS, "padding_mask": MASK, "segment_ids": SEGMENTS}
OURS = {"input_ids": IDS, "input_mask": MASK, "segment_ids": SEGMENTS}


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(2)
    return tiny.fill(keras_nlp.models.BertBackbone(**SIZES), seed=11)


@pytest.fixture(scope="module")
def tokenizer():
    return keras_nlp.models.BertTokenizer(VOCAB, lowercase=True)


@pytest.fixture(scope="module")
def saved(backbone, tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "encoder"
    backbone.save_to_preset(path)
    tokenizer.save_to_preset(path)
    return path


@pytest.fixture
def copy(saved, tmp_path):
    """A copy that a test may damage."""
    return copied(saved, tmp_path / "copy")


def copied(path, to):
    shutil.copytree(path, to)
    return to


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_outputs_are_keras_nlps(saved, backbone):
    ours = BertBackbone(folder.read(saved).config)
    report = folder.load_weights(saved, ours)
    assert (len(report.loaded), report.new, report.unexpected) == (39, [], [])
    received, expected = ours(OURS), backbone.predict(THEIRS, verbose=0)
    for name in ("sequence_output", "pooled_output"):
        real = MASK[:, :, None] if name == "sequence_output" else 1
        np.testing.assert_allclose(
            received[name] * real, expected[name] * real, atol=2e-6
        )


def test_configuration(saved):
    config = folder.read(saved).config
    assert config.hidden_act == "gelu_new"  # With "gelu" the outputs are 1e-3 off.
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (
        0.25,
        0.25,
    )
    assert (config.vocab_size, config.hidden_size, config.intermediate_size) == (
        11,
        6,
        13,
    )
    assert (config.num_hidden_layers, config.num_attention_heads) == (2, 3)
    assert (config.max_position_embeddings, config.type_vocab_size) == (17, 2)
    assert config.extra == {}


def test_vocabulary_and_casing(saved, caplog):
    read = folder.read(saved)
    assert read.vocab == VOCAB
    assert read.tokenizer == {"do_lower_case": True, "strip_accents": False}
    assert "keeps accents, which BERT's tokenizer removes" in caplog.text


def test_vocabulary_in_an_old_preset(copy):
    (copy / "assets/tokenizer/vocabulary.txt").rename(copy / "assets/vocabulary.txt")
    assert folder.read(copy).vocab == VOCAB


def test_classifier(backbone, tokenizer, tmp_path):
    preprocessor = keras_nlp.models.BertTextClassifierPreprocessor(
        tokenizer, sequence_length=6
    )
    theirs = keras_nlp.models.BertTextClassifier(
        backbone, num_classes=5, preprocessor=preprocessor
    )
    theirs.get_layer("logits").set_weights(
        [np.arange(30).reshape(6, 5) / 10, np.arange(5)]
    )
    theirs.save_to_preset(tmp_path / "fine")
    read = folder.read(tmp_path / "fine")
    assert read.config.extra["id2label"] == {str(n): f"LABEL_{n}" for n in range(5)}
    ours = Classifier(BertBackbone(read.config), 5)
    assert folder.load_weights(tmp_path / "fine", ours).new == []
    theirs.preprocessor = None
    expected = theirs.predict(THEIRS, verbose=0)
    np.testing.assert_allclose(ours(OURS), expected, atol=1e-5)


def test_masked_lm_head_is_ignored(backbone, tokenizer, tmp_path):
    """Its GELU differs from the encoder's, see `presets.read_arrays`."""
    preprocessor = keras_nlp.models.BertMaskedLMPreprocessor(
        tokenizer, sequence_length=6, mask_selection_length=2
    )
    keras_nlp.models.BertMaskedLM(backbone, preprocessor).save_to_preset(
        tmp_path / "words"
    )
    assert (tmp_path / "words/task.weights.h5").is_file()
    arrays = layouts.read_arrays(tmp_path / "words")
    assert len(arrays) == 39
    assert all(path.startswith("bert/") for path in arrays)


def test_another_model(copy):
    change(copy / "config.json", class_name="GemmaBackbone")
    with pytest.raises(ValueError, match="preset of 'GemmaBackbone'; only BertBackb"):
        folder.read(copy)


def test_config_with_missing_keys(copy):
    change(copy / "config.json", config={"num_layers": 2, "hidden_dim": 6})
    says = "does not give intermediate_dim, num_heads, vocabulary_size"
    with pytest.raises(ValueError, match=says):
        folder.read(copy)


def test_config_with_wrong_sizes(copy):
    change(copy / "config.json", config=SIZES | {"num_heads": 4})
    with pytest.raises(
        ValueError, match=r"config.json: hidden_size must be a multiple"
    ):
        folder.read(copy)


def test_no_tokenizer(copy):
    shutil.rmtree(copy / "assets")
    with pytest.raises(FileNotFoundError, match="tokenizer.save_to_preset"):
        folder.read(copy)


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n and no more"])
def test_weights_missing_or_damaged(copy, content):
    (copy / "model.weights.h5").unlink()
    if content is not None:
        (copy / "model.weights.h5").write_bytes(content)
    with pytest.raises(ValueError, match="keras-nlp cannot read the preset") as error:
        layouts.read_arrays(copy)
    assert "\n" not in str(error.value)


def test_weights_of_another_shape(copy):
    change(copy / "config.json", config=SIZES | {"intermediate_dim": 14})
    with pytest.raises(ValueError, match="keras-nlp cannot read the preset"):
        layouts.read_arrays(copy)


def test_without_keras_nlp_says_what_to_install(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_nlp", None)
    with pytest.raises(ValueError, match="pip install keras-nlp"):
        layouts.read_arrays(saved)


def test_a_hugging_face_folder_is_no_preset(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert not presets.is_preset(tmp_path)
    assert not presets.is_preset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("key", "value"), [("vocabulary_size", 9_000_000), ("num_layers", 900)]
)
def test_sizes_beyond_the_weights_are_found_before_a_model_is_built(copy, key, value):
    change(copy / "config.json", config=SIZES | {key: value})
    with pytest.raises(ValueError, match="weights, but the sizes in config.json need"):
        folder.read(copy)


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        ("config.json", {"class_name": [3]}, r"preset of \[3\]; only BertBackbone"),
        ("config.json", {"config": 3}, "config must be a JSON object"),
        ("tokenizer.json", {"config": [3]}, "config must be a JSON object"),
        ("tokenizer.json", {"config": {"lowercase": 3}}, "lowercase must be true or"),
    ],
)
def test_wrong_types(copy, file, values, message):
    change(copy / file, **values)
    with pytest.raises(ValueError, match=message) as error:
        folder.read(copy)
    assert str(copy / file) in str(error.value)


def test_the_number_of_weights_is_keras_nlps(saved, backbone):
    config = folder.read(saved).config
    assert presets._count_weights(config) == backbone.count_params()
