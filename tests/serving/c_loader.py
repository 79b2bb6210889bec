"""Runs SavedModels in TensorFlow's C++ loader, which TensorFlow Serving uses, too.

    python c_loader.py < jobs.json

A job is {"path", "signature", "inputs": {name: nested lists}}. Prints a list with one
entry per job: {name: nested lists}, or {"error": message}. It calls the libraries of
the installed wheels with ctypes instead of importing TensorFlow, because Python's
loader accepts models that the C++ loader rejects (variables that the graph never
assigns).
"""

import ctypes
import functools
import glob
import importlib.util
import json
import math
import os
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# The parts of saved_model.proto and meta_graph.proto that describe signatures. Maps are
# lists of entries on the wire. {message: {field: (number, type, whether repeated)}}
MESSAGES = {
    "Info": {"name": (1, "string", False), "dtype": (2, "int32", False)},
    "InfoEntry": {"key": (1, "string", False), "value": (2, "Info", False)},
    "Signature": {"inputs": (1, "InfoEntry", True), "outputs": (2, "InfoEntry", True)},
    "Entry": {"key": (1, "string", False), "value": (2, "Signature", False)},
    "MetaGraph": {"signatures": (5, "Entry", True)},
    "SavedModel": {"meta_graphs": (2, "MetaGraph", True)},
}
CTYPES = {1: ctypes.c_float, 3: ctypes.c_int32, 9: ctypes.c_int64}
STRING, STRING_SIZE = 7, 24
P = ctypes.c_void_p


class Output(ctypes.Structure):
    _fields_ = [("operation", P), ("index", ctypes.c_int)]


class LoaderError(Exception):
    """The C++ loader reported an error."""


@functools.cache
def library():
    site = os.path.dirname(
        os.path.dirname(importlib.util.find_spec("tensorflow").origin)
    )
    load = functools.partial(ctypes.CDLL, mode=ctypes.RTLD_GLOBAL)
    load(glob.glob(f"{site}/tensorflow/libtensorflow_framework.so*")[0])
    tf = load(glob.glob(f"{site}/tensorflow/libtensorflow_cc.so*")[0])
    results = {
        "TF_Message": ctypes.c_char_p,
        "TF_GetCode": ctypes.c_int,
        "TF_TensorType": ctypes.c_int,
        "TF_NumDims": ctypes.c_int,
        "TF_Dim": ctypes.c_int64,
        "TF_StringGetSize": ctypes.c_size_t,
    }
    pointers = (
        *("NewStatus", "LoadLibrary", "NewGraph", "NewSessionOptions", "NewBuffer"),
        *("LoadSessionFromSavedModel", "GraphOperationByName", "AllocateTensor"),
        *("TensorData", "StringGetDataPointer"),
    )
    for name, kind in (results | {f"TF_{name}": P for name in pointers}).items():
        getattr(tf, name).restype = kind
    for name, arguments in {
        "TF_StringInit": [P],
        "TF_StringCopy": [P, ctypes.c_char_p, ctypes.c_size_t],
        "TF_StringGetDataPointer": [P],
        "TF_StringGetSize": [P],
    }.items():
        getattr(tf, name).argtypes = arguments
    status = P(tf.TF_NewStatus())
    for path in glob.glob(f"{site}/tensorflow_text/python/ops/_*.so"):
        tf.TF_LoadLibrary(path.encode(), status)
    return tf


