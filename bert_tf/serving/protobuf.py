"""TensorFlow Serving's protobuf messages, without its Python package or TensorFlow.

Field numbers and types are copied from tensorflow_serving/apis and TensorFlow's
framework/tensor.proto. Names may differ, because the wire format contains only numbers.
"""

import functools

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "int32": _TYPES.TYPE_INT32,
    "int64": _TYPES.TYPE_INT64,
    "float": _TYPES.TYPE_FLOAT,
    "string": _TYPES.TYPE_STRING,
    "bytes": _TYPES.TYPE_BYTES,
}
# message: {field: (number, type, whether it is repeated)}
_MESSAGES = {
    "Dim": {"size": (1, "int64", False)},
    "TensorShape": {"dim": (2, "Dim", True)},
    "Tensor": {
        "dtype": (1, "int32", False),
        "tensor_shape": (2, "TensorShape", False),
        "tensor_content": (4, "bytes", False),
        "float_val": (5, "float", True),
        "int_val": (7, "int32", True),
        "string_val": (8, "bytes", True),
        "int64_val": (10, "int64", True),
    },
    "Version": {"value": (1, "int64", False)},
    "ModelSpec": {
        "name": (1, "string", False),
        "version": (2, "Version", False),
        "signature_name": (3, "string", False),
    },
    # On the wire, a protobuf map is a list of such entries.
    "Entry": {"key": (1, "string", False), "value": (2, "Tensor", False)},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec", False),
        "inputs": (2, "Entry", True),
    },
    "PredictResponse": {
        "outputs": (1, "Entry", True),
        "model_spec": (2, "ModelSpec", False),
    },
    "PredictLog": {"request": (1, "PredictRequest", False)},
    "PredictionLog": {"predict_log": (6, "PredictLog", False)},
}
_DT_STRING = 7  # In tensorflow/core/framework/types.proto.


@functools.cache
def _classes():
    file = descriptor_pb2.FileDescriptorProto(
        name="bert_tf/serving.proto", package="bert_tf.serving", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            entry = message.field.add(name=field, number=number)
            entry.label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
            if kind in _KINDS:
                entry.type = _KINDS[kind]
            else:
                entry.type = _TYPES.TYPE_MESSAGE
                entry.type_name = f".{file.package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{file.package}.{name}")
        )
        for name in _MESSAGES
    }


def message(name):
    """Returns the class of a message, such as "PredictRequest"."""
    return _classes()[name]


def string_tensor(values):
    """Returns a Tensor message of strings.

    Args:
        values: list of strings, or list of equally long lists of strings.
    """
    rows = [values] if not values or not isinstance(values[0], list) else values
    flat = [value for row in rows for value in row]
    sizes = [len(values)] + ([len(rows[0])] if rows is values and values else [])
    return message("Tensor")(
        dtype=_DT_STRING,
        tensor_shape={"dim": [{"size": size} for size in sizes]},
        string_val=[value.encode("utf-8") for value in flat],
    )


def predict_request(model, signature, inputs):
    """Returns a PredictRequest with string inputs.

    Args:
        model: name of the model on the server.
        signature: name of the signature.
        inputs: {name: values, see `string_tensor`}.
    """
    return message("PredictRequest")(
        model_spec={"name": model, "signature_name": signature},
        inputs=[
            {"key": name, "value": string_tensor(values)}
            for name, values in inputs.items()
        ],
    )
