"""A trial server in a thread, on a free port, and ways to talk to it."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request

from bert_tf.serving import trial
from bert_tf.serving.connections import make_server
from bert_tf.serving.limits import Limits

JSON = {"Content-Type": "application/json"}


class Running:
    """A server of an ASGI application.

    Args:
        app: ASGI application.
        limits: `Limits`.
    """

    @classmethod
    def of_model(cls, limits=None, **options):
        """Serves a model folder.

        Args:
            limits: {name: value} of `Limits`.
            options: of `ServeConfig`.
        """
        limits = Limits(**(limits or {}))
        return cls(trial.make_app(trial.ServeConfig(**options), limits), limits)

    def __init__(self, app, limits):
        self.server = make_server(app, limits)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def stop(self):
        self.server.should_exit = True
        self.thread.join()

    def post(self, body, path="/v1/models/model:predict", headers=JSON):
        """Returns the HTTP status and the JSON of the response."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, content = self._open(path, data, headers)
        return status, json.loads(content)

    def get(self, path, headers={}):  # noqa: B006 (It is not changed.)
        """Returns the HTTP status and the bytes of the response."""
        return self._open(path, None, headers)

    def _open(self, path, data, headers):
        request = urllib.request.Request(self.address + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def connect(self):
        """Returns a connected socket."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def send(self, data):
        """Sends bytes, and returns the status and body of the first response.

        The status is 0 if the server closes the connection without a response.
        """
        with self.connect() as connection:
            connection.sendall(data)
            with connection.makefile("rb") as stream:
                return read_response(stream)


def read_response(stream):
    """Returns the status and the body of an HTTP response, (0, b"") at the end."""
    try:
        first = stream.readline().split()
        if not first:
            return 0, b""
        length = 0
        while (line := stream.readline().strip().lower()) not in (b"", b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return int(first[1]), stream.read(length)
    except ConnectionResetError:
        return 0, b""


def request(body, **headers):
    """Returns the bytes of a request to predict; a header None is left out."""
    lines = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
    return f"POST /v1/models/model:predict HTTP/1.1\r\n{head}\r\n".encode() + body
