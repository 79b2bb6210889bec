"""Compares BM25, embeddings, both joined, and a reranker on questions of SQuAD.

    python benchmarks/retrieval.py --train_file=train-v1.1.json \
        --eval_file=dev-v1.1.json --results=FOLDER

retrieval_data.py makes the data; its head says how. `bert-tf finetune` trains a reranker, and
with --tune an embedder from the same lists. The first table scores the lists of 30 paragraphs,
the second the search among all paragraphs of --eval_file, by `bert-tf search --eval_file`. The
number behind a hybrid is its rank_constant.
What is under --results is not made again.
"""

import json
import pathlib
import subprocess
import sys
import time

import launch
import numpy as np
import retrieval_data
from absl import app, flags

from bert_tf import Model, intervals
from bert_tf.data.records.rankings import read_rankings
from bert_tf.retrieval.fusion import CONSTANT, fuse
from bert_tf.retrieval.words import Words
from bert_tf.tasks.metrics.ranking import judge_ranking

RERANKER = [
    *("--task=reranking", "--per_device_train_batch_size=8", "--num_train_epochs=1"),
    *("--bf16", "--learning_rate=1e-4", "--max_seq_length=256", "--save_steps=40"),
]
EMBEDDER = [
    *("--task=similarity", "--similarity_loss=negatives", "--num_train_epochs=1"),
    *("--bf16", "--learning_rate=2e-5", "--max_seq_length=256", "--save_steps=40"),
]
METRICS = ("ndcg_at_10", "mrr_at_10")
SEARCHES = {"test": "search", "dev": "search_dev"}  # Folders of the same questions.

flags.DEFINE_string("results", None, "Folder for data and models.", required=True)
flags.DEFINE_bool("tune", False, "Also train an embedder, from in-batch negatives.")
flags.DEFINE_integer("rerank_top", 10, "Hits that the reranker reads.")
flags.DEFINE_integer("rank_constant", 1, "Of further hybrid searches; chosen on dev.")
flags.DEFINE_enum("part", "test", ["test", "dev"], "Questions to score.")
FLAGS = flags.FLAGS


def run(verb, *arguments):
    """Runs a command of bert_tf; returns the JSON of its last line, and the seconds."""
    command = [FLAGS.bert_tf_python, f"scripts/{verb}.py", *arguments]
    print(*command, file=sys.stderr)
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=launch.ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1]), time.perf_counter() - begin


def train(folder, data, options):
    """Trains a model unless the folder holds a finished one."""
    if (folder / "metrics.json").exists():
        return
    command = [FLAGS.bert_tf_python, "scripts/finetune.py", *options]
    command += [f"--model={launch.model_folder()}", f"--train_file={data}"]
    command += [f"--output_dir={folder}"]
    print(*command, file=sys.stderr)
    subprocess.run(command, cwd=launch.ROOT, check=True, stdout=subprocess.DEVNULL)


def rank(scores):
    """Returns scores that give the ranks of a list, the best first, to `fuse`."""
    return np.argsort(-scores, kind="stable").tolist()


def embed(path, texts):
    rows = Model(path, task="similarity").predict(texts)
    vectors = np.array([row["embedding"] for row in rows])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def score_by_embeddings(path, records, corpus):
    """Returns the cosines of each list, by the model of a folder."""
    queries = embed(path, [record["text"] for record in records])
    vectors = dict(zip(corpus, embed(path, corpus)))
    return [
        np.array([vectors[passage] for passage in record["passages"]]) @ query
        for record, query in zip(records, queries)
    ]


def score_by_words(records, corpus):
    """Returns the BM25 scores of each list, with the counts of all paragraphs."""
    words = Words(corpus)
    scores = []
    for record in records:
        places, found = words.find(record["text"], len(corpus))
        known = {corpus[place]: score for place, score in zip(places, found)}
        scores.append(np.array([known.get(x, 0.0) for x in record["passages"]]))
    return scores


