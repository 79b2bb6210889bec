"""Searches texts by meaning, by words, or by both: those of an index, or of a file."""

import dataclasses

from bert_tf.checkpoints.exported import is_export
from bert_tf.data.records.options import FileOptions, reader_arguments
from bert_tf.data.records.readers import read_table
from bert_tf.docstrings import list_settings
from bert_tf.ground import at_least, one_of, quote, require, setting
from bert_tf.predictor import Model
from bert_tf.retrieval.counted import open_words
from bert_tf.retrieval.embedding import embed, identify
from bert_tf.retrieval.folder import Collection, check_model, open_index, read_facts
from bert_tf.retrieval.fusion import fuse
from bert_tf.retrieval.texts import join
from bert_tf.retrieval.vectors import find_nearest
from bert_tf.retrieval.words import Words, import_bm25s
from bert_tf.run.needs import ModelConfig

METHODS = ("dense", "bm25", "hybrid")
LEAST = 100  # Hits of each side that a hybrid search joins.


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class SearchConfig(ModelConfig, FileOptions):
    """Which texts are searched, how, and for what.

    Example:
        >>> import bert_tf
        >>> bert_tf.SearchConfig(model="bert", corpus_file="train.csv").method
        'dense'
    """

    index: str = setting(
        "",
        "Folder of bert-tf index, which remembers its model. Empty: corpus_file.",
        section="search",
    )
    corpus_file: str = setting(
        "", "Texts: lines of text, TSV, CSV, JSONL, Excel or Parquet."
    )
    text_column: str = setting(
        "", "Column of the texts, by name or number from 0. Empty: detect it."
    )
    query: str = setting(
        "", "Text to search for. Empty: each line of standard input is a query."
    )
    input_file: str = setting(
        "", "Queries to search for, in the formats of texts. Empty: query."
    )
    eval_file: str = setting(
        "",
        "Folder in BEIR's layout to score the search on: corpus.jsonl, which was indexed, "
        "queries.jsonl and qrels/test.tsv. Empty: search.",
    )
    method: str = setting(
        "dense",
        "dense (by meaning), bm25 (by words; needs bm25s), or hybrid (joins both).",
    )
    reranker: str = setting(
        "",
        "Model folder of the task reranking, which orders the hits anew. Empty: none.",
    )
    rerank_top: int = setting(50, "Hits of each query that the reranker reads.")
    top_k: int = setting(5, "Texts to print for each query.")

    def __post_init__(self):
        if self.index and not self.model:
            model = read_facts(self.index)["settings"]["model"]
            object.__setattr__(self, "model", model)
        super().__post_init__()
        self.check_files()
        one_of("method", self.method, METHODS)
        for name in ("top_k", "rerank_top"):
            at_least(self, name, 1)
        if not self.index:
            require(self, "corpus_file")
        for one, other in (("index", "corpus_file"), ("query", "input_file")):
            _refuse_both(self, one, other)
        for name in ("query", "input_file", "corpus_file"):
            _refuse_both(self, "eval_file", name)
        if self.index and self.quantize:
            raise ValueError(
                f"quantize={self.quantize} would compare vectors of two models; drop it, "
                "or make an index of the export."
            )


def _refuse_both(config, one, other):
    first, second = getattr(config, one), getattr(config, other)
    if first and second:
        raise ValueError(
            f"received {one}={quote(str(first))} and {other}={quote(str(second))}, which "
            "exclude each other; drop one."
        )


def search(config, queries):
    """Finds for each query the texts that fit it best.

    Prompts of the model folder are put before them: "query" before queries, "document" or
    "passage" before texts.

    Args:
        config: `SearchConfig`.
        queries: list of strings.

    Returns:
        For each query a list of dicts, the best first: `line` of the file, from 1, of an
        index also `id` and, if it has one, `title`; `text`; `score`, the cosine, the BM25
        score or, of a hybrid search, the sum of 1 / (60 + rank); and `rerank_score`, if the
        reranker read the text.

    Raises:
        ValueError, FileNotFoundError: bad input.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.SearchConfig(model="bert", corpus_file="train.csv", top_k=1)
        >>> ((hit,),) = bert_tf.search(config, ["it was good"])
        >>> hit["text"]
        'it was good'
    """
    empty = next((query for query in queries if not query.strip()), None)
    if empty is not None or not queries:
        raise ValueError(
            f"query must have words; received {quote(empty or '')}. Pass --query=…"
        )
    collection, hits = find(config, queries, config.top_k)
    return [
        [collection.texts[place] | scores for place, scores in own.items()]
        for own in hits
    ]


