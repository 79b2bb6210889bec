"""The trial server: TensorFlow Serving's REST API in Python, for use without Docker.

Use TensorFlow Serving in production.
"""

import asyncio
import contextlib
import json
import pathlib

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from bert_tf.serving.gathering import Gatherer

MAX_BYTES = 2**20  # Per request.
MAX_RECORDS = 1_000  # Per request.
MAX_CHARACTERS = 100_000  # Per text.
_PAGE = pathlib.Path(__file__).with_name("page.html")
_VERSIONS = ("", "/versions/1")  # Part of the path that names the version.


def make_app(name, function, *, labels=(), gather=True):
    """Returns the ASGI application that serves one signature of a model.

    Args:
        name: name of the model in the paths.
        function: `tf.function` with an input signature of named strings.
        labels: names of the scores, which the page shows.
        gather: False to compute each request alone.
    """
    fields = [spec.name for spec in function.input_signature]
    gatherer = Gatherer(function, gather=gather)

    def check_name(request):
        requested = request.path_params["name"]
        if requested != name:
            raise HTTPException(404, f"there is no model {requested!r}, only {name!r}")

    async def predict(request):
        check_name(request)
        body = await _read_body(request)
        inputs = _read_inputs(body, fields)
        try:
            outputs = await gatherer.compute(inputs)
        except asyncio.QueueFull:
            raise HTTPException(429, "the queue is full; try again later") from None
        except TimeoutError:
            raise HTTPException(504, "the request timed out") from None
        if "inputs" in body:
            return JSONResponse({"outputs": outputs})
        rows = [dict(zip(outputs, row)) for row in zip(*outputs.values())]
        return JSONResponse({"predictions": rows})

    async def status(request):
        check_name(request)
        state = {"error_code": "OK", "error_message": ""}
        version = {"version": "1", "state": "AVAILABLE", "status": state}
        return JSONResponse({"model_version_status": [version]})

    async def page(request):
        values = {"model": name, "fields": fields, "labels": list(labels)}
        # Without "<" a label cannot end the script that holds the values.
        values = json.dumps(values).replace("<", "\\u003c")
        html = _PAGE.read_text(encoding="utf-8")
        return HTMLResponse(html.replace("{/* filled in */}", values))

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
        exception_handlers={HTTPException: _refuse, Exception: _fail},
        lifespan=lifespan,
    )


async def _refuse(request, error):
    return JSONResponse({"error": error.detail}, error.status_code)


async def _fail(request, error):
    return JSONResponse({"error": str(error).split("\n")[0]}, 500)


def _bad_request(message):
    return HTTPException(400, message)


async def _read_body(request):
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"a request may have at most {MAX_BYTES:,} bytes")
    try:
        content = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise _bad_request("the request is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise _bad_request(f"the request is not JSON: {error}") from None
    keys = {"instances", "inputs"}
    if not isinstance(content, dict) or len(keys & content.keys()) != 1:
        raise _bad_request(
            'the request must be an object with either "instances", a list, or '
            '"inputs", an object of lists',
        )
    if content.get("signature_name", "serving_default") != "serving_default":
        raise _bad_request("this server has only the signature serving_default")
    return content


def _read_inputs(body, fields):
    """Checks a request and returns its inputs, {field: list}."""
    names = " and ".join(fields)
    if "inputs" in body:
        inputs = body["inputs"]
        if isinstance(inputs, list) and len(fields) == 1:
            inputs = {fields[0]: inputs}
        if not isinstance(inputs, dict) or inputs.keys() != set(fields):
            raise _bad_request(f"inputs must have a list for {names}")
    else:
        rows = body["instances"]
        if not isinstance(rows, list):
            raise _bad_request("instances must be a list")
        if len(fields) == 1:  # The name of a single field may be omitted.
            rows = [r if isinstance(r, dict) else {fields[0]: r} for r in rows]
        if not all(isinstance(r, dict) and r.keys() == set(fields) for r in rows):
            raise _bad_request(f"each instance must have {names}")
        inputs = {name: [row[name] for row in rows] for name in fields}
    for name, values in inputs.items():
        _check(name, values)
    if len({len(values) for values in inputs.values()}) > 1:
        raise _bad_request(f"the lists {names} must have the same length")
    return inputs


def _check(name, values):
    """Raises an HTTPException if a list of texts or of choices is malformed."""
    if not isinstance(values, list) or len(values) > MAX_RECORDS:
        raise _bad_request(f"{name} must be a list of at most {MAX_RECORDS:,} records")
    if name == "choices":
        if not all(isinstance(v, list) and len(v) > 1 for v in values):
            raise _bad_request("choices must be lists of at least two texts")
        if len(set(map(len, values))) > 1:
            raise _bad_request("all questions need the same number of choices")
        values = [text for value in values for text in value]
    for text in values:
        if not isinstance(text, str):
            shown = json.dumps(text)[:80]
            raise _bad_request(f"{name} must be text; received {shown}")
        if len(text) > MAX_CHARACTERS:
            raise _bad_request(f"{name} may have at most {MAX_CHARACTERS:,} characters")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _bad_request(f"{name} has half a surrogate pair") from None
