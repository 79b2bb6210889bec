"""Times searches of an index by `bert_tf.Searcher`, one query after another; see index.py.

--model is the folder of the index, --input_file has a query on each line.
"""

import json
import time

import bert_tf
from benchmarks.engines import contract

PACKAGES = ("bert_tf", "bm25s", "usearch")
TOP = 10


def search(options):
    queries = contract.read_lines(options.input_file)
    reports, found = {}, {}
    for name, settings in json.loads(options.searches).items():
        config = bert_tf.SearchConfig(index=options.model, top_k=TOP, **settings)
        bert_tf.Searcher(config)  # The first may count words or make a graph.
        begin = time.perf_counter()
        searcher = bert_tf.Searcher(config)
        opened = time.perf_counter() - begin
        searcher.search(queries[:1])
        hits, seconds = [], []
        for query in queries:
            begin = time.perf_counter()
            hits += searcher.search([query])
            seconds.append(time.perf_counter() - begin)
        found[name] = [{hit["line"] for hit in own} for own in hits]
        reports[name] = contract.percentiles(seconds) | {"open_seconds": opened}
        if config.approximate:
            same = sum(len(x & y) for x, y in zip(found[name], found["dense"]))
            reports[name]["recall"] = same / sum(map(len, found["dense"]))
    return {"searches": reports}


if __name__ == "__main__":
    parser = contract.parser(__doc__)
    parser.add_argument("--searches", help="JSON of {name: fields of SearchConfig}.")
    contract.report("bert_tf", search, parser.parse_args(), PACKAGES)