def join(scores, others, constant=CONSTANT):
    """Returns the scores of reciprocal rank fusion of two scorings of each list."""
    fused = []
    for one, other in zip(scores, others):
        places, values = fuse([rank(one), rank(other)], len(one), constant)
        row = np.zeros(len(one))
        row[places] = values
        fused.append(row)
    return fused


def print_lists(results, embedders):
    """Prints the scores within the lists of a part."""
    table = read_rankings(results / f"{FLAGS.part}.jsonl")
    with (results / "search/corpus.jsonl").open(encoding="utf-8") as lines:
        corpus = [json.loads(line)["text"] for line in lines]
    records = table.records
    scores = {"BM25": score_by_words(records, corpus)}
    for name, path in embedders.items():
        scores[name] = score_by_embeddings(path, records, corpus)
        for constant in (CONSTANT, FLAGS.rank_constant):
            label = f"BM25 + {name}, {constant}"
            scores[label] = join(scores["BM25"], scores[name], constant)
    _, outputs = Model(results / "reranker", bf16=True).outputs_of(table)
    scores["reranker"] = outputs["logits"]
    print("| within 30 | nDCG@10 | less BM25, 95 % interval | MRR@10 |")
    print("|---|---|---|---|")
    judged = {
        name: [judge_ranking(x, r["labels"]) for x, r in zip(own, records)]
        for name, own in scores.items()
    }
    base = np.array([row["ndcg_at_10"] for row in judged["BM25"]])
    for name, rows in judged.items():
        ndcg, mrr = (np.array([row[metric] for row in rows]) for metric in METRICS)
        low, high = intervals.bootstrap_mean(ndcg - base)
        gain = "" if name == "BM25" else f"{low:+.3f} to {high:+.3f}"
        print(f"| {name} | {ndcg.mean():.3f} | {gain} | {mrr.mean():.3f} |")


def print_searches(results, embedders):
    """Prints the scores of searches among all paragraphs."""
    folder = results / SEARCHES[FLAGS.part]
    reranker = [
        f"--reranker={results / 'reranker'}",
        f"--rerank_top={FLAGS.rerank_top}",
    ]
    small = ["--method=hybrid", f"--rank_constant={FLAGS.rank_constant}"]
    print("\n| search | nDCG@10 | 95 % interval | MRR@10 | recall@10 | s |")
    print("|---|---|---|---|---|---|")
    for name, path in embedders.items():
        index = results / f"index_{path.name}"
        run(
            "index",
            f"--model={path}",
            f"--corpus_file={folder / 'corpus.jsonl'}",
            f"--output_dir={index}",
        )
        searches = {
            "BM25": ["--method=bm25"],
            name: ["--method=dense"],
            f"BM25 + {name}, {CONSTANT}": ["--method=hybrid"],
            f"BM25 + {name}, {FLAGS.rank_constant}": [*small],
            f"BM25 + {name}, reranked": ["--bf16", *small, *reranker],
        }
        for label, options in searches.items():
            if label == "BM25" and path != launch.model_folder():
                continue
            scores, seconds = run(
                "search", f"--index={index}", f"--eval_file={folder}", *options
            )
            low, high = scores["intervals_95"]["ndcg_at_10"]
            print(
                f"| {label} | {scores['ndcg_at_10']:.3f} | {low:.3f} to {high:.3f} "
                f"| {scores['mrr_at_10']:.3f} | {scores['recall_at_10']:.3f} "
                f"| {seconds:.0f} |",
                flush=True,
            )


def main(_):
    results = pathlib.Path(FLAGS.results).resolve()
    if not (results / "search/qrels/test.tsv").exists():
        retrieval_data.build(results)
    data = results / "train.jsonl"
    train(results / "reranker", data, RERANKER)
    embedders = {"embeddings": launch.model_folder()}
    if FLAGS.tune:
        train(results / "embedder", data, EMBEDDER)
        embedders["tuned embeddings"] = results / "embedder"
    print_lists(results, embedders)
    print_searches(results, embedders)


if __name__ == "__main__":
    app.run(main)
