"""What all paths that predict have in common: they read JSON, compute and return JSON."""

import asyncio
import json

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bert_tf.ground import quote
from bert_tf.serving.limits import Refused, check_limit


async def answer(request, gatherer, read, write):
    """Returns the response to a request that predicts.

    Args:
        request: Starlette's `Request`.
        gatherer: `Gatherer`.
        read: function(body, bytes) → (inputs, {name: list}; what the request wants of
            the outputs).
        write: function(outputs, {name: list}, or {} if there are no records; what the
            request wants) → content of the response.

    Raises:
        Refused: the request is malformed, or exceeds a limit.
        ClientDisconnect: the client closed the connection.
    """
    kind = request.headers.get("content-type", "")
    if kind.split(";")[0].strip().lower() != "application/json":
        raise Refused(
            415,
            f"the header must say Content-Type: application/json; received {quote(kind)}",
        )
    body = await _read_body(request, gatherer.limits)
    # Beside, since a megabyte of numbers takes half a second.
    inputs, wish = await gatherer.run_beside(read, body)
    outputs = {}
    if next(iter(inputs.values())):
        outputs = await _unless_gone(request, gatherer.compute(inputs))
    content = await gatherer.run_beside(lambda: encode(write(outputs, wish)))
    return Response(content, media_type="application/json")


def encode(content):
    """Returns content as bytes of JSON."""
    # NaN is not JSON.
    return json.dumps(content, allow_nan=False, ensure_ascii=False).encode("utf-8")


async def _read_body(request, limits):
    length = request.headers.get("content-length", "0")
    noun, body = "bytes of a request", bytearray()
    check_limit(limits, "max_bytes", int(length), noun)
    try:
        async with asyncio.timeout(limits.connection_timeout):
            async for part in request.stream():
                body += part
                check_limit(limits, "max_bytes", len(body), noun)
    except TimeoutError:
        reason = f"the body did not arrive within {limits.connection_timeout:g} seconds"
        raise Refused(408, reason) from None
    return bytes(body)


async def _unless_gone(request, computing):
    """Awaits a coroutine, but cancels it if the client closes the connection.

    Raises:
        ClientDisconnect: it did.
    """
    task = asyncio.ensure_future(computing)
    gone = asyncio.ensure_future(_wait_until_gone(request))
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return await task
    finally:
        task.cancel()
        gone.cancel()


async def _wait_until_gone(request):
    while (await request.receive())["type"] != "http.disconnect":
        pass