def read_signatures(path):
    """Returns {signature: {"inputs": {name: (tensor, dtype)}, "outputs": the same}}."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a")
    file.syntax = "proto3"
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for key, (number, kind, repeated) in fields.items():
            added = message.field.add(name=key, number=number)
            added.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
            if kind in MESSAGES:
                added.type, added.type_name = field.TYPE_MESSAGE, f".a.{kind}"
            else:
                added.type = field.TYPE_INT32 if kind == "int32" else field.TYPE_STRING
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("a.SavedModel"))
    with open(f"{path}/saved_model.pb", "rb") as data:
        (graph,) = kind.FromString(data.read()).meta_graphs
    return {
        entry.key: {
            side: {
                info.key: (info.value.name, info.value.dtype)
                for info in getattr(entry.value, side)
            }
            for side in ("inputs", "outputs")
        }
        for entry in graph.signatures
    }


class Model:
    """A loaded SavedModel."""

    def __init__(self, path):
        self.tf, self.path = library(), path
        self.status, self.graph = P(self.tf.TF_NewStatus()), P(self.tf.TF_NewGraph())
        options, buffer = P(self.tf.TF_NewSessionOptions()), P(self.tf.TF_NewBuffer())
        tags = (ctypes.c_char_p * 1)(b"serve")
        arguments = (options, None, path.encode(), tags, 1, self.graph, buffer)
        self.session = P(self.tf.TF_LoadSessionFromSavedModel(*arguments, self.status))
        self.check()

    def check(self):
        if self.tf.TF_GetCode(self.status):
            raise LoaderError(self.tf.TF_Message(self.status).decode()[:2000])

    def run(self, signature, inputs):
        described = read_signatures(self.path)[signature]
        feeds = [
            (self.output(tensor), self.tensor(inputs[name], kind))
            for name, (tensor, kind) in described["inputs"].items()
        ]
        names = sorted(described["outputs"])
        fetched = [self.output(described["outputs"][name][0]) for name in names]
        results = (P * len(names))()
        self.tf.TF_SessionRun(
            self.session,
            None,
            (Output * len(feeds))(*(output for output, _ in feeds)),
            (P * len(feeds))(*(tensor for _, tensor in feeds)),
            len(feeds),
            (Output * len(names))(*fetched),
            results,
            len(names),
            None,
            0,
            None,
            self.status,
        )
        self.check()
        return {name: self.values(P(tensor)) for name, tensor in zip(names, results)}

    def output(self, tensor):
        name, _, index = tensor.partition(":")
        operation = self.tf.TF_GraphOperationByName(self.graph, name.encode())
        if not operation:
            raise LoaderError(f"no operation {name}")
        return Output(operation, int(index or 0))

    def tensor(self, values, kind):
        shape, flat = [], values
        while isinstance(flat, list):
            shape.append(len(flat))
            if not flat:
                break
            flat = flat[0]
        flat = values
        for _ in shape[1:]:
            flat = [item for row in flat for item in row]
        size = STRING_SIZE if kind == STRING else ctypes.sizeof(CTYPES[kind])
        shape = (ctypes.c_int64 * len(shape))(*shape)
        bytes_ = ctypes.c_size_t(size * len(flat))
        tensor = P(self.tf.TF_AllocateTensor(kind, shape, len(shape), bytes_))
        data = self.tf.TF_TensorData(tensor)
        for number, value in enumerate(flat):
            place = data + size * number
            if kind == STRING:
                self.tf.TF_StringInit(place)
                value = value.encode("utf-8")
                self.tf.TF_StringCopy(place, value, len(value))
            else:
                CTYPES[kind].from_address(place).value = value
        return tensor

    def values(self, tensor):
        dims = range(self.tf.TF_NumDims(tensor))
        shape = [self.tf.TF_Dim(tensor, dim) for dim in dims]
        count, data = math.prod(shape), self.tf.TF_TensorData(tensor)
        kind = self.tf.TF_TensorType(tensor)
        if kind == STRING:
            flat = [
                ctypes.string_at(
                    self.tf.TF_StringGetDataPointer(data + STRING_SIZE * number),
                    self.tf.TF_StringGetSize(data + STRING_SIZE * number),
                ).decode("utf-8", "replace")
                for number in range(count)
            ]
        else:
            flat = list((CTYPES[kind] * count).from_address(data)) if count else []
        return nest(flat, shape)


def nest(flat, shape):
    if len(shape) < 2:
        return flat
    size = math.prod(shape[1:])
    return [
        nest(flat[row * size : (row + 1) * size], shape[1:]) for row in range(shape[0])
    ]


def main():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    load, results = functools.cache(Model), []
    for job in json.load(sys.stdin):
        try:
            results.append(load(job["path"]).run(job["signature"], job["inputs"]))
        except LoaderError as error:
            results.append({"error": str(error)})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
