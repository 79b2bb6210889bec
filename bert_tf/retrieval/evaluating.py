"""Scores of a search on queries whose relevant texts are known, in BEIR's layout.

The layout (Thakur et al., 2021) is a folder with corpus.jsonl, queries.jsonl, and
qrels/test.tsv: rows of query-id, corpus-id and score, below a header.
"""

import hashlib
import logging
import pathlib

import numpy as np

from bert_tf import intervals
from bert_tf.data.records.files import read_text
from bert_tf.disk import check_file
from bert_tf.ground import count, quote, require
from bert_tf.json_files import parse_json
from bert_tf.retrieval.folder import read_facts
from bert_tf.retrieval.searching import Searcher
from bert_tf.tasks.metrics.ranking import judge_ranking

DEPTH = 100  # Texts that are found for each query.
RECALLS = (1, 10, 100)

_log = logging.getLogger(__name__)


def evaluate_search(config):
    """Returns the scores of a search of an index, means over the queries.

    Args:
        config: `SearchConfig` with `index` and `eval_file`.

    Returns:
        dict with `queries`, their number; `ndcg_at_10` and `mrr_at_10`, see
        `judge_ranking`; `recall_at_1`, `_10` and `_100`, the fraction of a query's relevant
        texts among the first; and `intervals_95`, {name: [low, high]}, by bootstrap over
        queries. Of equal scores the text that comes first in the corpus ranks higher.

    Raises:
        ValueError, OSError: bad input; the index is not that of the folder's corpus.
    """
    require(config, "index")
    folder = pathlib.Path(config.eval_file)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"eval_file {folder} must be a folder with corpus.jsonl, queries.jsonl and "
            "qrels/test.tsv."
        )
    _check_corpus(check_file(folder / "corpus.jsonl"), config.index)
    grades = read_grades(check_file(folder / "qrels/test.tsv"))
    queries = _read_queries(check_file(folder / "queries.jsonl"))
    if missing := sorted(grades.keys() - queries.keys()):
        raise ValueError(
            f"{folder / 'qrels/test.tsv'}: the query {quote(missing[0])} is not in "
            "queries.jsonl; add it, or delete its rows."
        )
    judged = [name for name, own in grades.items() if max(own.values()) > 0]
    if not judged:
        raise ValueError(f"{folder / 'qrels/test.tsv'}: no query has a relevant text.")
    searcher = Searcher(config)
    collection = searcher.collection
    hits = searcher.find([queries[name] for name in judged], DEPTH)
    ids = [[collection.texts[place]["id"] for place in own] for own in hits]
    rows = [score_hits(own, grades[name]) for own, name in zip(ids, judged)]
    _warn_of_unknown(collection, grades, judged)
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {
        "queries": len(judged),
        **{name: float(own.mean()) for name, own in values.items()},
        "intervals_95": {
            name: intervals.bootstrap_mean(own) for name, own in values.items()
        },
    }


def score_hits(ids, grades):
    """Returns the scores of one query.

    Args:
        ids: ids of the texts that were found, the best first, at most 100.
        grades: {id: grade} of the query, at least one of them above 0.

    Example:
        >>> score_hits(["a", "b"], {"b": 1, "c": 1})["recall_at_10"]
        0.5
    """
    relevant = {name for name, grade in grades.items() if grade > 0}
    missed = relevant - set(ids)
    # What was not found stands behind all ranks that count.
    ranked = [grades.get(name, 0) for name in ids] + [0] * (DEPTH - len(ids))
    ranked += [grades[name] for name in sorted(missed)]
    judged = judge_ranking(-np.arange(len(ranked)), np.maximum(ranked, 0))
    scores = {name: judged[name] for name in ("ndcg_at_10", "mrr_at_10")}
    for k in RECALLS:
        scores[f"recall_at_{k}"] = len(relevant & set(ids[:k])) / len(relevant)
    return scores


def read_grades(path):
    """Returns {query: {text: grade}} of a file of judgements, qrels/test.tsv.

    Raises:
        ValueError: a row has not three cells, or its last one is no whole number.
    """
    grades = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        cells = line.removesuffix("\r").split("\t")
        if not line.strip() or (number == 1 and cells[0] == "query-id"):
            continue
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdecimal():
            raise ValueError(
                f"{path}, line {number}: a row must be query-id, corpus-id and a whole "
                f"number with TABs between; received {quote(line)}."
            )
        query, text, grade = cells
        if abs(int(grade)) > 100:
            raise ValueError(
                f"{path}, line {number}: a grade must be at most 100; received {grade}."
            )
        own = grades.setdefault(query, {})
        if own.setdefault(text, int(grade)) != int(grade):
            raise ValueError(
                f"{path}, line {number}: {quote(query)} and {quote(text)} have two "
                "grades; delete one of the rows."
            )
    if not grades:
        raise ValueError(f"{path}: no judgements. Give rows of query, text and grade.")
    return grades


def _read_queries(path):
    """Returns {id: text} of queries.jsonl."""
    queries = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        fields = parse_json(line, where)
        for name in ("_id", "text"):
            if not isinstance(fields.get(name), str) or not fields[name].strip():
                raise ValueError(
                    f"{where}: {name} must be a string with words; received "
                    f"{fields.get(name)!r:.60}."
                )
        queries[fields["_id"]] = fields["text"]
    return queries


def _check_corpus(path, index):
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != read_facts(index)["corpus_sha256"]:
        raise ValueError(
            f"the index {index} was not made of {path}; make one by bert-tf index "
            f"--corpus_file={path}."
        )


def _warn_of_unknown(collection, grades, judged):
    """Logs how many relevant texts no search can find, because they are not there."""
    relevant = {
        name for query in judged for name, grade in grades[query].items() if grade > 0
    }
    unknown = relevant - {text["id"] for text in collection.texts}
    if unknown:
        _log.warning(
            "%s not in corpus.jsonl, such as %s; they count as not found.",
            count(len(unknown), "relevant text"),
            quote(min(unknown)),
        )
