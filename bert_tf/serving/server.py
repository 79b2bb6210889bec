"""The trial server: TensorFlow Serving's REST API in Python, for use without Docker.

Use TensorFlow Serving in production.
"""

import asyncio
import contextlib
import json

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from bert_tf.ground import quote
from bert_tf.serving import requests
from bert_tf.serving.gathering import Gatherer
from bert_tf.serving.guard import Guard, refusal
from bert_tf.serving.limits import Refused, check_limit
from bert_tf.serving.page import make_page

_VERSIONS = ("", "/versions/1")  # Part of the path that names the version.


def make_app(
    name, served, limits, *, labels=(), examples=(), allowed_hosts=(), gather=True
):
    """Returns the ASGI application that serves one signature of a model.

    Args:
        name: name of the model in the paths.
        served: has `fields` and `outputs`, the names of inputs and outputs; `call` and
            `measure`, as of `Gatherer`.
        limits: `Limits`.
        labels: names of the scores, which the page shows.
        examples: inputs that the page offers, dicts of the fields.
        allowed_hosts: names of this server beside localhost, as of `Guard`.
        gather: False to compute each request alone.
    """
    gatherer = Gatherer(served.call, served.measure, limits, gather=gather)
    html, policy = make_page(name, served.fields, labels, examples)

    def check_name(request):
        requested = request.path_params["name"]
        if requested != name:
            raise Refused(404, f"there is no model {quote(requested)}, only {name!r}")

    async def predict(request):
        check_name(request)
        kind = request.headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() != "application/json":
            raise Refused(
                415,
                "the header must say Content-Type: application/json; received "
                f"{quote(kind)}",
            )
        body = await _read_body(request, limits)
        # Beside, since a megabyte of numbers takes half a second.
        inputs, in_columns = await gatherer.run_beside(
            requests.parse, body, served.fields, limits
        )
        if not len(inputs[served.fields[0]]):
            outputs = {output: [] for output in served.outputs}
        else:
            outputs = await _unless_gone(request, gatherer.compute(inputs))
        content = await gatherer.run_beside(_render, outputs, in_columns)
        return Response(content, media_type="application/json")

    async def status(request):
        check_name(request)
        state = {"error_code": "OK", "error_message": ""}
        version = {"version": "1", "state": "AVAILABLE", "status": state}
        content = json.dumps({"model_version_status": [version]})
        return Response(content, media_type="application/json")

    async def page(request):
        headers = {"Content-Security-Policy": policy}
        return Response(html, media_type="text/html", headers=headers)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        task = asyncio.create_task(gatherer.run())
        yield
        task.cancel()

    path = "/v1/models/{name}"
    return Starlette(
        routes=[
            Route("/", page),
            *(
                Route(f"{path}{v}:predict", predict, methods=["POST"])
                for v in _VERSIONS
            ),
            *(Route(f"{path}{v}", status) for v in _VERSIONS),
        ],
        middleware=[Middleware(Guard, allowed_hosts, limits.connection_timeout)],
        exception_handlers={
            Refused: _refuse,
            HTTPException: _refuse_path,
            ClientDisconnect: _end,
        },
        lifespan=lifespan,
    )


async def _refuse(request, error):
    return refusal(error.status, error.reason)


async def _refuse_path(request, error):
    return refusal(error.status_code, error.detail.lower(), error.headers)


async def _end(request, error):
    """Ends the request of a client that has gone."""
    return Response(status_code=499)  # Nobody reads it; so nginx calls it.


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


def _render(outputs, in_columns):
    """Returns the bytes of a response."""
    content = {"outputs": outputs}
    if not in_columns:
        rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
        content = {"predictions": rows}
    # NaN is not JSON.
    return json.dumps(content, allow_nan=False, ensure_ascii=False).encode("utf-8")
