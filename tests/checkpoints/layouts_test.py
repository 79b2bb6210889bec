"""Folders in every layout: read alike, or rejected with advice."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import reference

from bert_tf.checkpoints import folder, formats, layouts, tf1, weights
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer

DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "checkpoints"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")
ARRAYS = {"bert/pooler/dense/bias": np.array([1, 2], np.float32)}
BIAS = next(iter(ARRAYS))


def google(path, *names, scale=1):
    for name in names or ("bert_model.ckpt",):
        tf1.write(path / name, {BIAS: ARRAYS[BIAS] * scale})


def test_google_names_are_ours(tmp_path):
    google(tmp_path)
    np.testing.assert_array_equal(layouts.read_arrays(tmp_path)[BIAS], [1, 2])


def test_heads_that_google_fine_tuned(tmp_path):
    kernel = np.arange(6, dtype=np.float32).reshape(3, 2)  # [labels, H]
    heads = {
        "output_weights": kernel,
        "output_bias": kernel[:, 0],
        "cls/squad/output_weights": kernel[:2],
        "cls/squad/output_bias": kernel[0],
    }
    tf1.write(tmp_path / "model.ckpt-345", ARRAYS | heads)
    arrays = layouts.read_arrays(tmp_path)
    assert arrays.keys() == {
        *(BIAS, "classifier/kernel", "classifier/bias"),
        *("qa_outputs/kernel", "qa_outputs/bias"),
    }
    np.testing.assert_array_equal(arrays["classifier/kernel"], kernel.T)
    np.testing.assert_array_equal(arrays["qa_outputs/kernel"], kernel[:2].T)
    np.testing.assert_array_equal(arrays["classifier/bias"], [0, 2, 4])


def test_safetensors_come_first(tmp_path):
    google(tmp_path)
    formats.write_safetensors(
        tmp_path / "model.safetensors", {"pooler.dense.bias": np.array([5.0, 6.0])}
    )
    np.testing.assert_array_equal(layouts.read_arrays(tmp_path)[BIAS], [5, 6])


def test_published_name_comes_first_of_several_checkpoints(tmp_path):
    google(tmp_path, "model.ckpt-1", scale=10)
    google(tmp_path, "bert_model.ckpt")
    np.testing.assert_array_equal(layouts.read_arrays(tmp_path)[BIAS], [1, 2])


def test_two_checkpoints_are_ambiguous(tmp_path):
    google(tmp_path, "model.ckpt-1", "model.ckpt-20")
    with pytest.raises(ValueError, match=r"holds 2 checkpoints \(model.ckpt-1, model"):
        layouts.read_arrays(tmp_path)


REJECTED = {
    "pytorch_model.bin": (ValueError, "a pickle, .*safe_serialization=True"),
    "pytorch_model-00001-of-00002.bin": (ValueError, "a pickle, "),
    "bert.h5": (ValueError, "weights as bert.h5 only, .* save config.json, vocab.txt"),
    "bert_model.ckpt.index": (FileNotFoundError, "only lists the arrays; .*Copy it"),
}


@pytest.mark.parametrize("file", REJECTED)
@pytest.mark.parametrize("with_config", [True, False])
def test_errors_for_other_formats_give_advice(tmp_path, file, with_config):
    (tmp_path / file).write_bytes(b"")
    kind, says = REJECTED[file]
    if with_config:  # Only reading the weights is an error then.
        (tmp_path / "bert_config.json").write_text("{}")
    else:
        with pytest.raises(kind, match=says):
            folder.read(tmp_path)
    with pytest.raises(kind, match=says) as error:
        layouts.read_arrays(tmp_path)
    assert "\n" not in str(error.value)


def test_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config.json and no bert_config"):
        folder.read(tmp_path)
    with pytest.raises(FileNotFoundError, match="no model.safetensors and no bert_mod"):
        layouts.read_arrays(tmp_path)


def test_pickle_beside_safetensors_is_ignored(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    formats.write_safetensors(tmp_path / "model.safetensors", {"a": np.ones(1)})
    with pytest.raises(FileNotFoundError, match="no config.json and no bert_config"):
        folder.read(tmp_path)


@needs_data
@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("google-bert-chinese-index-only", FileNotFoundError, "only lists the arrays"),
        ("keras-bert-trained-h5", ValueError, "test_bert_fit.h5 only, a Keras file"),
        ("bert-xsmall-dummy-hf", ValueError, "pytorch_model.bin only, a pickle"),
    ],
)
def test_published_folders_that_are_rejected(name, kind, says):
    with pytest.raises(kind, match=says):
        read = folder.read(DATA / name)
        folder.load_weights(DATA / name, BertBackbone(read.config))


@needs_data
def test_outputs_of_a_google_folder_equal_numpy(caplog):
    path = DATA / "keras-bert-tiny-tf1"
    read = folder.read(path)
    assert read.config.hidden_size == 4
    assert read.config.extra["pooler_type"] == "first_token_transform"
    assert read.vocab[-2:] == ["dull", "boy"]
    assert read.tokenizer == {"do_lower_case": True}
    model = BertPretrainer(BertBackbone(read.config))
    caplog.clear()
    report = folder.load_weights(path, model)
    assert (len(report.loaded), report.new, report.unexpected) == (46, [], [])
    assert not caplog.records
    tokens, segments = np.array([2, 5, 4, 7, 3, 13, 3]), np.array([0] * 5 + [1] * 2)
    outputs = model(
        {
            "input_ids": tokens[None],
            "segment_ids": segments[None],
            "masked_lm_positions": np.array([[2, 5]]),
        }
    )
    arrays = tf1.read(path / "bert_model.ckpt")
    arguments = arrays, read.config, tokens
    np.testing.assert_allclose(
        outputs["masked_lm_logits"],
        reference.predict_masked(*arguments, [2, 5], segments),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        outputs["next_sentence_logits"][0],
        reference.predict_next_sentence(*arguments, segments),
        atol=1e-5,
    )


@needs_data
def test_google_folder_is_a_model_to_start_from(tmp_path, monkeypatch):
    """`resolve` returns a folder in any layout."""
    copied = tmp_path / "uncased_L-2_H-4_A-4"
    shutil.copytree(DATA / "keras-bert-tiny-tf1", copied)
    monkeypatch.chdir(tmp_path)
    path = folder.resolve("uncased_L-2_H-4_A-4")
    backbone = BertBackbone(folder.read(path).config)
    report = folder.load_weights(path, backbone, new_heads=True)
    assert report.new == []
    assert min(report.unexpected) == "cls/predictions/output_bias"
    np.testing.assert_array_equal(
        weights.read_model(backbone)["bert/pooler/dense/kernel"],
        tf1.read(DATA / "keras-bert-tiny-tf1/bert_model.ckpt")[
            "bert/pooler/dense/kernel"
        ],
    )


def test_settings_are_kept_in_googles_layout(tmp_path):
    values = {"hidden_size": 6, "num_attention_heads": 3, "bert_tf": {"task": "x"}}
    (tmp_path / "bert_config.json").write_text(json.dumps(values | {"vocab_size": 5}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    read = folder.read(tmp_path)
    assert read.settings == {"task": "x"}
    assert "bert_tf" not in read.config.extra
