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


def attach(path, *, name, inputs, outputs, files):
    """Adds metadata and files to a TFLite file.

    Args:
        path: `pathlib.Path` of the file, which is overwritten.
        name: name of the model.
        inputs, outputs: names of the model's tensors, in the model's order.
        files: {kind: path} of text files: `vocabulary`, one token per line; perhaps
            `labels`, those of the first output, one per line; perhaps
            `target_vocabulary`, the tokens whose ids the outputs hold.
    """
    model = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(_build(name, inputs, outputs, files))
    entry.name, entry.buffer = _NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    with zipfile.ZipFile(path, "a") as archive:
        for file in files.values():
            archive.write(file, file.name)


def _build(name, inputs, outputs, files):
    """Returns the bytes of a ModelMetadata table."""
    builder = flatbuffers.Builder(1024)
    tokenizer = _table(builder, [[_file(builder, files["vocabulary"], _VOCABULARY)]])
    unit = _table(builder, [("byte", _BERT_TOKENIZER), tokenizer])
    of_outputs = {"labels": _LABELS, "target_vocabulary": _VOCABULARY}
    described = [
        _file(builder, files[kind], number)
        for kind, number in of_outputs.items()
        if kind in files
    ]
    tensors = [
        [_tensor(builder, tensor, []) for tensor in inputs],
        [_tensor(builder, x, [] if n else described) for n, x in enumerate(outputs)],
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
