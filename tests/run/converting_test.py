"""Conversion between layouts loses nothing and leaves nothing unfinished."""

import json
import os
import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_folder

import bert_tf
from bert_tf.checkpoints import dialects, folder, formats, layouts, tf1
from bert_tf.checkpoints.folder import ModelFolder
from bert_tf.config import read_config
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.run.converting import ConvertConfig, convert
from bert_tf.training.loop import TrainConfig

DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "checkpoints"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")
PARTS = ModelFolder(tiny_folder.CONFIG, tiny_folder.VOCAB, {"do_lower_case": True})
GOOGLE_FILES = {
    "bert_config.json",
    "bert_model.ckpt.data-00000-of-00001",
    "bert_model.ckpt.index",
    "tokenizer_config.json",
    "vocab.txt",
}


@pytest.fixture(autouse=True)
def stand_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pretrainer(seed=5):
    return tiny.fill(BertPretrainer(BertBackbone(tiny_folder.CONFIG)), seed)


def write_google(path, model=None):
    """Writes a folder as Google publishes it, without the files and keys of ours."""
    model = model or pretrainer()
    arrays = {weight.path: np.asarray(weight.value) for weight in model.weights}
    folder.write_google(path, arrays, PARTS)
    os.remove(f"{path}/tokenizer_config.json")
    values = json.loads(pathlib.Path(path, "bert_config.json").read_text())
    for key in ("model_type", "layer_norm_eps", "classifier_dropout"):
        values.pop(key)
    pathlib.Path(path, "bert_config.json").write_text(
        json.dumps(values | {"directionality": "bidi"})
    )
    return path


def checkpoint(path):
    return tf1.read(pathlib.Path(path) / "bert_model.ckpt")


def assert_same(received, expected):
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        assert received[name].dtype == array.dtype
        np.testing.assert_array_equal(received[name], array, err_msg=name)


def convert_folder(input, output, format="huggingface"):
    return convert(ConvertConfig(input=input, output=output, format=format))


def round_trip(start):
    """Google → Hugging Face → Google."""
    first = convert_folder(start, "hf")
    second = convert_folder("hf", "again", "google")
    assert first["max_abs_difference"] == second["max_abs_difference"] == 0.0
    return first, second


def test_google_comes_back_as_it_was():
    write_google("start")
    first, second = round_trip("start")
    assert first["architecture"] == second["architecture"] == "BertForPreTraining"
    assert first["compared"] == [
        *("sequence_output", "pooled_output"),
        *("masked_lm_logits", "next_sentence_logits"),
    ]
    assert first["arrays"] == 5 + 16 + 2 + 7
    sizes = [array.size for array in checkpoint("start").values()]
    assert first["parameters"] == sum(sizes)
    assert set(os.listdir("again")) == GOOGLE_FILES
    assert_same(checkpoint("again"), checkpoint("start"))
    assert pathlib.Path("again/vocab.txt").read_bytes() == (
        pathlib.Path("start/vocab.txt").read_bytes()
    )
    before, after = read_config("start"), read_config("again")
    assert after.extra == before.extra | {"architectures": ["BertForPreTraining"]}
    assert after.to_dict() == before.to_dict() | after.extra


def test_second_conversion_writes_the_same_bytes():
    write_google("start")
    round_trip("start")
    convert_folder("again", "hf2")
    for file in os.listdir("hf"):
        one, other = (pathlib.Path(path, file) for path in ("hf", "hf2"))
        assert one.read_bytes() == other.read_bytes(), file


def test_written_folder_is_what_transformers_reads():
    write_google("start")
    convert_folder("start", "hf")
    arrays = formats.read_safetensors("hf/model.safetensors")
    published = checkpoint("start")
    np.testing.assert_array_equal(
        arrays["cls.predictions.transform.dense.weight"],
        published["cls/predictions/transform/dense/kernel"].T,
    )
    np.testing.assert_array_equal(
        arrays["cls.seq_relationship.weight"],
        published["cls/seq_relationship/output_weights"],
    )
    assert "cls.predictions.decoder.weight" not in arrays  # Tied: the word table.
    config = json.loads(pathlib.Path("hf/config.json").read_text())
    assert config["architectures"] == ["BertForPreTraining"]
    assert config["model_type"] == "bert"
    assert config["directionality"] == "bidi"


def test_masked_lm_model_is_converted():
    """BertForMaskedLM has neither a pooler nor a next-sentence head."""
    arrays = {
        weight.path: np.asarray(weight.value)
        for weight in pretrainer().weights
        if "pooler" not in weight.path and "relationship" not in weight.path
    }
    folder.write_arrays("start", arrays, PARTS, "BertForMaskedLM")
    first = convert_folder("start", "tf1", "google")
    assert first["architecture"] == "BertForMaskedLM"
    assert first["compared"] == ["sequence_output", "masked_lm_logits"]
    assert_same(checkpoint("tf1"), arrays)
    convert_folder("tf1", "back")
    assert_same(layouts.read_arrays("back"), layouts.read_arrays("start"))


