"""Folders with weights in fewer bits are read by everything that reads folders."""

import json
import os
import pathlib

import numpy as np
import pytest
import tiny_folder
from tiny_task_folders import Folders

import bert_tf
from bert_tf.checkpoints import formats, layouts, precision
from bert_tf.config import BertConfig
from bert_tf.doctor import DoctorConfig, examine
from bert_tf.run.comparison import CompareConfig, compare
from bert_tf.run.converting import ConvertConfig, convert
from bert_tf.serving.exporting import ExportConfig, export

INT8 = precision.FILE


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.write_pretrained("start")
        yield pathlib.Path.cwd()


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))


def convert_to(dtype, output, model="start", **options):
    return convert(
        ConvertConfig(input=model, output=output, weights_dtype=dtype, **options)
    )


def arrays_of(path):
    return layouts.read_arrays(pathlib.Path(path))


def test_eight_bits_and_back(home):
    report = convert_to("int8", "int8")
    size = os.path.getsize(f"int8/{INT8}") / 1e6
    assert report["megabytes_after"] == pytest.approx(size, abs=1e-3)
    assert report["megabytes_after"] < report["megabytes_before"]
    assert 0 < report["max_abs_difference"] < 0.2
    assert sorted(os.listdir("int8")) == [
        *("config.json", INT8, "tokenizer_config.json", "vocab.txt")
    ]
    back = convert_to("float32", "back", "int8")
    assert back["max_abs_difference"] == 0
    config = json.loads(pathlib.Path("back/config.json").read_text())
    assert "quantization_config" not in config and config["dtype"] == "float32"
    start, rounded, again = (arrays_of(path) for path in ("start", "int8", "back"))
    assert start.keys() == rounded.keys() == again.keys()
    for path, array in start.items():
        np.testing.assert_array_equal(again[path], rounded[path])
        if array.ndim == 1:
            np.testing.assert_array_equal(rounded[path], array)
            continue
        axis = 0 if path.endswith("/kernel") else 1  # A scale for each output.
        scale = np.abs(array).max(axis=axis, keepdims=True) / 127
        assert (np.abs(rounded[path] - array) <= 0.50001 * scale).all(), path
    twice = convert_to("int8", "twice", "int8")
    assert twice["max_abs_difference"] < 1e-5


