"""Name-based checkpoints, as TF1 writes and reads them."""

import os
import pathlib
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.checkpoints import tf1

DATA = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data" / "checkpoints"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")
ARRAYS = {
    "bert/embeddings/word_embeddings": np.arange(15, dtype=np.float32).reshape(5, 3),
    "bert/pooler/dense/bias": np.array([0.1, -0.2, 1e-30], np.float32),
    "cls/seq_relationship/output_bias": np.array([3, 4], np.float64),
}


@pytest.fixture
def prefix(tmp_path):
    tf1.write(tmp_path / "bert_model.ckpt", ARRAYS)
    return tmp_path / "bert_model.ckpt"


def test_round_trip(prefix):
    arrays = tf1.read(prefix)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_file_names_are_the_published_ones(prefix):
    assert sorted(os.listdir(prefix.parent)) == [
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
    ]


def test_tf1_lists_the_arrays_by_name(prefix):
    assert tf.compat.v1.train.list_variables(str(prefix)) == [
        ("bert/embeddings/word_embeddings", [5, 3]),
        ("bert/pooler/dense/bias", [3]),
        ("cls/seq_relationship/output_bias", [2]),
    ]


@pytest.mark.parametrize("way", ["Saver", "init_from_checkpoint"])
def test_tf1_restores_the_arrays(prefix, way):
    """By both ways of google-research/bert: the Estimator's and modeling.py's."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        # TF1's default, set without changing the defaults of the process.
        with v1.variable_scope("bert/embeddings", use_resource=False):
            table = v1.get_variable("word_embeddings", [5, 3])
        with v1.variable_scope("bert/pooler/dense", use_resource=False):
            bias = v1.get_variable("bias", [3])
        if way == "Saver":
            v1.train.Saver([table, bias]).restore(session, str(prefix))
        else:
            v1.train.init_from_checkpoint(
                str(prefix), {name: name for name in list(ARRAYS)[:2]}
            )
            session.run(v1.global_variables_initializer())
        received = session.run([table, bias])
    for array, name in zip(received, ARRAYS):
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_optimizer_and_counters_are_skipped(tmp_path):
    name = "bert/pooler/dense/bias"
    training = {
        f"{name}/adam_m": np.ones(3, np.float32),
        f"{name}/adam_v": np.ones(3, np.float32),
        "global_step": np.int64(7),
        "beta1_power": np.float32(0.9),
    }
    tf1.write(tmp_path / "x", ARRAYS | training)
    assert len(tf.train.list_variables(str(tmp_path / "x"))) == 7
    assert tf1.read(tmp_path / "x").keys() == ARRAYS.keys()


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_becomes_float32(tmp_path, dtype):
    tf1.write(tmp_path / "x", {"a": np.array([0.5, 1.25], dtype.as_numpy_dtype)})
    array = tf1.read(tmp_path / "x")["a"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [0.5, 1.25])


def test_index_alone(prefix):
    prefix.with_name("bert_model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"ckpt.index only lists the arrays.* bert_model.ckpt.data-00000-of-00001, "
        "which is missing. Copy it",
    ):
        tf1.read(prefix)


def test_data_alone(prefix):
    prefix.with_name("bert_model.ckpt.index").unlink()
    with pytest.raises(FileNotFoundError, match="no checkpoint index"):
        tf1.read(prefix)


@pytest.mark.parametrize("file", ["data-00000-of-00001", "index"])
def test_cut_short(prefix, file):
    path = prefix.with_name(f"bert_model.ckpt.{file}")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cut short or corrupt .*again") as error:
        tf1.read(prefix)
    assert "\n" not in str(error.value)


def test_changed_numbers(prefix):
    """A checkpoint has checksums, so one changed bit is detected."""
    path = prefix.with_name("bert_model.ckpt.data-00000-of-00001")
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cut short or corrupt"):
        tf1.read(prefix)


def test_checkpoint_of_objects(tmp_path):
    written = tf.train.Checkpoint(a=tf.Variable([1.0])).save(str(tmp_path / "x"))
    with pytest.raises(ValueError, match="is a checkpoint of objects"):
        tf1.read(written)


@needs_data
def test_training_checkpoint_of_another_program():
    path = DATA / "keras-bert-tiny-tf1" / "bert_model.ckpt"
    assert len(tf.train.list_variables(str(path))) == 139
    arrays = tf1.read(path)
    assert len(arrays) == 5 + 2 * 16 + 2 + 7
    assert arrays["bert/embeddings/word_embeddings"].shape == (15, 4)
    assert arrays["cls/seq_relationship/output_weights"].shape == (2, 4)


@needs_data
def test_published_index_without_its_data():
    path = DATA / "google-bert-chinese-index-only" / "bert_model.ckpt"
    with pytest.raises(FileNotFoundError, match="numbers are in .*data-00000-of-00001"):
        tf1.read(path)


@pytest.mark.parametrize("name", ["run[1]", "a*b", "what?", "back\\slash", "[", "a b"])
def test_folders_whose_names_tensorflow_takes_for_patterns(tmp_path, name):
    other = tmp_path / "run1"  # What the pattern run[1] matches.
    for folder in (other, tmp_path / name):
        folder.mkdir()
        arrays = {"a/b": np.array([len(folder.name)], np.float32)}
        tf1.write(folder / "bert_model.ckpt", arrays)
    path = tmp_path / name / "bert_model.ckpt"
    assert tf1.read_shapes(path) == {"a/b": [1]}
    np.testing.assert_array_equal(tf1.read(path)["a/b"], [len(name)])
    pathlib.Path(f"{path}.index").write_bytes(b"\0" * 99)
    with pytest.raises(ValueError, match="is cut short or corrupt") as error:
        tf1.read(path)
    assert str(path) in str(error.value)


def test_patterns_in_the_name_of_a_file_and_in_that_of_the_temporary_folder(
    tmp_path, monkeypatch
):
    (tmp_path / "[1]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "[1]"))
    tf1.write(tmp_path / "[1]" / "x[2]?", ARRAYS)
    assert tf1.read(tmp_path / "[1]" / "x[2]?").keys() == ARRAYS.keys()


def test_tensorflow_is_not_installed(prefix, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    for action in (tf1.read, lambda path: tf1.write(path, ARRAYS)):
        with pytest.raises(ValueError, match="need TensorFlow: run pip install"):
            action(prefix)
