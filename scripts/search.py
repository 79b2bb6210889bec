"""Searches a file of texts by meaning.

python scripts/search.py --model=minilm --corpus_file=texts.txt --query="Where is my parcel?"

Prints a JSON object a text found, the best first: line, text, score (the cosine). Without
--query, each line of standard input is one, and a JSON list comes for each.
"""

import json
import sys

import flags

with flags.quiet_imports():
    from bert_tf.run import searching

flags.define(searching.SearchConfig)


def main(_):
    config = flags.parse(searching.SearchConfig)
    queries = [config.query] if config.query else sys.stdin.read().splitlines()
    for found in searching.search(config, queries):
        if config.query:
            for text in found:
                print(json.dumps(text, ensure_ascii=False))
        else:
            print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    flags.start(main)
