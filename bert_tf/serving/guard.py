"""What every request to the trial server passes: its Host header, headers, last errors."""

import asyncio
import contextlib
import logging
import urllib.parse

from starlette.datastructures import Headers, MutableHeaders

from bert_tf.ground import quote
from bert_tf.serving.refusals import refusal

MAX_REQUESTS = 512  # At a time, those among them whose bodies are still arriving.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_log = logging.getLogger(__name__)


class Guard:
    """ASGI middleware around all of the server.

    A page of another site cannot read this server: there are no CORS headers, and its
    name is checked, because a name server may give any name the address of this machine
    (DNS rebinding). An unforeseen error is one line of the log. A response that is sent
    before the whole body has arrived, such as a refusal, waits for the rest and drops it,
    because clients read nothing before they have sent everything.

    Args:
        app: ASGI application.
        allowed_hosts: names in the Host header that are accepted beside localhost; "*"
            accepts all.
        patience: seconds to wait for the rest of a body.
    """

    def __init__(self, app, allowed_hosts=(), patience=10.0):
        self.app, self.patience, self.count = app, patience, 0
        self.hosts = {*LOCAL_HOSTS, *(_host_of(host) for host in allowed_hosts)}
        self.any_host = "*" in allowed_hosts

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, unread, path = False, True, scope["path"]

        async def receive_noting_the_end():
            nonlocal unread
            message = await receive()
            unread = message.get("more_body", False)
            return message

        async def drop_body():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.patience):
                    while unread:
                        await receive_noting_the_end()

        async def send_with_headers(message):
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            elif unread and not message.get("more_body"):
                await send(message | {"more_body": True})
                await drop_body()
                message = {"type": "http.response.body"}
            await send(message)

        app, host = self.app, Headers(scope=scope).get("host", "")
        if not self.any_host and _host_of(host) not in self.hosts:
            app = refusal(
                path,
                421,
                f"the Host header {quote(host)} is not a name of this server; start it "
                "with --allowed_hosts to serve this name",
            )
        elif self.count >= MAX_REQUESTS:
            app = refusal(path, 503, "the server is busy; try again later")
        self.count += 1
        try:
            await app(scope, receive_noting_the_end, send_with_headers)
        except asyncio.CancelledError:  # The server does not wait for it when it stops.
            if not begun:
                stopping = refusal(path, 503, "the server is stopping")
                await stopping(scope, receive, send_with_headers)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            _log.error("%s %s failed: %s", scope["method"], path[:80], reason)
            _log.debug("Traceback:", exc_info=True)
            if begun:
                raise
            await refusal(path, 500, reason)(scope, receive, send_with_headers)
        finally:
            self.count -= 1


def _host_of(value):
    """Returns the host of a Host header, in lower case; "" if there is none.

    Args:
        value: name or address, of IPv6 with or without brackets, perhaps with a port.
    """
    if value.count(":") > 1 and not value.startswith("["):
        value = f"[{value}]"
    try:
        parts = urllib.parse.urlsplit(f"//{value}")
        return (parts.hostname or "") if parts.netloc == value else ""
    except ValueError:
        return ""
