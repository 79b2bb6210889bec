"""Settings of a search."""

import dataclasses

from bert_tf.data.records.options import FileOptions
from bert_tf.docstrings import list_settings
from bert_tf.ground import at_least, one_of, quote, require, setting
from bert_tf.retrieval.folder import read_facts
from bert_tf.retrieval.fusion import CONSTANT
from bert_tf.run.needs import ModelConfig

METHODS = ("dense", "bm25", "hybrid")


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class SearchConfig(ModelConfig, FileOptions):
    """Which texts are searched, how, and for what.

    Example:
        >>> import bert_tf
        >>> bert_tf.SearchConfig(model="bert", corpus_file="train.csv").method
        'dense'
    """

    index: str = setting(
        "",
        "Folder of bert-tf index, which remembers its model. Empty: corpus_file.",
        section="search",
    )
    corpus_file: str = setting(
        "", "Texts: lines of text, TSV, CSV, JSONL, Excel or Parquet."
    )
    text_column: str = setting(
        "", "Column of the texts, by name or number from 0. Empty: detect it."
    )
    query: str = setting(
        "", "Text to search for. Empty: each line of standard input is a query."
    )
    input_file: str = setting(
        "", "Queries to search for, in the formats of texts. Empty: query."
    )
    eval_file: str = setting(
        "",
        "Folder in BEIR's layout to score the search on: corpus.jsonl, which was indexed, "
        "queries.jsonl and qrels/test.tsv. Empty: search.",
    )
    method: str = setting(
        "dense",
        "dense (by meaning), bm25 (by words; needs bm25s), or hybrid (joins both).",
    )
    rank_constant: int = setting(
        CONSTANT,
        "Of hybrid: a rank counts 1 / (rank_constant + rank). Less than 60, such as 1, if "
        "one text answers a query.",
    )
    approximate: bool = setting(
        False,
        "Of an index: find nearly all of the nearest vectors, by a graph that the first "
        "such search makes (needs usearch). For a million texts and more.",
    )
    reranker: str = setting(
        "",
        "Model folder of the task reranking, which orders the hits anew. Empty: none.",
    )
    rerank_top: int = setting(50, "Hits of each query that the reranker reads.")
    top_k: int = setting(5, "Texts to print for each query.")

    def __post_init__(self):
        if self.index and not self.model:
            model = read_facts(self.index)["settings"]["model"]
            object.__setattr__(self, "model", model)
        super().__post_init__()
        self.check_files()
        one_of("method", self.method, METHODS)
        for name in ("top_k", "rerank_top"):
            at_least(self, name, 1)
        at_least(self, "rank_constant", 0)
        if self.approximate and (self.method == "bm25" or not self.index):
            raise ValueError(
                "approximate is for the vectors of an index; drop it, or pass --index and "
                "--method=dense or hybrid."
            )
        if not self.index:
            require(self, "corpus_file")
        for one, other in (("index", "corpus_file"), ("query", "input_file")):
            _refuse_both(self, one, other)
        for name in ("query", "input_file", "corpus_file"):
            _refuse_both(self, "eval_file", name)
        if self.index and self.quantize:
            raise ValueError(
                f"quantize={self.quantize} would compare vectors of two models; drop it, "
                "or make an index of the export."
            )


def _refuse_both(config, one, other):
    first, second = getattr(config, one), getattr(config, other)
    if first and second:
        raise ValueError(
            f"received {one}={quote(str(first))} and {other}={quote(str(second))}, which "
            "exclude each other; drop one."
        )
