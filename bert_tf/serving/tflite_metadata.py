"""Adds tensor names, vocabulary and labels for the TFLite Task Library.

BertNLClassifier and BertQuestionAnswerer read a flatbuffer inside the TFLite file
(metadata_schema.fbs of tflite-support, 1.1.0) and files from a zip archive at its end.
The flatbuffer is built by hand, because the package that writes it is not maintained.
"""

import zipfile

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema

_NAME, _PARSER_VERSION = "TFLITE_METADATA", "1.1.0"
_LABELS, _VOCABULARY = 2, 5  # AssociatedFileType.
_BERT_TOKENIZER = 4  # ProcessUnitOptions.
_FEATURES = 1  # ContentProperties.


def attach(path, *, name, inputs, outputs, vocabulary, labels=None):
    """Adds metadata and files to a TFLite file.

    Args:
        path: `pathlib.Path` of the file, which is overwritten.
        name: name of the model.
        inputs, outputs: names of the model's tensors, in the model's order.
        vocabulary: path of a text file with one token per line.
        labels: path of a text file with the labels of the first output, one per line;
            None if it has none.
    """
    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(_build(name, inputs, outputs, vocabulary, labels))
    entry.name, entry.buffer = _NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    with zipfile.ZipFile(path, "a") as archive:
        for file in filter(None, (vocabulary, labels)):
            archive.write(file, file.name)


def _build(name, inputs, outputs, vocabulary, labels):
    """Returns the bytes of a ModelMetadata table."""
    builder = flatbuffers.Builder(1024)
    tokenizer = _table(builder, [[_file(builder, vocabulary, _VOCABULARY)]])
    unit = _table(builder, [("byte", _BERT_TOKENIZER), tokenizer])
    files = [_file(builder, labels, _LABELS)] if labels else []
    tensors = [
        [_tensor(builder, tensor, []) for tensor in inputs],
        [_tensor(builder, x, [] if n else files) for n, x in enumerate(outputs)],
    ]
    # Slots: name, description, inputs, outputs, files, input process units.
    graph = _table(builder, [None, None, *tensors, None, [unit]])
    root = [builder.CreateString(name), None, None, [graph]]
    version = builder.CreateString(_PARSER_VERSION)
    builder.Finish(_table(builder, [*root, None, None, None, version]), b"M001")
    return builder.Output()


def _file(builder, path, kind):
    return _table(builder, [builder.CreateString(path.name), None, ("byte", kind)])


def _tensor(builder, name, files):
    content = _table(builder, [("byte", _FEATURES), _table(builder, [])])
    name = builder.CreateString(name)
    return _table(builder, [name, None, None, content, None, None, files or None])


def _table(builder, fields):
    """Writes a table and returns its offset.

    Args:
        fields: in slot order, each an offset, a list of offsets, ("byte", value), or
            None if it is absent.
    """
    fields = [_vector(builder, f) if isinstance(f, list) else f for f in fields]
    builder.StartObject(len(fields))
    for slot, field in enumerate(fields):
        if isinstance(field, tuple):
            builder.PrependInt8Slot(slot, field[1], 0)
        elif field is not None:
            builder.PrependUOffsetTRelativeSlot(slot, field, 0)
    return builder.EndObject()


def _vector(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()
