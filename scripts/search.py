"""Searches a file of texts by meaning.

python scripts/search.py --model=minilm --corpus_file=texts.txt --query="Where is my parcel?"

Prints the nearest texts, best first, one JSON object each: line, text, score (cosine).
Without --query it reads queries from standard input and prints one JSON list for each.
"""

import json
import sys

import flags

with flags.quiet_imports():
    from bert_tf.run import searching
    from bert_tf.tasks import TASKS

flags.define(searching.SearchConfig)
similarity = {"similarity": TASKS["similarity"]}
flags.define_options(searching.SearchConfig, similarity, "prediction")


def main(_):
    config = flags.parse(searching.SearchConfig)
    queries = [config.query] if config.query else sys.stdin.read().splitlines()
    results = searching.search(config, queries)
    for result in results[0] if config.query else results:
        print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    flags.start(main)
