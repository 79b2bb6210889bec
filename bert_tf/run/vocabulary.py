"""Learns a WordPiece vocabulary from raw text."""

import collections
import dataclasses
import logging
import pathlib

from bert_tf.checkpoints.vocabulary import write_vocab
from bert_tf.data.corpus.documents import DOCUMENT_END, Found, read_corpus
from bert_tf.data.corpus.files import find_files
from bert_tf.data.records.sources import is_held_out
from bert_tf.ground import at_least, lazy, reading_progress, require, setting
from bert_tf.tokenization.words import WordSplitter

tokenization = lazy("bert_tf.tokenization")
learning = lazy("bert_tf.tokenization.learning")

_log = logging.getLogger(__name__)
_MAX_HELD_OUT = 20_000  # Held-out lines that are kept in memory.


@dataclasses.dataclass(frozen=True)
class VocabularyConfig:
    """From which text to learn a vocabulary of which size."""

    input_files: str = setting(
        "",
        "Globs with commas between: text, JSONL or <doc> files, perhaps .gz.",
    )
    output: str = setting("", "File to write, usually vocab.txt.")
    vocab_size: int = setting(30522, "Tokens of the vocabulary.")
    do_lower_case: bool = setting(
        True, "Uncased: text is read in lower case and without accents."
    )
    unused_slots: int = setting(
        99, "Tokens [unused0], [unused1], … that are kept free for later use."
    )
    eval_fraction: float = setting(
        0.01, "Fraction of the lines that is held out for the report. 0: no report."
    )

    def __post_init__(self):
        require(self, "input_files", "output")
        at_least(self, "vocab_size", 1)
        at_least(self, "unused_slots", 0)
        if not 0 <= self.eval_fraction < 1:
            raise ValueError(
                f"eval_fraction must be in [0, 1); received {self.eval_fraction}."
            )


def learn_vocabulary(config):
    """Learns a WordPiece vocabulary and writes it.

    Args:
        config: `VocabularyConfig`.

    Returns:
        dict with `vocab_size`; counts of the input (`files`, `documents`, `lines`,
        `split_documents`, `words`, `bad_bytes`, `bad_characters`,
        `control_characters`); and for held-out lines
        `eval_words`, `eval_pieces_per_word` and `eval_unk_rate` (fraction of words with
        an unknown token), the last two None if no words were held out.

    Raises:
        ValueError, FileNotFoundError: bad input; nothing is written.
    """
    output = pathlib.Path(config.output)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ValueError(
            f"output must be a file in a folder that exists; received {config.output!r}."
        )
    files = find_files(config.input_files)
    splitter = WordSplitter(lower_case=config.do_lower_case)
    counts, held_out, read = collections.Counter(), [], Found()
    with reading_progress(files, "counting words") as bar:
        for line in read_corpus(files, found=read, progress=bar.update):
            if line is DOCUMENT_END:
                continue
            if is_held_out(line, config.eval_fraction):
                if len(held_out) < _MAX_HELD_OUT:
                    held_out.append(line)
            else:
                counts.update(splitter.split(line))
    vocab = learning.learn_vocab(counts, config.vocab_size, unused=config.unused_slots)
    if len(vocab) < config.vocab_size:
        _log.warning(
            "the text gives only %d tokens of vocab_size=%d; set the vocab_size of the "
            "model to the smaller number.",
            len(vocab),
            config.vocab_size,
        )
    write_vocab(output, vocab)
    return {
        "vocab_size": len(vocab),
        **dataclasses.asdict(read),
        "words": counts.total(),
        **_report(held_out, vocab, splitter, config.do_lower_case),
    }


def _report(lines, vocab, splitter, lower_case):
    words = [word for line in lines for word in splitter.split(line)]
    if not words:
        return {"eval_words": 0, "eval_pieces_per_word": None, "eval_unk_rate": None}
    tokenizer = tokenization.BertTokenizer(vocab, lower_case=lower_case)
    # Each word is a text of its own, so that an unknown token is counted for its word.
    pieces = tokenizer.tokenize(words)
    unknown = {
        word for word, ids in zip(words, pieces.to_list()) if tokenizer.unk_id in ids
    }
    return {
        "eval_words": len(words),
        "eval_pieces_per_word": float(pieces.values.shape[0] / len(words)),
        "eval_unk_rate": sum(word in unknown for word in words) / len(words),
    }