def find(config, queries, k):
    """Returns the `Collection` and, for each query, {place of a text: its scores}.

    Args:
        config, queries: as of `search`.
        k: number of texts to find.
    """
    if config.method != "dense":
        import_bm25s()  # Before the work.
    depth = max(k, config.rerank_top) if config.reranker else k
    reranker = None
    if config.reranker:
        reranker = Model(
            config.reranker,
            task="reranking",
            batch_size=config.per_device_eval_batch_size,
            bf16=config.bf16,
        )
    collection, vectors = _open(config, queries)
    rankings = []
    sides = max(depth, LEAST) if config.method == "hybrid" else depth
    if config.method != "bm25":
        places, scores = find_nearest(
            vectors, collection.vectors, collection.scales, sides
        )
        rankings.append(list(zip(places.tolist(), scores.tolist())))
    if config.method != "dense":
        texts = (join(text) for text in collection.texts)
        if config.index:
            words = open_words(config.index, read_facts(config.index), texts)
        else:
            words = Words(texts)
        rankings.append([words.find(query, sides) for query in queries])
    if config.method == "hybrid":
        found = [fuse([own[0] for own in both], depth) for both in zip(*rankings)]
    else:
        (found,) = rankings
    hits = [{place: {"score": score} for place, score in zip(*own)} for own in found]
    if reranker:
        hits = _rerank(config, reranker, collection, queries, hits)
    return collection, [dict(list(own.items())[:k]) for own in hits]


def _open(config, queries):
    """Returns the `Collection`, and the vectors of the queries; None for BM25."""
    by_words = config.method == "bm25"
    if config.index:
        facts, collection = open_index(config.index)
        if by_words:
            return collection, None
        made_by = facts["model"]
        options = dict(config.options)
        if made_by["dim"] and not is_export(config.model):
            options.setdefault("dim", made_by["dim"])
        model = dataclasses.replace(config, options=options).load_model("similarity")
        given = identify(model, config.model, made_by["prompt_name"])
        check_model(made_by, given, config.index)
        prompt, _ = model.task.prompts.for_search(model.task.options.prompt_name)
        return collection, embed(model, queries, prompt)
    texts = _read(config)
    if by_words:
        return Collection(texts), None
    model = config.load_model("similarity")
    prompt, other = model.task.prompts.for_search(model.task.options.prompt_name)
    vectors = embed(model, [text["text"] for text in texts], other)
    return Collection(texts, vectors), embed(model, queries, prompt)


def _read(config):
    """Returns the texts of a file, as dicts of `line` and `text`."""
    corpus = read_table(
        config.corpus_file, with_labels=False, **reader_arguments(config)
    )
    if "text_pair" in corpus.records[0]:
        raise ValueError(
            f"{config.corpus_file}: the corpus has pairs of texts; choose the text to "
            "search by --text_column."
        )
    return [
        {"line": line, "text": record["text"]}
        for line, record in zip(corpus.lines, corpus.records)
    ]


def _rerank(config, reranker, collection, queries, hits):
    """Puts the first `rerank_top` hits of each query into the order of a reranker."""
    tops = [list(own)[: config.rerank_top] for own in hits]
    records = [
        {"query": query, "passages": [join(collection.texts[place]) for place in top]}
        for query, top in zip(queries, tops)
        if top
    ]
    predictions = iter(reranker.predict(records))
    ordered = []
    for own, top in zip(hits, tops):
        ranking = next(predictions)["ranking"] if top else []
        first = {
            top[row["index"]]: own[top[row["index"]]] | {"rerank_score": row["score"]}
            for row in ranking
        }
        ordered.append(first | {p: x for p, x in own.items() if p not in first})
    return ordered
