"""Asks a model on TensorFlow Serving, over REST or gRPC; needs no TensorFlow.

    from bert_tf.serving.client import Client

    client = Client("http://localhost:8501", "model")
    client.predict(text=["Where is my parcel?"])

REST needs Python alone; gRPC, "grpc://localhost:8500", needs pip install
'bert_tf[serving]'.
"""

import json
import math
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

_RETRIED = (429, 502, 503, 504)  # Busy, or not there yet.


class ServingError(RuntimeError):
    """What a server refused, or that none answered; one line."""


class Client:
    """A model on a server.

    Args:
        address: "http://host:8501" (REST), "https://…", or "grpc://host:8500".
        model: its name there.
        signature: which of its signatures.
        timeout: seconds that an answer may take.
        retries: how often to ask again where the server is busy or not there.
        wait: seconds before the first time of those; each time twice as long.
    """

    def __init__(
        self,
        address,
        model,
        *,
        signature="serving_default",
        timeout=30.0,
        retries=3,
        wait=0.5,
    ):
        scheme, is_address, place = address.partition("://")
        if not is_address or scheme not in ("http", "https", "grpc"):
            raise ValueError(
                "address must be http://host:port, https://… or grpc://host:port; "
                f"received {address!r}."
            )
        self.address, self.model, self.signature = address.rstrip("/"), model, signature
        self.timeout, self.retries, self.wait = timeout, retries, wait
        self._call = _Grpc(place) if scheme == "grpc" else None

    def predict(self, **inputs):
        """Returns the answers, one a record.

        Args:
            inputs: lists of one length: text=[…], perhaps text_pair=[…]; question=[…]
                and context=[…]; question=[…] and choices=[[…], …].

        Returns:
            list of dicts of what the signature gives.

        Raises:
            ServingError: the server refused, or did not answer in time.
            ValueError: inputs that are no lists of one length.
        """
        lengths = {len(x) if isinstance(x, list) else None for x in inputs.values()}
        if len(lengths) != 1 or None in lengths:
            raise ValueError(
                "predict takes lists of one length, such as text=[…]; received "
                f"{', '.join(f'{n} ({type(x).__name__})' for n, x in inputs.items())}."
            )
        if lengths == {0}:
            return []
        if self._call:
            outputs = self._ask(
                lambda: self._call(self.model, self.signature, inputs, self.timeout)
            )
        else:
            outputs = self._post({"signature_name": self.signature, "inputs": inputs})
        return _records(outputs)

    def status(self):
        """Returns the versions of the model and their states, as the server says (REST).

        Raises:
            ServingError: no such model, or no server.
        """
        if self._call:
            raise ServingError("status is asked over REST; give the address http://….")
        return self._ask(lambda: self._open(f"/v1/models/{self._name()}", None))

    def _name(self):
        return urllib.parse.quote(self.model, safe="")

    def _post(self, body):
        found = self._ask(
            lambda: self._open(f"/v1/models/{self._name()}:predict", body)
        )
        outputs = found.get("outputs")
        # Of a signature with one output TensorFlow Serving leaves the name out.
        return outputs if isinstance(outputs, dict) else {"output": outputs}

    def _open(self, path, body):
        request = urllib.request.Request(
            self.address + path,
            None if body is None else json.dumps(body).encode("utf-8"),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            return json.load(answer)

    def _ask(self, once):
        wait = self.wait
        for left in range(self.retries, -1, -1):
            try:
                return once()
            except urllib.error.HTTPError as error:
                told = error.read(2000).decode("utf-8", "replace")
                if error.code not in _RETRIED or not left:
                    raise ServingError(
                        f"{self.address}: {self.model}: {_reason(told)} ({error.code})."
                    ) from None
            except _Refused as error:
                raise ServingError(f"{self.address}: {self.model}: {error}.") from None
            except (OSError, _Busy) as error:
                if not left:
                    raise ServingError(
                        f"{self.address} does not answer: {error}. Is the server up?"
                    ) from None
            time.sleep(wait)
            wait *= 2


class _Busy(Exception):
    """Worth another try."""


class _Refused(Exception):
    """Not worth one."""


class _Grpc:
    def __init__(self, place):
        try:
            import grpc
        except ImportError as error:
            raise ImportError(
                "gRPC needs grpcio and protobuf; run pip install 'bert_tf[serving]', or "
                "take REST, http://…."
            ) from error
        from bert_tf.serving import protobuf as messages

        self.grpc, self.messages = grpc, messages
        self.channel = grpc.insecure_channel(place)
        self.method = self.channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=messages.message("PredictResponse").FromString,
        )

    def __call__(self, model, signature, inputs, timeout):
        request = self.messages.predict_request(model, signature, inputs)
        try:
            response = self.method(request, timeout=timeout)
        except self.grpc.RpcError as error:
            busy = (
                self.grpc.StatusCode.UNAVAILABLE,
                self.grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
            late = error.code() == self.grpc.StatusCode.DEADLINE_EXCEEDED
            kind = _Busy if error.code() in busy or late else _Refused
            raise kind(f"{error.details()} ({error.code().name})") from None
        return {entry.key: _values(entry.value) for entry in response.outputs}


def _values(tensor):
    """A Tensor as nested lists."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.string_val:
        flat = [value.decode("utf-8", "replace") for value in tensor.string_val]
    elif tensor.tensor_content:
        kinds = {1: "f", 3: "i", 9: "q", 2: "d"}
        kind = kinds[tensor.dtype]
        size = struct.calcsize(kind)
        count = len(tensor.tensor_content) // size
        flat = list(struct.unpack(f"<{count}{kind}", tensor.tensor_content))
    else:
        flat = [*tensor.float_val, *tensor.int_val, *tensor.int64_val]
    if len(flat) == 1 and math.prod(shape) > 1:  # One value stands for all.
        flat *= math.prod(shape)
    return _nest(flat, shape)


def _nest(flat, shape):
    if len(shape) < 2:
        return flat
    size = math.prod(shape[1:])
    return [
        _nest(flat[number * size : (number + 1) * size], shape[1:])
        for number in range(shape[0])
    ]


def _records(outputs):
    """{name: a list of one value a record} → a dict a record."""
    names = list(outputs)
    return [dict(zip(names, row)) for row in zip(*outputs.values())]


def _reason(told):
    try:
        return str(json.loads(told)["error"]).strip().splitlines()[0]
    except (ValueError, LookupError, TypeError):
        return told.strip()[:200] or "no reason given"
