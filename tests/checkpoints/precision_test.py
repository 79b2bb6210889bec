"""Weights in fewer bits: the errors that rounding makes, and no others."""

import json

import numpy as np
import pytest
import tiny_folder

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import formats, layouts, precision
from bert_tf.models.backbone import BertBackbone

RANDOM = np.random.default_rng(3)
ARRAYS = {
    "a.weight": (RANDOM.normal(size=(5, 7)) * 10.0 ** np.arange(-3, 2)[:, None]).astype(
        np.float32
    ),
    "a.bias": RANDOM.normal(size=5).astype(np.float32),
}
QUERY = "bert.encoder.layer.0.attention.self.query.weight"


def test_a_worked_example():
    array = np.array([[127, -63.4, 0.5], [0, 0, 0], [-2.54, 1.27, 0]], np.float32)
    stored = precision.store({"w": array}, "int8")
    assert stored["w"].dtype == np.int8
    assert stored["w"].tolist() == [[127, -63, 0], [0, 0, 0], [-127, 64, 0]]
    np.testing.assert_allclose(stored["w_scale"][[0, 2]], [1, 0.02], rtol=1e-6)
    assert stored["w_scale"].dtype == np.float32
    restored = precision.restore(stored)
    assert restored.keys() == {"w"} and restored["w"].dtype == np.float32
    expected = [[127, -63, 0], [0, 0, 0], [-2.54, 1.28, 0]]
    np.testing.assert_allclose(restored["w"], expected, rtol=1e-6)


def test_weights_are_off_by_half_a_scale_and_biases_by_nothing():
    stored = precision.store(ARRAYS, "int8")
    restored = precision.restore(stored)
    scale = np.abs(ARRAYS["a.weight"]).max(axis=1) / 127
    np.testing.assert_allclose(stored["a.weight_scale"], scale, rtol=1e-6)
    error = np.abs(restored["a.weight"] - ARRAYS["a.weight"]) / scale[:, None]
    assert 0.3 < error.max() <= 0.5 + 1e-5
    np.testing.assert_array_equal(restored["a.bias"], ARRAYS["a.bias"])


def test_rows_of_zeros_and_of_almost_zero():
    array = np.array([[0, 0], [1e-45, -1e-40], [3e38, -3e38]], np.float32)
    restored = precision.restore(precision.store({"w": array}, "int8"))["w"]
    np.testing.assert_array_equal(restored[0], [0, 0])
    np.testing.assert_allclose(restored[1], array[1], atol=1e-38)
    np.testing.assert_allclose(restored[2], array[2], rtol=1e-6)


def test_what_was_rounded_once_is_not_rounded_again():
    once = precision.restore(precision.store(ARRAYS, "int8"))
    twice = precision.restore(precision.store(once, "int8"))
    np.testing.assert_allclose(twice["a.weight"], once["a.weight"], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "error"), [("float16", 2e-3), ("bfloat16", 1e-2)])
def test_half_precision(dtype, error):
    stored = precision.store(ARRAYS, dtype)
    assert {array.dtype.name for array in stored.values()} == {dtype}
    restored = precision.restore(stored)
    for name, array in ARRAYS.items():
        assert restored[name].dtype == np.float32
        np.testing.assert_allclose(restored[name], array, rtol=error)
    assert precision.store(ARRAYS, "float32") is ARRAYS


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["int8", "float16", "bfloat16"])
def test_what_is_not_finite_is_refused(dtype, value, name):
    array = ARRAYS[name].copy()
    array.flat[2] = value
    with pytest.raises(ValueError, match=f"{dtype} cannot hold {name}, which has num"):
        precision.store(ARRAYS | {name: array}, dtype)


