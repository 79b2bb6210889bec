"""A TFLite file predicts what the model predicts, with built-in operations only."""

import functools
import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from bert_tf import Model
from bert_tf.serving import exporting, padded
from bert_tf.serving.adapters import ADAPTERS

TASKS = {name for name, adapter in ADAPTERS.items() if adapter.padded}
OTHERS = TASKS - {"classification", "question_answering"}


def export(folder, path, **options):
    config = exporting.ExportConfig(
        model=folder, format="tflite", output_dir=str(path), **options
    )
    return exporting.export(config)


@pytest.fixture(scope="module")
def exported(folders, tmp_path_factory):
    """function(task) → (folder, report); exports each task once."""
    home = tmp_path_factory.mktemp("lite")

    @functools.cache
    def export_once(task):
        return home / task, export(folders[task], home / task)

    return export_once


@pytest.mark.parametrize(
    "task",
    [
        "classification",
        "question_answering",
        *(pytest.param(task, marks=pytest.mark.slow) for task in sorted(OTHERS)),
    ],
)
def test_it_predicts_what_the_model_predicts(exported, task):
    path, report = exported(task)
    assert report["max_abs_difference"] < 1e-5
    assert report["agreement"] == 1.0
    assert report["texts"] == 64
    assert json.loads((path / "parity.json").read_text()) == report
    check_operations(path)


def check_operations(path):
    """Asserts that all operations of a file are built in."""
    data = (path / "model.tflite").read_bytes()
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    codes = {code.builtinCode for code in model.operatorCodes}
    assert schema.BuiltinOperator.CUSTOM not in codes
    assert all(code.customCode is None for code in model.operatorCodes)


def test_the_inputs_have_the_names_that_the_task_library_expects(exported):
    path, _ = exported("classification")
    interpreter = tf.lite.Interpreter(str(path / "model.tflite"))
    names = {detail["name"] for detail in interpreter.get_input_details()}
    assert names == {f"serving_default_{name}:0" for name in padded.TASK_LIBRARY}
    shapes = [detail["shape"].tolist() for detail in interpreter.get_input_details()]
    assert shapes == [[1, 14]] * 3


class Table:
    """Reads a flatbuffer table by slot; no package has a reader for this schema."""

    def __init__(self, buffer, place):
        import flatbuffers.table

        self.table = flatbuffers.table.Table(buffer, place)

    def _field(self, slot):
        offset = self.table.Offset(4 + 2 * slot)
        return offset and self.table.Pos + offset

    def string(self, slot):
        return self.table.String(self._field(slot)).decode()

    def byte(self, slot):
        return self.table.Bytes[self._field(slot)]

    def one(self, slot):
        return Table(self.table.Bytes, self.table.Indirect(self._field(slot)))

    def all(self, slot):
        offset = self.table.Offset(4 + 2 * slot)
        begin = self.table.Vector(offset)
        places = [begin + 4 * n for n in range(self.table.VectorLen(offset))]
        return [Table(self.table.Bytes, self.table.Indirect(p)) for p in places]


def metadata(path):
    data = bytearray(path.read_bytes())
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (entry,) = [m for m in model.metadata if m.name == b"TFLITE_METADATA"]
    buffer = bytes(model.buffers[entry.buffer].data)
    assert buffer[4:8] == b"M001"
    return Table(buffer, int.from_bytes(buffer[:4], "little"))


@pytest.mark.parametrize(
    ("task", "outputs"),
    [
        ("classification", ["probability"]),
        ("question_answering", {"end_logits", "start_logits"}),
    ],
)
def test_metadata(exported, task, outputs):
    path = exported(task)[0] / "model.tflite"
    root = metadata(path)
    assert root.string(7) == "1.1.0"
    (graph,) = root.all(3)
    order = [d["name"] for d in tf.lite.Interpreter(str(path)).get_input_details()]
    names = {
        "input_word_ids": "ids",
        "input_mask": "mask",
        "input_type_ids": "segment_ids",
    }
    expected = [
        names[n.removeprefix("serving_default_").removesuffix(":0")] for n in order
    ]
    assert [tensor.string(0) for tensor in graph.all(2)] == expected
    assert type(outputs)(tensor.string(0) for tensor in graph.all(3)) == outputs
    (unit,) = graph.all(5)
    assert unit.byte(0) == 4  # BertTokenizerOptions.
    (vocabulary,) = unit.one(1).all(0)
    assert (vocabulary.string(0), vocabulary.byte(2)) == ("vocab.txt", 5)
    files = {"vocab.txt"}
    if task == "classification":
        (labels,) = graph.all(3)[0].all(6)
        assert (labels.string(0), labels.byte(2)) == ("labels.txt", 2)
        files |= {"labels.txt"}
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == files
        for name in files:
            assert archive.read(name) == (path.parent / name).read_bytes()


@pytest.mark.slow
def test_int8_float16_and_dynamic_length(folders, tmp_path):
    report = export(folders["classification"], tmp_path / "int8", quantize="int8")
    assert report["precision"] == "int8"
    assert report["agreement"] > 0.9
    halves = export(folders["classification"], tmp_path / "16", quantize="float16")
    # float16 rounds to 1 part in 2,048; probabilities change by less.
    assert 0 < halves["max_abs_difference"] < 1e-3
    assert report["size_bytes"] < halves["size_bytes"]
    export(folders["similarity"], tmp_path / "any", dynamic_length=True)
    interpreter = tf.lite.Interpreter(str(tmp_path / "any" / "model.tflite"))
    runner = interpreter.get_signature_runner("serving_default")
    model = Model(folders["similarity"])
    for text, ids in (("it was", [2, 10, 12, 3]), ("good", [2, 15, 3])):
        ids = np.array([ids], np.int32)
        (embedding,) = runner(
            input_word_ids=ids,
            input_mask=np.ones_like(ids),
            input_type_ids=np.zeros_like(ids),
        )["embedding"]
        (prediction,) = model.predict([text])
        np.testing.assert_allclose(embedding, prediction["embedding"], atol=1e-5)


@pytest.mark.slow
def test_text_input_with_custom_operations(folders, tmp_path):
    report = export(folders["classification"], tmp_path / "text", text_input=True)
    assert report["max_abs_difference"] < 1e-5
    assert report["agreement"] == 1.0
    with pytest.raises(ValueError, match="text_input takes a single text"):
        export(folders["multiple_choice"], tmp_path / "no", text_input=True)


def test_a_task_that_cannot_be_written_is_an_error(folders, tmp_path):
    with pytest.raises(ValueError, match="fill_mask has no form of numbers alone"):
        export(folders["fill_mask"], tmp_path / "masks")
    assert not list(tmp_path.iterdir())