def test_a_quarter_of_the_size(home):
    config = BertConfig.from_size(
        "mini", vocab_size=2000, max_position_embeddings=64, num_hidden_layers=1
    )
    tiny_folder.write("mini", config)
    report = convert_to("int8", "mini8", "mini")
    assert report["megabytes_after"] <= 0.27 * report["megabytes_before"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(home, dtype):
    report = convert_to(dtype, dtype)
    assert report["megabytes_after"] < 0.75 * report["megabytes_before"]
    assert 0 < report["max_abs_difference"] < 0.1
    config = json.loads(pathlib.Path(dtype, "config.json").read_text())
    assert config["dtype"] == dtype and "quantization_config" not in config
    raw = pathlib.Path(dtype, "model.safetensors").read_bytes()[:200]
    assert b'"dtype":"%s"' % (b"F16" if dtype == "float16" else b"BF16") in raw
    assert convert_to("float32", f"{dtype}_back", dtype)["max_abs_difference"] == 0


def test_an_encoder_and_a_decoder(home):
    model = bert_tf.Bert2Bert.from_pretrained("start", decoder="bertshare")
    model.save_pretrained("both")
    report = convert_to("int8", "both8", "both")
    assert report["architecture"] == "EncoderDecoderModel"
    config = json.loads(pathlib.Path("both8/config.json").read_text())
    assert config["quantization_config"] == {"quant_method": "bert_tf_int8"}
    batch = {
        "input_ids": np.array([[2, 9, 3]]),
        "target_ids": np.array([[2, 10, 11, 3]]),
    }
    again = bert_tf.Bert2Bert.from_pretrained("both8")
    before, after = (np.asarray(m(batch)["logits"]) for m in (model, again))
    assert 0 < np.abs(before - after).max() < 0.2
    again.save_pretrained("both8")  # A saved model may be replaced; it has floats.
    assert not pathlib.Path("both8", INT8).exists()
    assert "quantization_config" not in pathlib.Path("both8/config.json").read_text()


@pytest.fixture(scope="module")
def labels8(home, tasks):
    """A classifier's folder in eight bits, and the one that it was converted from."""
    convert_to("int8", "labels8", tasks["classification"])
    return "labels8", tasks["classification"]


def test_python_reads_and_writes_them(labels8):
    path, _ = labels8
    texts = ["it was good", "bad", "a fine film"]
    after, before = (bert_tf.Model(folder).predict(texts) for folder in labels8)
    for one, other in zip(before, after):
        assert one["scores"] == pytest.approx(other["scores"], abs=0.05)
    bert_tf.Classifier.from_pretrained(path).save_pretrained("saved")
    assert "quantization_config" not in pathlib.Path("saved/config.json").read_text()
    saved, rounded = arrays_of("saved"), arrays_of(path)
    for name, array in rounded.items():
        np.testing.assert_array_equal(saved[name], array)


@pytest.mark.slow  # A minute; all of them load weights by the same function.
def test_commands_read_them(labels8):
    path, source = labels8
    data = str(next(pathlib.Path(source).parent.glob("classification_data.*")))
    evaluation = bert_tf.EvaluateConfig(model=path, eval_file=data)
    assert "eval_accuracy" in bert_tf.evaluate(evaluation)
    compared = CompareConfig(model=path, baseline=source, eval_file=data)
    assert 0 <= compare(compared)["model"] <= 1
    report = export(ExportConfig(model=path, output_dir="phone", format="tflite"))
    assert report["agreement"] == 1
    findings = examine(DoctorConfig(model=path))
    assert not [
        x for x in findings if x["level"] == "problem" and "model" in x["check"]
    ]
    bert_tf.finetune(
        bert_tf.FinetuneConfig(
            model=path, train_file=data, max_seq_length=14, output_dir="tuned"
        ),
        bert_tf.TrainConfig(max_steps=1, eval_strategy="no"),
    )
    assert pathlib.Path("tuned/model.safetensors").is_file()
    assert "quantization_config" not in pathlib.Path("tuned/config.json").read_text()


def test_a_card_says_who_reads_the_weights(home, tasks):
    convert_to("int8", "card8", tasks["classification"])
    card = pathlib.Path("card8/README.md").read_text()
    assert card.startswith(
        pathlib.Path(tasks["classification"], "README.md").read_text()
    )
    assert "only bert_tf reads" in card


def test_a_new_model_of_the_same_sizes_has_floats(home):
    convert_to("int8", "sizes8")
    config = bert_tf.config.read_config("sizes8/config.json")
    assert "quantization_config" not in config.extra
    assert config.vocab_size == tiny_folder.CONFIG.vocab_size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int4"}, "one of float32, float16, bfloat16, int8; received 'int4'"),
        ({"dtype": "int8", "format": "google"}, "weights_dtype int8 is not for format"),
    ],
)
def test_bad_flags_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        convert_to(output="no", **options)


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_what_is_not_finite_writes_nothing(home, dtype):
    tiny_folder.write("bad")
    arrays = formats.read_safetensors("bad/model.safetensors")
    arrays = {name: np.array(array) for name, array in arrays.items()}
    arrays["bert.encoder.layer.0.output.dense.weight"][0, 0] = np.nan
    formats.write_safetensors("bad/model.safetensors", arrays)
    with pytest.raises(ValueError, match="NaN or infinite numbers in bert/encoder/lay"):
        convert_to(dtype, "no", "bad")
    assert not pathlib.Path("no").exists()
