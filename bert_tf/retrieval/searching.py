"""Searches texts by meaning, by words, or by both: those of an index, or of a file."""

import dataclasses
import logging

from bert_tf.checkpoints.exported import is_export
from bert_tf.data.records.options import reader_arguments
from bert_tf.data.records.readers import read_table
from bert_tf.ground import count, quote
from bert_tf.predictor import Model
from bert_tf.retrieval.counted import open_words
from bert_tf.retrieval.embedding import embed, identify
from bert_tf.retrieval.folder import Collection, check_model, open_index
from bert_tf.retrieval.fusion import fuse
from bert_tf.retrieval.graph import find_near, import_usearch, open_graph
from bert_tf.retrieval.texts import join
from bert_tf.retrieval.vectors import find_nearest
from bert_tf.retrieval.words import Words, import_bm25s

LEAST = 100  # Hits of each side that a hybrid search joins.
MANY = 1_000_000  # Vectors that are still compared quickly.

_log = logging.getLogger(__name__)


def search(config, queries):
    """Finds for each query the texts that fit it best; see `Searcher` to search often.

    Args:
        config: `SearchConfig`.
        queries: list of strings.

    Returns:
        See `Searcher.search`.

    Raises:
        ValueError, FileNotFoundError: bad input.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.SearchConfig(model="bert", corpus_file="train.csv", top_k=1)
        >>> ((hit,),) = bert_tf.search(config, ["it was good"])
        >>> hit["text"]
        'it was good'
    """
    _check_queries(queries)  # Before the work.
    return Searcher(config).search(queries)


class Searcher:
    """A search that stays open: it loads models and texts once.

    Prompts of the model folder are put before texts: "query" before queries, "document" or
    "passage" before what is searched.

    Args:
        config: `SearchConfig`.

    Raises:
        ValueError, FileNotFoundError: bad input.

    Example:
        >>> import bert_tf
        >>> searcher = bert_tf.Searcher(
        ...     bert_tf.SearchConfig(model="bert", corpus_file="train.csv", top_k=1)
        ... )
        >>> ((hit,),) = searcher.search(["it was good"])
        >>> hit["text"]
        'it was good'
    """

    def __init__(self, config):
        self.config = config
        if config.method != "dense":
            import_bm25s()  # Before the work.
        if config.approximate:
            import_usearch()
        self._reranker = self._graph = self._words = self._model = None
        if config.reranker:
            self._reranker = Model(
                config.reranker,
                task="reranking",
                batch_size=config.per_device_eval_batch_size,
                bf16=config.bf16,
            )
        facts, self.collection = self._open()
        if config.approximate:
            self._graph = open_graph(config.index, facts, self.collection)
        elif facts and self._model is not None and facts["count"] > MANY:
            _log.info(
                "each query is compared with %s; --approximate is faster.",
                count(facts["count"], "vector"),
            )
        if config.method != "dense":
            texts = (join(text) for text in self.collection.texts)
            self._words = (
                open_words(config.index, facts, texts) if facts else Words(texts)
            )

    def search(self, queries):
        """Finds for each query the texts that fit it best.

        Args:
            queries: list of strings.

        Returns:
            For each query a list of dicts, the best first: `line` of the file, from 1, of
            an index also `id` and, if it has one, `title`; `text`; `score`, the cosine, the
            BM25 score or, of a hybrid search, the sum of 1 / (rank_constant + rank); and
            `rerank_score`, if the reranker read the text.

        Raises:
            ValueError: there are no queries, or one has no words.
        """
        _check_queries(queries)
        texts = self.collection.texts
        return [
            [texts[place] | scores for place, scores in own.items()]
            for own in self.find(queries, self.config.top_k)
        ]

    def find(self, queries, k):
        """Returns for each query {place of a text: its scores} of the k best texts."""
        config = self.config
        depth = max(k, config.rerank_top) if self._reranker else k
        sides = max(depth, LEAST) if config.method == "hybrid" else depth
        rankings = []
        if self._model is not None:
            places, scores = self._find_near(queries, sides)
            rankings.append(list(zip(places.tolist(), scores.tolist())))
        if self._words is not None:
            rankings.append([self._words.find(query, sides) for query in queries])
        if config.method == "hybrid":
            found = [
                fuse([own[0] for own in both], depth, config.rank_constant)
                for both in zip(*rankings)
            ]
        else:
            (found,) = rankings
        hits = [
            {place: {"score": score} for place, score in zip(*own)} for own in found
        ]
        if self._reranker:
            hits = _rerank(config, self._reranker, self.collection, queries, hits)
        return [dict(list(own.items())[:k]) for own in hits]

    def _open(self):
        """Returns the facts of the index, None of a file, and the `Collection`.

        Loads the model, too, unless the search is by words alone.
        """
        config, facts = self.config, None
        if config.index:
            facts, collection = open_index(config.index)
        else:
            collection = Collection(_read(config))
        if config.method == "bm25":
            return facts, collection
        if facts:
            made_by, options = facts["model"], dict(config.options)
            if made_by["dim"] and not is_export(config.model):
                options.setdefault("dim", made_by["dim"])
            config = dataclasses.replace(config, options=options)
            model = config.load_model("similarity")
            given = identify(model, config.model, made_by["prompt_name"])
            check_model(made_by, given, config.index)
        else:
            model = config.load_model("similarity")
        prompt, other = model.task.prompts.for_search(model.task.options.prompt_name)
        if not facts:
            texts = [text["text"] for text in collection.texts]
            collection = Collection(collection.texts, embed(model, texts, other))
        self._model, self._prompt = model, prompt
        return facts, collection

    def _find_near(self, queries, k):
        vectors = embed(self._model, queries, self._prompt)
        if self._graph is not None:
            return find_near(self._graph, vectors, self.collection, k)
        return find_nearest(vectors, self.collection.vectors, self.collection.scales, k)


def _check_queries(queries):
    empty = next((query for query in queries if not query.strip()), None)
    if empty is not None or not queries:
        raise ValueError(
            f"query must have words; received {quote(empty or '')}. Pass --query=…"
        )


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
