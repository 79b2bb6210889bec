"""Searching a file of texts by meaning: the nearest embeddings, exactly."""

import dataclasses

import numpy as np

from bert_tf.data.records.readers import read_table
from bert_tf.ground import at_least, quote, require
from bert_tf.predictor import Model
from bert_tf.tasks.similarity import unit_length


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """Which model searches what, for what."""

    model: str = ""  # Model folder of similarity, or of sentence-transformers.
    corpus_file: str = ""  # Plain text, a text a line; or TSV, CSV, JSONL.
    query: str = ""  # What to look for; without it, lines of standard input.
    text_column: str = ""  # Of the corpus; name, or place from 0.
    top_k: int = 5  # Texts found for each query.
    max_seq_length: int = 0  # Pieces of a text; 0: as in training.
    long_text: str = ""  # truncate, head_tail or windows; as in training if empty.
    per_device_eval_batch_size: int = 128  # Texts at once.
    bf16: bool = False  # Compute in bfloat16.

    def __post_init__(self):
        require(self, "model", "corpus_file")
        at_least(self, "top_k", 1)
        at_least(self, "per_device_eval_batch_size", 1)


def search(config, queries):
    """Finds for each query the texts of a corpus whose embeddings are nearest.

    Args:
        config: `SearchConfig`.
        queries: list of strings.

    Returns:
        For each query a list of dicts, the best first: `line` of the corpus file, from
        1, `text`, and `score`, the cosine.

    Raises:
        ValueError, FileNotFoundError: bad input.
    """
    model = Model(
        config.model,
        task="similarity",
        max_seq_length=config.max_seq_length,
        long_text=config.long_text,
        batch_size=config.per_device_eval_batch_size,
        bf16=config.bf16,
    )
    corpus = read_table(
        config.corpus_file, with_labels=False, text_column=config.text_column or None
    )
    if "text_pair" in corpus.records[0]:
        raise ValueError(
            f"{config.corpus_file}: the corpus has pairs of texts; name the one to "
            "search by --text_column."
        )
    empty = next((q for q in queries if not q.strip()), None)
    if empty is not None or not queries:
        raise ValueError(
            f"query must have words; received {quote(empty or '')}. Pass --query=…"
        )
    texts = [record["text"] for record in corpus.records]
    found, asked = (_embed(model, side) for side in (texts, queries))
    results = []
    for cosines in asked @ found.T:
        best = np.argsort(-cosines, kind="stable")[: config.top_k]
        results.append(
            [
                {
                    "line": corpus.lines[number],
                    "text": texts[number],
                    "score": float(cosines[number]),
                }
                for number in best.tolist()
            ]
        )
    return results


def _embed(model, texts):
    """Embeddings of length 1, float32 [texts, H]."""
    return unit_length(np.array([a["embedding"] for a in model.predict(texts)]))
