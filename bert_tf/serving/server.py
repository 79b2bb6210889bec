"""TensorFlow Serving's REST paths in Python, to try a model without Docker.

For trial; TensorFlow Serving is for production.
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

MOST_BYTES = 2**20  # Of a request.
MOST_RECORDS = 1_000
MOST_CHARACTERS = 100_000  # Of a text.
_PAGE = pathlib.Path(__file__).with_name("page.html")


def make_app(name, function, *, labels=(), gather=True):
    """Returns the ASGI application that serves a signature as model `name`.

    Args:
        function: `tf.function` of named strings, see `signatures`.
        labels: names of the scores, for the page.
        gather: as of `Gatherer`.
    """
    wanted = [spec.name for spec in function.input_signature]
    gatherer = Gatherer(function, gather=gather)

    def check_name(request):
        asked = request.path_params["name"]
        if asked != name:
            raise HTTPException(404, f"no model {asked!r} here; there is {name!r}")

    async def predict(request):
        check_name(request)
        body = await _read_body(request)
        inputs = _read_inputs(body, wanted)
        try:
            outputs = await gatherer.ask(inputs)
        except asyncio.QueueFull:
            raise HTTPException(429, "too many requests wait; try again") from None
        except TimeoutError:
            raise HTTPException(504, "no answer in time") from None
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
        told = {"model": name, "fields": wanted, "labels": list(labels)}
        told = json.dumps(told).replace("<", "\\u003c")  # It stands in a script.
        html = _PAGE.read_text(encoding="utf-8")
        return HTMLResponse(html.replace("{/* filled in */}", told))

    @contextlib.asynccontextmanager
    async def lifespan(app):
        work = asyncio.create_task(gatherer.work())
        yield
        work.cancel()

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


_VERSIONS = ("", "/versions/1")


async def _refuse(request, error):
    return JSONResponse({"error": error.detail}, error.status_code)


async def _fail(request, error):
    return JSONResponse({"error": str(error).split("\n")[0]}, 500)


async def _read_body(request):
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"a request may have {MOST_BYTES:,} bytes at most")
    try:
        found = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise HTTPException(400, "the request is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the request is not JSON: {error}") from None
    if not isinstance(found, dict) or ("instances" in found) == ("inputs" in found):
        raise HTTPException(400, 'give "instances", a list, or "inputs", lists by name')
    if found.get("signature_name", "serving_default") != "serving_default":
        raise HTTPException(400, "there is no signature but serving_default here")
    return found


def _read_inputs(body, wanted):
    """Returns {name: list} of a request, checked."""
    names = " and ".join(wanted)
    if "inputs" in body:
        inputs = body["inputs"]
        if isinstance(inputs, list) and len(wanted) == 1:
            inputs = {wanted[0]: inputs}
        if not isinstance(inputs, dict) or inputs.keys() != set(wanted):
            raise HTTPException(400, f"inputs have {names}, a list each")
    else:
        rows = body["instances"]
        if not isinstance(rows, list):
            raise HTTPException(400, "instances must be a list")
        if len(wanted) == 1:  # Its name may be left out.
            rows = [r if isinstance(r, dict) else {wanted[0]: r} for r in rows]
        if not all(isinstance(r, dict) and r.keys() == set(wanted) for r in rows):
            raise HTTPException(400, f"each instance has {names}")
        inputs = {name: [row[name] for row in rows] for name in wanted}
    for name, values in inputs.items():
        _check(name, values)
    if len({len(values) for values in inputs.values()}) > 1:
        raise HTTPException(400, f"{names} must be as many")
    return inputs


def _check(name, values):
    if not isinstance(values, list) or len(values) > MOST_RECORDS:
        raise HTTPException(400, f"{name} must be a list of {MOST_RECORDS:,} at most")
    if name == "choices":
        if not all(isinstance(v, list) and len(v) > 1 for v in values):
            raise HTTPException(400, "choices must be lists of two texts or more")
        if len(set(map(len, values))) > 1:
            raise HTTPException(400, "all questions of a request need as many choices")
        values = [text for value in values for text in value]
    for text in values:
        if not isinstance(text, str):
            shown = json.dumps(text)[:80]
            raise HTTPException(400, f"{name} must be text; received {shown}")
        if len(text) > MOST_CHARACTERS:
            raise HTTPException(400, f"{name} has over {MOST_CHARACTERS:,} characters")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise HTTPException(400, f"{name} holds half a character") from None
