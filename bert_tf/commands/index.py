"""Makes an index of texts, which search reads.

bert-tf index --model=minilm --corpus_file=texts.jsonl --output_dir=index

Prints its size as one JSON object. The same command continues a run that was stopped.
"""

import json

from bert_tf.commands import flags
from bert_tf.retrieval.indexing import IndexConfig, index
from bert_tf.tasks.similarity import Similarity


def define():
    flags.define(IndexConfig)
    flags.define_options(IndexConfig, {Similarity.name: Similarity}, "prediction")


def main(_):
    print(json.dumps(index(flags.parse(IndexConfig)), ensure_ascii=False))