def test_classifier_gets_googles_names_and_predicts_the_same():
    extra = {"id2label": {"0": "no", "1": "yes", "2": "so"}}
    parts = ModelFolder(
        read_config_with(extra),
        tiny_folder.VOCAB,
        {"do_lower_case": True},
        {"task": "classification", "max_seq_length": 16},
    )
    model = tiny.fill(Classifier(BertBackbone(tiny_folder.CONFIG), 3), 5)
    folder.write("start", model, parts)
    report = convert_folder("start", "tf1", "google")
    assert report["architecture"] == "BertForSequenceClassification"
    assert report["compared"] == ["sequence_output", "pooled_output", "logits"]
    written = checkpoint("tf1")
    # As run_classifier.py computes: matmul(pooled, output_weights, transpose_b=True).
    np.testing.assert_array_equal(
        written["output_weights"], np.asarray(model.classifier.kernel.value).T
    )
    np.testing.assert_array_equal(
        written["output_bias"], np.asarray(model.classifier.bias.value)
    )
    texts = ["the film was very good .", "a bad film", "it is"]
    assert bert_tf.Model("tf1").predict(texts) == bert_tf.Model("start").predict(texts)
    convert_folder("tf1", "back")
    assert bert_tf.Model("back").predict(texts) == bert_tf.Model("start").predict(texts)


def read_config_with(extra):
    return type(tiny_folder.CONFIG).from_dict(tiny_folder.CONFIG.to_dict() | extra)


def test_casing_that_the_vocabulary_does_not_show_is_kept():
    cased = ModelFolder(tiny_folder.CONFIG, tiny_folder.VOCAB, {"do_lower_case": False})
    folder.write("start", pretrainer(), cased, "BertForPreTraining")
    round_trip("start")
    assert folder.read("again").tokenizer["do_lower_case"] is False


@pytest.mark.slow  # Two runs; that the weights are the same is tested above.
def test_fine_tuning_starts_from_every_layout_alike():
    write_google("start")
    convert_folder("start", "hf")
    rows = "text\tlabel\nthe film\tgood\nit was\tbad\na very\tgood\nis it\tbad\n"
    pathlib.Path("train.tsv").write_text(rows)
    metrics = {
        start: bert_tf.finetune(
            bert_tf.FinetuneConfig(
                model=start,
                train_file="train.tsv",
                eval_file="train.tsv",
                output_dir=f"from_{start}",
                max_seq_length=16,
            ),
            TrainConfig(max_steps=3, per_device_train_batch_size=2),
        )
        for start in ("start", "hf")
    }
    assert metrics["start"]["eval_loss"] == metrics["hf"]["eval_loss"]
    assert_same(layouts.read_arrays("from_start"), layouts.read_arrays("from_hf"))


def test_preset_becomes_a_folder():
    keras_nlp = pytest.importorskip("keras_nlp")
    keras.utils.set_random_seed(2)
    backbone = keras_nlp.models.BertBackbone(
        vocabulary_size=len(tiny_folder.VOCAB),
        num_layers=1,
        num_heads=2,
        hidden_dim=12,
        intermediate_dim=14,
        max_sequence_length=24,
    )
    tiny.fill(backbone, 5)
    backbone.save_to_preset("preset")
    keras_nlp.models.BertTokenizer(tiny_folder.VOCAB, lowercase=True).save_to_preset(
        "preset"
    )
    report = convert_folder("preset", "hf")
    assert (report["architecture"], report["max_abs_difference"]) == ("BertModel", 0.0)
    assert read_config("hf").hidden_act == "gelu_new"
    ours = BertBackbone(read_config("hf"))
    folder.load_weights("hf", ours)
    ids = np.array([[2, 7, 11, 3]])
    expected = backbone(
        {
            "token_ids": ids,
            "padding_mask": np.ones_like(ids),
            "segment_ids": np.zeros_like(ids),
        }
    )
    for name, output in ours({"input_ids": ids}).items():
        np.testing.assert_allclose(output, expected[name], atol=2e-6)


def test_a_warning_names_what_googles_code_does_not_compute(caplog):
    config = read_config_with({"hidden_act": "gelu_new"})
    parts = ModelFolder(config, tiny_folder.VOCAB, {"do_lower_case": True})
    folder.write("start", BertBackbone(config), parts, "BertModel")
    convert_folder("start", "tf1", "google")
    assert "supports neither hidden_act gelu_new" in caplog.text
    assert read_config("tf1").hidden_act == "gelu_new"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": ""}, "input is missing: pass --input="),
        ({"output": ""}, "output is missing: pass --output="),
        ({"format": "onnx"}, "one of huggingface, google; received 'onnx'"),
    ],
)
def test_bad_flags_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ConvertConfig(**{"input": "a", "output": "b"} | changes)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_an_existing_output_is_not_touched(kind):
    write_google("start")
    if kind == "folder":
        os.mkdir("out")
    pathlib.Path("out/mine" if kind == "folder" else "out").write_text("precious")
    with pytest.raises(ValueError, match="out exists and is not an empty folder"):
        convert_folder("start", "out")
    assert sorted(os.listdir()) == ["out", "start"]
    assert pathlib.Path("out/mine" if kind == "folder" else "out").read_text()


