"""Refusals in the form that clients of a path know."""

import json

from starlette.responses import Response

OPENAI = ("/v1/embeddings", "/v1/models")
# Of text-embeddings-inference. The page at "/" has no refusals of its own.
INFERENCE = ("/", "/embed", "/rerank", "/health", "/info")
_OPENAI_TYPES = {429: "rate_limit_error"}
_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_INFERENCE_TYPES = {401: "unauthorized", 429: "overloaded", 503: "unhealthy"}


def refusal(path, status, reason, headers=None, kind=""):
    """Returns the response that refuses a request.

    It is {"error": reason}, as TensorFlow Serving has it, unless the path belongs to
    another protocol.

    Args:
        path: path of the request.
        status: HTTP status.
        reason: one line.
        headers: {name: value} of the response.
        kind: word for programs; "" for the one that suits the status.
    """
    content = {"error": reason}
    if path in OPENAI:
        other = "server_error" if status >= 500 else "invalid_request_error"
        content["error"] = {
            "message": reason,
            "type": _OPENAI_TYPES.get(status, other),
            "param": None,
            "code": kind or _OPENAI_CODES.get(status),
        }
    elif path in INFERENCE:
        other = "backend" if status in (424, 500, 504) else "validation"
        content["error_type"] = kind or _INFERENCE_TYPES.get(status, other)
        if status == 400 and not kind:
            status = 422
    # ASCII, whatever the reason quotes.
    return Response(json.dumps(content), status, headers, media_type="application/json")
