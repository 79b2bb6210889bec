"""Client for a model on TensorFlow Serving, over REST or gRPC; needs no TensorFlow.

    from bert_tf.serving.client import Client

    client = Client("http://localhost:8501", "model")
    client.predict(text=["Where is my parcel?"])

REST uses the standard library only. gRPC ("grpc://localhost:8500") needs
pip install 'bert_tf[serving]'.
"""

import json
import math
import struct
import time
import urllib.error
import urllib.parse
import urllib.request

_RETRIED = (429, 502, 503, 504)  # The server is overloaded or still loading.


class ServingError(RuntimeError):
    """A request was refused or got no response; the message is one line."""


class Client:
    """Sends requests to one model on a server.

    Args:
        address: "http://host:8501" (REST), "https://…", or "grpc://host:8500".
        model: name of the model on the server.
        signature: name of the signature to call.
        timeout: seconds to wait for a response.
        retries: how many times to repeat a request if the server is busy or
            unreachable.
        wait: seconds before the first repetition; doubled before each further one.
        key: API key that REST requests bear; "" for none.
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
        key="",
    ):
        scheme, separator, target = address.partition("://")
        if not separator or scheme not in ("http", "https", "grpc"):
            raise ValueError(
                "address must be http://host:port, https://host:port or "
                f"grpc://host:port; received {address!r}."
            )
        self.address, self.model, self.signature = address.rstrip("/"), model, signature
        self.timeout, self.retries, self.wait = timeout, retries, wait
        self._headers = {"Content-Type": "application/json"}
        if key:  # urllib encodes headers as Latin-1; the server reads UTF-8.
            bearer = f"Bearer {key}".encode().decode("latin-1")
            self._headers["Authorization"] = bearer
        self._grpc = _Grpc(target) if scheme == "grpc" else None

    def predict(self, **inputs):
        """Returns the predictions for a list of records.

        Args:
            inputs: one list per field, all of the same length: text=[…], with
                text_pair=[…] for pairs; question=[…] and context=[…]; question=[…]
                and choices=[[…], …].

        Returns:
            list of dicts {output of the signature: value}, one per record.

        Raises:
            ServingError: the server refused the request or did not respond in time.
            ValueError: the inputs are not lists of the same length.
        """
        lengths = {len(x) if isinstance(x, list) else None for x in inputs.values()}
        if len(lengths) != 1 or None in lengths:
            raise ValueError(
                "predict takes lists of the same length, such as text=[…]; received "
                f"{', '.join(f'{n} ({type(x).__name__})' for n, x in inputs.items())}."
            )
        if lengths == {0}:
            return []
        if self._grpc:
            outputs = self._retry(
                lambda: self._grpc(self.model, self.signature, inputs, self.timeout)
            )
        else:
            outputs = self._post({"signature_name": self.signature, "inputs": inputs})
        return [dict(zip(outputs, values)) for values in zip(*outputs.values())]

    def status(self):
        """Returns the server's JSON about the versions of the model (REST only).

        Raises:
            ServingError: no such model, no server, or a gRPC address.
        """
        if self._grpc:
            raise ServingError(
                f"status needs REST; received {self.address}. Use http://host:8501."
            )
        return self._retry(lambda: self._open(f"/v1/models/{self._name()}", None))

    def _name(self):
        return urllib.parse.quote(self.model, safe="")

    def _post(self, body):
        response = self._retry(
            lambda: self._open(f"/v1/models/{self._name()}:predict", body)
        )
        outputs = response.get("outputs")
        # TensorFlow Serving omits the name if the signature has only one output.
        return outputs if isinstance(outputs, dict) else {"output": outputs}

    def _open(self, path, body):
        request = urllib.request.Request(
            self.address + path,
            None if body is None else json.dumps(body).encode("utf-8"),
            self._headers,
        )
        with urllib.request.urlopen(request, timeout=self.timeout) as response:
            return json.load(response)

    def _retry(self, send):
        wait = self.wait
        for retries_left in range(self.retries, -1, -1):
            try:
                return send()
            except urllib.error.HTTPError as error:
                body = error.read(2000).decode("utf-8", "replace")
                if error.code not in _RETRIED or not retries_left:
                    raise ServingError(
                        f"{self.address}: {self.model}: {_reason(body)} ({error.code})."
                    ) from None
            except _Refused as error:
                raise ServingError(f"{self.address}: {self.model}: {error}.") from None
            except (OSError, _Busy) as error:
                if not retries_left:
                    raise ServingError(
                        f"{self.address} does not respond: {error}. Is the server "
                        "running?"
                    ) from None
            time.sleep(wait)
            wait *= 2


class _Busy(Exception):
    """A failed gRPC call that may succeed later."""


class _Refused(Exception):
    """A failed gRPC call that would fail again."""


class _Grpc:
    """Calls TensorFlow Serving's Predict method."""

    def __init__(self, target):
        try:
            import grpc
        except ImportError as error:
            raise ImportError(
                "gRPC needs grpcio and protobuf: run pip install 'bert_tf[serving]', "
                "or use REST with an http:// address."
            ) from error
        from bert_tf.serving import protobuf as messages

        self.grpc, self.messages = grpc, messages
        self.channel = grpc.insecure_channel(target)
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
            codes = self.grpc.StatusCode
            retried = (
                codes.UNAVAILABLE,
                codes.RESOURCE_EXHAUSTED,
                codes.DEADLINE_EXCEEDED,
            )
            error_class = _Busy if error.code() in retried else _Refused
            raise error_class(f"{error.details()} ({error.code().name})") from None
        return {entry.key: _values(entry.value) for entry in response.outputs}


def _values(tensor):
    """Returns the values of a Tensor message as nested lists."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.string_val:
        flat = [value.decode("utf-8", "replace") for value in tensor.string_val]
    elif tensor.tensor_content:
        # DataType number: format character of `struct`.
        code = {1: "f", 2: "d", 3: "i", 9: "q"}[tensor.dtype]
        count = len(tensor.tensor_content) // struct.calcsize(code)
        flat = list(struct.unpack(f"<{count}{code}", tensor.tensor_content))
    else:
        flat = [*tensor.float_val, *tensor.int_val, *tensor.int64_val]
    if len(flat) == 1 and math.prod(shape) > 1:  # All values are equal and sent once.
        flat *= math.prod(shape)
    return _nest(flat, shape)


def _nest(flat, shape):
    if len(shape) < 2:
        return flat
    size = math.prod(shape[1:])
    return [
        _nest(flat[row * size : (row + 1) * size], shape[1:]) for row in range(shape[0])
    ]


def _reason(body):
    """Returns the first line of the error in a REST response."""
    try:
        return str(json.loads(body)["error"]).strip().splitlines()[0]
    except (ValueError, LookupError, TypeError):
        return body.strip()[:200] or "no reason given"