def test_empty_output_folder_is_filled():
    write_google("start")
    os.makedirs("deep/out")
    convert_folder("start", "deep/out")
    assert "config.json" in os.listdir("deep/out")
    assert os.listdir("deep") == ["out"]
    convert_folder("start", "deeper/and/deeper")
    assert os.listdir("deeper/and") == ["deeper"]


def test_an_encoder_and_a_decoder():
    folder.write("bert", pretrainer(), PARTS, "BertForPreTraining")
    model = bert_tf.Bert2Bert.from_pretrained("bert", decoder="bertshare")
    model.save_pretrained("both")
    result = convert(ConvertConfig("both", "again"))
    assert result["architecture"] == "EncoderDecoderModel"
    assert result["max_abs_difference"] == 0 and result["arrays"] == 2 * 21 + 2 + 10 + 5
    batch = {
        "input_ids": np.array([[2, 9, 3]]),
        "target_ids": np.array([[2, 10, 11, 3]]),
    }
    again = bert_tf.Bert2Bert.from_pretrained("again")
    np.testing.assert_array_equal(again(batch)["logits"], model(batch)["logits"])
    for options, message in (
        ({"format": "google"}, "for which format google is not possible; drop it"),
        ({"add_tokens": "refund"}, "for which add_tokens is not possible; drop it"),
    ):
        with pytest.raises(ValueError, match=message):
            convert(ConvertConfig("both", "other", **options))
    assert not pathlib.Path("other").exists()


def test_a_lossy_conversion_is_not_written(monkeypatch):
    write_google("start")
    honest = dialects.to_huggingface

    def lossy(*arguments):
        named = honest(*arguments)
        return named | {"cls.predictions.bias": named["cls.predictions.bias"] + 1}

    monkeypatch.setattr(dialects, "to_huggingface", lossy)
    message = (
        "cls/predictions/output_bias and 0 more arrays differ. Nothing was written."
    )
    with pytest.raises(ValueError, match=message):
        convert_folder("start", "out")
    assert os.listdir() == ["start"]


def test_weights_that_do_not_fit_their_config_are_refused():
    write_google("start")
    path = pathlib.Path("start/bert_config.json")
    values = json.loads(path.read_text()) | {"intermediate_size": 15}
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="start: intermediate_size is 15 .* but 14 in"):
        convert_folder("start", "out")
    assert os.listdir() == ["start"]


@needs_data
def test_a_published_google_checkpoint_comes_back():
    first, _ = round_trip(str(DATA / "keras-bert-tiny-tf1"))
    assert first["arrays"] == 46
    assert_same(checkpoint("again"), checkpoint(DATA / "keras-bert-tiny-tf1"))
    names = {
        name
        for name, _ in tf.compat.v1.train.list_variables("again/" + "bert_model.ckpt")
    }
    published = {
        name
        for name, _ in tf.compat.v1.train.list_variables(
            str(DATA / "keras-bert-tiny-tf1/bert_model.ckpt")
        )
    }
    slots = {name for name in published if name.endswith(("/adam_m", "/adam_v"))}
    assert names == published - slots - {"global_step"}


@needs_data
def test_a_published_encoder_comes_back():
    """Hugging Face's layout: a cased encoder without a pooler."""
    start = DATA / "tiny-bert-safetensors"
    report = convert_folder(str(start), "tf1", "google")
    assert report["architecture"] == "BertModel"
    assert report["compared"] == ["sequence_output"]
    convert_folder("tf1", "back")
    assert_same(layouts.read_arrays("back"), layouts.read_arrays(start))
    assert folder.read("back").tokenizer["do_lower_case"] is False


@needs_data
def test_converted_model_gives_pytorchs_outputs():
    made = DATA / "tiny-bert-with-reference-outputs"
    os.mkdir("start")
    shutil.copy(made / "tiny_bert.safetensors", "start/model.safetensors")
    shutil.copy(made / "tiny_bert_config.json", "start/config.json")
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]
    pathlib.Path("start/vocab.txt").write_text("\n".join(vocab) + "\n")
    convert_folder("start", "tf1", "google")
    backbone = BertBackbone(folder.read("tf1").config)
    assert folder.load_weights("tf1", backbone).new == []
    expected = json.loads((made / "tiny_bert_hidden.json").read_text())
    outputs = backbone(
        {
            "input_ids": np.array(expected["sequences"]),
            "segment_ids": np.array(expected["token_types"]),
        }
    )
    np.testing.assert_allclose(
        outputs["sequence_output"], expected["hidden"], atol=1e-5
    )
    np.testing.assert_allclose(outputs["pooled_output"], expected["pooler"], atol=1e-5)
