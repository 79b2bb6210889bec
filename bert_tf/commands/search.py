"""Searches texts by meaning, by words, or by both.

bert-tf search --index=index --query="Where is my parcel?"

Prints the best texts, the best first, one JSON object each. Without --query it reads
queries from --input_file or standard input and prints one JSON list for each; on a
terminal it answers each line at once.
"""

import json
import sys

from bert_tf.commands import flags
from bert_tf.retrieval.evaluating import evaluate_search
from bert_tf.retrieval.searching import Searcher, search
from bert_tf.retrieval.settings import SearchConfig
from bert_tf.retrieval.texts import read_texts
from bert_tf.tasks.similarity import Similarity


def define():
    flags.define(SearchConfig)
    flags.define_options(SearchConfig, {Similarity.name: Similarity}, "prediction")


def main(_):
    config = flags.parse(SearchConfig)
    if config.eval_file:
        print(json.dumps(evaluate_search(config)))
        return
    if not config.query and not config.input_file and sys.stdin.isatty():
        _answer(config)
        return
    results = search(config, _queries(config))
    for result in results[0] if config.query else results:
        print(json.dumps(result, ensure_ascii=False))


def _answer(config):
    """Answers each line of standard input as it comes."""
    searcher = Searcher(config)
    print("Search for:", file=sys.stderr)
    for query in sys.stdin:
        if query.strip():
            (hits,) = searcher.search([query.strip()])
            for hit in hits:
                print(json.dumps(hit, ensure_ascii=False), flush=True)


def _queries(config):
    if config.query:
        return [config.query]
    if config.input_file:
        return [text["text"] for text in read_texts(config.input_file, config)]
    return sys.stdin.read().splitlines()
