"""The trial server: TensorFlow Serving's REST API in Python, for use without Docker.

It also speaks OpenAI's protocol of embeddings, and that of text-embeddings-inference. Use
TensorFlow Serving in production.
"""

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from bert_tf.ground import quote
from bert_tf.serving import inference, openai, requests
from bert_tf.serving.exchange import answer, encode
from bert_tf.serving.gathering import Gatherer
from bert_tf.serving.guard import Guard
from bert_tf.serving.keys import KeyCheck
from bert_tf.serving.limits import Refused
from bert_tf.serving.meters import Meters, Observer
from bert_tf.serving.page import make_page
from bert_tf.serving.refusals import refusal

_VERSIONS = ("", "/versions/1")  # Part of the path that names the version.


def make_app(
    name,
    served,
    limits,
    *,
    choices=None,
    labels=(),
    examples=(),
    allowed_hosts=(),
    gather=True,
    key="",
):
    """Returns the ASGI application that serves one signature of a model.

    Args:
        name: name of the model in the paths.
        served: has `fields` and `outputs`, the names of inputs and outputs; `call` and
            `measure`, as of `Gatherer`.
        limits: `Limits`.
        choices: what a request may choose, `Vectors` or `Rankings`; None for nothing.
        labels: names of the scores, which the page shows.
        examples: inputs that the page offers, dicts of the fields.
        allowed_hosts: names of this server beside localhost, as of `Guard`.
        gather: False to compute each request alone.
        key: token that requests must bear, as of `KeyCheck`; "" for none.
    """
    meters = Meters()
    call = meters.counting_records(served.call)
    gatherer = Gatherer(call, served.measure, limits, gather=gather)
    meters.read_queue(lambda: gatherer.count)
    html, policy = make_page(name, served.fields, labels, examples)

    def check_name(request):
        requested = request.path_params["name"]
        if requested != name:
            raise Refused(404, f"there is no model {quote(requested)}, only {name!r}")

    def read(body):
        inputs, in_columns = requests.parse(body, served.fields, limits)
        return choices.prepare(inputs) if choices else inputs, in_columns

    def write(outputs, in_columns):
        if not outputs:
            outputs = {output: [] for output in served.outputs}
        elif choices:
            outputs = choices.finish(outputs)
        if in_columns:
            return {"outputs": outputs}
        rows = zip(*outputs.values())
        return {"predictions": [dict(zip(outputs, row)) for row in rows]}

    async def predict(request):
        check_name(request)
        return await answer(request, gatherer, read, write)

    async def status(request):
        check_name(request)
        state = {"error_code": "OK", "error_message": ""}
        version = {"version": "1", "state": "AVAILABLE", "status": state}
        content = encode({"model_version_status": [version]})
        return Response(content, media_type="application/json")

    async def page(request):
        headers = {"Content-Security-Policy": policy}
        return Response(html, media_type="text/html", headers=headers)

    async def metrics(request):
        return Response(meters.render(), media_type=meters.media_type)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        task = asyncio.create_task(gatherer.run())
        yield
        task.cancel()

    path = "/v1/models/{name}"
    routes = [
        Route("/", page),
        Route("/metrics", metrics),
        *openai.make_routes(name, choices, gatherer),
        *inference.make_routes(name, choices, gatherer),
        *(Route(f"{path}{v}:predict", predict, methods=["POST"]) for v in _VERSIONS),
        *(Route(f"{path}{v}", status) for v in _VERSIONS),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Observer, meters, routes),
            Middleware(Guard, allowed_hosts, limits.connection_timeout),
            Middleware(KeyCheck, key),
        ],
        exception_handlers={
            Refused: _refuse,
            HTTPException: _refuse_path,
            ClientDisconnect: _end,
        },
        lifespan=lifespan,
    )


async def _refuse(request, error):
    path = request.scope["path"]
    return refusal(path, error.status, error.reason, kind=error.kind)


async def _refuse_path(request, error):
    path, reason = request.scope["path"], error.detail.lower()
    return refusal(path, error.status_code, reason, error.headers)


async def _end(request, error):
    """Ends the request of a client that has gone."""
    return Response(status_code=499)  # Nobody reads it; so nginx calls it.
