"""Searches a file of texts by meaning.

bert-tf search --model=minilm --corpus_file=texts.txt --query="Where is my parcel?"

Prints the nearest texts, best first, one JSON object each: line, text, score (cosine).
Without --query it reads queries from standard input and prints one JSON list for each.
"""

import json
import sys

from bert_tf.commands import flags
from bert_tf.run.searching import SearchConfig, search
from bert_tf.tasks.similarity import Similarity


def define():
    flags.define(SearchConfig)
    flags.define_options(SearchConfig, {Similarity.name: Similarity}, "prediction")


def main(_):
    config = flags.parse(SearchConfig)
    queries = [config.query] if config.query else sys.stdin.read().splitlines()
    results = search(config, queries)
    for result in results[0] if config.query else results:
        print(json.dumps(result, ensure_ascii=False))
