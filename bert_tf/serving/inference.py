"""The paths of text-embeddings-inference, Hugging Face's server of embedders and rerankers.

`POST /embed` returns vectors, `POST /rerank` passages in the order of their scores, and
`POST /` the one of both that the model has. `GET /info` describes the model, and
`GET /health` says that the server lives.
"""

from starlette.responses import Response
from starlette.routing import Route

from bert_tf import __version__
from bert_tf.ground import quote
from bert_tf.serving import gathering, requests
from bert_tf.serving.choices import Rankings, Vectors
from bert_tf.serving.exchange import answer, encode
from bert_tf.serving.limits import Refused
from bert_tf.serving.work import check_lengths, count_whole

_COMMON = ("truncate", "truncation_direction")
_EMBED_KEYS = ("inputs", "normalize", "prompt_name", "dimensions", *_COMMON)
_RERANK_KEYS = ("query", "texts", "raw_scores", "return_text", *_COMMON)


def make_routes(name, choices, gatherer):
    """Returns the routes of a model.

    Args:
        name: name of the model.
        choices: `Vectors` or `Rankings`; with others both are refused.
        gatherer: `Gatherer`.
    """
    limits = gatherer.limits

    def read_texts(body):
        return _read_texts(body, choices, limits)

    def write_vectors(outputs, wish):
        return choices.scale(outputs["embedding"], *wish).tolist()

    def read_passages(body):
        return _read_passages(body, choices, limits)

    def write_ranking(outputs, wish):
        texts, raw = wish
        (order,) = outputs["index"]
        (scores,) = choices.scores(outputs["score"], raw=raw)
        return [
            {"index": n} | ({"text": texts[n]} if texts else {}) | {"score": score}
            for n, score in zip(order, scores)
        ]

    def check_model(kind, noun):
        if not isinstance(choices, kind):
            raise Refused(424, f"{name!r} is no {noun}")

    async def embed(request):
        check_model(Vectors, "model of similarity, and has no vectors")
        return await answer(request, gatherer, read_texts, write_vectors)

    async def rerank(request):
        check_model(Rankings, "model of reranking")
        return await answer(request, gatherer, read_passages, write_ranking)

    async def info(request):
        content = {"model_id": name} | _describe(choices, limits)
        return Response(encode(content), media_type="application/json")

    async def health(request):
        return Response()

    either = rerank if isinstance(choices, Rankings) else embed
    return [
        Route("/", either, methods=["POST"]),
        Route("/embed", embed, methods=["POST"]),
        Route("/rerank", rerank, methods=["POST"]),
        Route("/info", info),
        Route("/health", health),
    ]


def _describe(choices, limits):
    kind, most = {}, limits.max_records
    if isinstance(choices, Vectors):
        kind = {"embedding": {"pooling": choices.pooling}}
    if isinstance(choices, Rankings):
        labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
        kind, most = {"reranker": labels}, limits.max_choices
    longest = choices.task.options.max_seq_length if choices else None
    return {
        "model_type": kind,
        "max_input_length": longest,
        "max_concurrent_requests": gathering.MAX_REQUESTS,
        "max_batch_tokens": gathering.BATCH_TOKENS,
        "max_client_batch_size": most,
        "auto_truncate": False,
        "version": __version__,
    }


def _read_texts(body, vectors, limits):
    """Returns (inputs, (whether vectors have length 1, their width))."""
    content = requests.read_object(body, _EMBED_KEYS)
    texts = requests.read_texts(content, "inputs", limits)
    prompt_name = requests.read_value(content, "prompt_name", str, "")
    texts = vectors.put_prompt(texts, prompt_name)
    normalize = requests.read_value(content, "normalize", bool, True)
    vectors.check_scaling(normalize)
    width = requests.read_value(content, "dimensions", int, None)
    vectors.check_width(width)
    _check_lengths(content, vectors.task, texts)
    return {"text": texts}, (normalize, width)


def _read_passages(body, rankings, limits):
    """Returns (inputs, (texts to return or None, whether scores are logits))."""
    content = requests.read_object(body, _RERANK_KEYS)
    query, texts = content.get("query"), content.get("texts")
    requests.check_texts("query", [query], limits)
    if texts == []:
        raise Refused(400, "texts must have at least one text", "empty")
    requests.check_texts("texts", texts, limits)
    requests.check_texts("passages", [texts], limits)
    raw = requests.read_value(content, "raw_scores", bool, False)
    returned = requests.read_value(content, "return_text", bool, False)
    _check_lengths(content, rankings.task, texts, query)
    return {"query": [query], "passages": [texts]}, (texts if returned else None, raw)


def _check_lengths(content, task, texts, query=None):
    """Checks that texts fit if the request says that they must not be truncated."""
    side = requests.read_value(content, "truncation_direction", str, "right")
    if side.lower() != "right":
        raise Refused(
            400, f"truncation_direction must be Right; received {quote(side)}."
        )
    if not requests.read_value(content, "truncate", bool, False):
        lengths = count_whole(task, texts, query)
        check_lengths(task, lengths, 413, "Shorten it, or pass truncate: true.")
