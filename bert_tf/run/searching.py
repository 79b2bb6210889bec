"""Searches a file of texts by meaning: the nearest embeddings, exactly."""

import dataclasses

import numpy as np

from bert_tf.data.records.options import FileOptions, reader_arguments
from bert_tf.data.records.readers import read_table
from bert_tf.ground import at_least, quote, require, setting
from bert_tf.run.needs import ModelConfig
from bert_tf.tasks.similarity_scores import unit_length


@dataclasses.dataclass(frozen=True, init=False)
class SearchConfig(ModelConfig, FileOptions):
    """Which model searches which texts, and for what."""

    corpus_file: str = setting(
        "", "Texts: lines of text, TSV, CSV, JSONL, Excel or Parquet.", section="search"
    )
    text_column: str = setting(
        "", "Column of the texts, by name or number from 0. Empty: detect it."
    )
    query: str = setting(
        "", "Text to search for. Empty: each line of standard input is a query."
    )
    top_k: int = setting(5, "Nearest texts to print for each query.")

    def __post_init__(self):
        super().__post_init__()
        self.check_files()
        require(self, "corpus_file")
        at_least(self, "top_k", 1)


def search(config, queries):
    """Finds for each query the texts of a corpus with the nearest embeddings.

    Prompts of the model folder are put before them: "query" before queries, "document" or
    "passage" before texts.

    Args:
        config: `SearchConfig`.
        queries: list of strings.

    Returns:
        For each query a list of dicts, the best first: `line` of the corpus file, from
        1, `text`, and `score`, the cosine.

    Raises:
        ValueError, FileNotFoundError: bad input.
    """
    model = config.load_model("similarity")
    corpus = read_table(
        config.corpus_file, with_labels=False, **reader_arguments(config)
    )
    if "text_pair" in corpus.records[0]:
        raise ValueError(
            f"{config.corpus_file}: the corpus has pairs of texts; choose the text to "
            "search by --text_column."
        )
    empty = next((query for query in queries if not query.strip()), None)
    if empty is not None or not queries:
        raise ValueError(
            f"query must have words; received {quote(empty or '')}. Pass --query=…"
        )
    texts = [record["text"] for record in corpus.records]
    task, results = model.task, []
    prompts = task.prompts.for_search(task.options.prompt_name)
    vectors, others = (_embed(model, *side) for side in zip((queries, texts), prompts))
    for cosines in vectors @ others.T:
        nearest = np.argsort(-cosines, kind="stable")[: config.top_k]
        results.append(
            [
                {
                    "line": corpus.lines[number],
                    "text": texts[number],
                    "score": float(cosines[number]),
                }
                for number in nearest.tolist()
            ]
        )
    return results


def _embed(model, texts, prompt_name):
    """Returns embeddings of length 1, float32 [texts, D], of texts behind a prompt."""
    model.task.put_before(prompt_name)
    predictions = model.predict(texts)
    return unit_length(np.array([text["embedding"] for text in predictions]))
