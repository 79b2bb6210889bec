"""The paths of OpenAI's API that clients of embeddings use.

`POST /v1/embeddings` returns vectors as `bert-tf predict` does, with the default prompt of
the model folder. `GET /v1/models` lists the model.
"""

import base64
import time

from starlette.responses import Response
from starlette.routing import Route

from bert_tf.ground import quote
from bert_tf.serving import requests
from bert_tf.serving.choices import Vectors
from bert_tf.serving.exchange import answer, encode
from bert_tf.serving.limits import Refused
from bert_tf.serving.work import check_lengths, count_whole

_KEYS = ("input", "model", "encoding_format", "dimensions", "user")


def make_routes(name, choices, gatherer):
    """Returns the routes of a model.

    Args:
        name: name of the model.
        choices: `Vectors`; with others embeddings are refused.
        gatherer: `Gatherer`.
    """
    begun = int(time.time())

    def read(body):
        return _read(body, name, choices, gatherer.limits)

    def write(outputs, wish):
        tokens, width, write_vector = wish
        vectors = choices.scale(outputs["embedding"], choices.normalize, width)
        data = [
            {"object": "embedding", "index": n, "embedding": write_vector(vector)}
            for n, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": name, "usage": usage}

    async def embed(request):
        if not isinstance(choices, Vectors):
            raise Refused(
                400, f"{name!r} is no model of similarity, and has no vectors"
            )
        return await answer(request, gatherer, read, write)

    async def list_models(request):
        model = {"id": name, "object": "model", "created": begun, "owned_by": "bert_tf"}
        content = encode({"object": "list", "data": [model]})
        return Response(content, media_type="application/json")

    return [
        Route("/v1/embeddings", embed, methods=["POST"]),
        Route("/v1/models", list_models),
    ]


def _read(body, name, vectors, limits):
    """Returns (inputs, (tokens of the texts, width, function that writes a vector))."""
    content = requests.read_object(body, _KEYS)
    requested = requests.read_value(content, "model", str, "")
    if not requested:
        raise Refused(400, f"model is missing; pass {name!r}, which is served.")
    if requested != name:
        raise Refused(
            404,
            f"model must be {name!r}, which is served; received {quote(requested)}.",
            "model_not_found",
        )
    texts = vectors.put_prompt(requests.read_texts(content, "input", limits))
    form = requests.read_value(content, "encoding_format", str, "float")
    if form not in _FORMS:
        raise Refused(
            400, f"encoding_format must be float or base64; received {quote(form)}."
        )
    width = requests.read_value(content, "dimensions", int, None)
    vectors.check_width(width)
    lengths = count_whole(vectors.task, texts)
    remedy = "Send shorter texts, or start the server with a larger --max_seq_length."
    check_lengths(vectors.task, lengths, 400, remedy)
    return {"text": texts}, (int(lengths.sum()), width, _FORMS[form])


def _as_base64(vector):
    """Returns the bytes of little-endian float32 numbers in base64."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


_FORMS = {"float": lambda vector: vector.tolist(), "base64": _as_base64}