def test_float16_has_a_smaller_range():
    arrays = {"w": np.full((1, 2), 7e4, np.float32)}
    with pytest.raises(ValueError, match="float16 cannot hold w.* beyond 65504"):
        precision.store(arrays, "float16")
    assert precision.store(arrays, "bfloat16")["w"][0, 0] > 6e4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a.weight_scale": None}, "a.weight has eight bits, .* no a.weight_scale"),
        (
            {"a.weight_scale": np.ones(7, np.float32)},
            r"a.weight_scale is float32 \[7\], but must be float32 \[5\]",
        ),
        (
            {"a.weight_scale": np.ones((5, 1), np.float32)},
            r"a.weight_scale is float32 \[5, 1\], but must be float32 \[5\]",
        ),
        (
            {"a.weight_scale": np.ones(5)},
            r"a.weight_scale is float64 \[5\], but must be float32 \[5\]",
        ),
        ({"a.bias": np.ones(5, np.int8)}, "a.bias has eight bits, .* no a.bias_scale"),
        ({"a.bias": np.ones(5, np.int32)}, "a.bias has dtype int32, but must be int8"),
    ],
)
def test_a_wrong_scale_is_an_error_that_names_the_array(changes, message):
    arrays = precision.store(ARRAYS, "int8") | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(ValueError, match=f"some.file: {message}"):
        precision.restore(arrays, "some.file")


@pytest.fixture
def saved(tmp_path):
    """A folder of eight bits, and the arrays that it was written from."""
    tiny_folder.write(tmp_path / "start")
    arrays = layouts.read_arrays(tmp_path / "start")
    parts = folders.read(tmp_path / "start")
    folders.write_arrays(tmp_path / "int8", arrays, parts, "BertModel", "int8")
    return tmp_path / "int8", arrays


def test_a_folder(saved):
    path, arrays = saved
    assert not (path / "model.safetensors").exists()
    raw = formats.read_safetensors(path / precision.FILE)
    assert {n for n, x in raw.items() if x.dtype == np.int8} == {
        name.removesuffix("_scale") for name in raw if name.endswith("_scale")
    }
    assert raw[QUERY].dtype == np.int8 and raw[QUERY].shape == (12, 12)
    config = json.loads((path / "config.json").read_text())
    assert config["quantization_config"] == {"quant_method": "bert_tf_int8"}
    read = layouts.read_arrays(path)
    assert read.keys() == arrays.keys()
    assert layouts.read_shapes(path) == {name: x.shape for name, x in arrays.items()}
    query = "bert/encoder/layer_0/attention/self/query/kernel"  # A column an output.
    scale = np.abs(arrays[query]).max(axis=0) / 127
    assert (np.abs(read[query] - arrays[query]) <= 0.50001 * scale).all()
    parts = folders.read(path)
    assert "quantization_config" not in parts.config.extra
    model = BertBackbone(parts.config)
    assert folders.load_weights(path, model).new == []
    np.testing.assert_array_equal(
        model.encoder_layers[0].self_attention.query.kernel, read[query]
    )
    direct = layouts.read_arrays(path / precision.FILE)
    np.testing.assert_array_equal(direct[query], read[query])


def change_config(path, **values):
    config = json.loads((path / "config.json").read_text()) | values
    (path / "config.json").write_text(json.dumps(config))


def test_the_configuration_must_say_so(saved):
    path, _ = saved
    change_config(path, quantization_config=None)
    with pytest.raises(
        ValueError, match="holds model.int8.safetensors, but config.jso"
    ):
        folders.read(path)
    change_config(path, quantization_config={"quant_method": "gptq", "bits": 8})
    with pytest.raises(ValueError, match="quantization_config must be {} or absent"):
        folders.read(path)


def test_the_file_must_be_there_alone(saved):
    path, _ = saved
    formats.write_safetensors(path / "model.safetensors", {"a": np.ones(2)})
    with pytest.raises(ValueError, match="both model.int8.safetensors and model.safet"):
        folders.read(path)
    (path / precision.FILE).unlink()
    with pytest.raises(ValueError, match="says that the weights have eight bits, but"):
        folders.read(path)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (None, f"{precision.FILE}: {QUERY} has eight bits, but there is no"),
        (np.ones(3, np.float32), f"{QUERY}_scale is float32 .3., but must be"),
        (
            np.full(12, np.nan, np.float32),
            f"{precision.FILE} holds NaN or infinite numbers in bert/encoder/layer_0/att",
        ),
    ],
)
def test_damaged_scales_of_a_folder(saved, scale, message):
    path, _ = saved
    raw = formats.read_safetensors(path / precision.FILE)
    raw = {name: np.array(array) for name, array in raw.items()}
    raw.pop(QUERY + "_scale")
    if scale is not None:
        raw[QUERY + "_scale"] = scale
    formats.write_safetensors(path / precision.FILE, raw)
    with pytest.raises(ValueError, match=message):
        folders.load_weights(path, BertBackbone(folders.read(path).config))
