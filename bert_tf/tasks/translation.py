"""The translation of a text."""

import dataclasses

from bert_tf.data.records.parallel import read_parallel, read_source_lines
from bert_tf.tasks.metrics.translation import (
    bleu_counts,
    bleu_of_counts,
    check_tokenizer,
    corpus_scores,
)
from bert_tf.tasks.options import option
from bert_tf.tasks.seq2seq import Seq2Seq
from bert_tf.tasks.seq2seq_options import Seq2SeqOptions


class Translation(Seq2Seq):
    """A text in one language, its translation into another.

    Args:
        tokenizer, options: as of `Task`.
    """

    name = "translation"
    pipeline = "translation"
    metric = "bleu"
    field = "translation"
    read = staticmethod(read_parallel)
    read_lines = staticmethod(read_source_lines)
    score_counts = staticmethod(bleu_of_counts)

    @dataclasses.dataclass(frozen=True)
    class Options(Seq2SeqOptions):
        bleu_tokenize: str = option(
            "13a", "As --tokenize of sacrebleu: 13a, or zh for Chinese.", use="both"
        )

    def inherit(self, folder, table):
        check_tokenizer(self.options.bleu_tokenize)  # Not after an hour of training.
        super().inherit(folder, table)

    def counts(self, columns, outputs):
        """Returns int [N, 10], what BLEU is computed from; see `bleu_counts`."""
        texts = self.best_texts(columns, outputs)
        return bleu_counts(texts, columns["target"], self.options.bleu_tokenize)

    def score(self, columns, outputs):
        """Returns `bleu` and `chrf` of `corpus_scores`, and those of `Seq2Seq`."""
        texts = self.best_texts(columns, outputs)
        truths = columns["target"].tolist()
        scores = corpus_scores(texts, truths, self.options.bleu_tokenize)
        return scores | super().score(columns, outputs)
