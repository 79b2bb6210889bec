"""Connections of the trial server, which do not wait for slow clients for ever."""

import json

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 768  # Connections at a time; a process may often open 1,024 files.


def make_server(app, limits, *, host="127.0.0.1", port=0):
    """Returns the `uvicorn.Server` of an ASGI application.

    Args:
        app: ASGI application.
        limits: `Limits`.
        host, port: address to listen on if `run` gets no sockets; port 0 chooses a
            free one.
    """

    class LimitedConnection(Connection):
        patience = limits.connection_timeout

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=LimitedConnection,
        ws="none",
        lifespan="on",
        log_level="error",  # Warnings are of clients that send nonsense.
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


class Connection(H11Protocol):
    """Closes a connection whose client sends no request in time, or reads no response.

    So idle connections do not hold those of others off for long.
    """

    patience = 10.0  # Seconds.

    def connection_made(self, transport):
        super().connection_made(transport)
        self._timer, self._unread = None, 0
        self._wait_for_client()
        if len(self.connections) > MOST:
            transport.abort()

    def on_response_complete(self):
        super().on_response_complete()
        self._wait_for_client()

    def connection_lost(self, exc):
        self._timer.cancel()
        super().connection_lost(exc)

    def _wait_for_client(self):
        if self._timer:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.patience, self._check, self.cycle)

    def _check(self, cycle):
        """Runs after a time in which the client should have read, and sent a request.

        Args:
            cycle: the last request when the time began.
        """
        unread = self.transport.get_write_buffer_size()
        is_reading = 0 < unread and (not self._unread or unread < self._unread)
        if is_reading:
            self._unread = unread
            self._timer = self.loop.call_later(self.patience, self._check, cycle)
        elif unread or (self.cycle is cycle and (not cycle or cycle.response_complete)):
            self.transport.abort()

    def send_400_response(self, msg):
        """Refuses what is not HTTP, in the form of all refusals."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": msg}).encode("ascii")
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode("ascii")),
                (b"connection", b"close"),
            ]
            response = h11.Response(status_code=400, headers=headers)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()
