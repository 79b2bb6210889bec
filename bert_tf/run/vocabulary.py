"""Learning a vocabulary from raw text."""

import collections
import dataclasses
import logging
import pathlib

from bert_tf.data.corpus.documents import DOCUMENT_END, Found, find_files, read_corpus
from bert_tf.data.records.sources import is_held_out
from bert_tf.ground import at_least, reading_progress, require
from bert_tf.tokenization import BertTokenizer, learning
from bert_tf.tokenization.vocabulary import write_vocab

_log = logging.getLogger(__name__)
_HELD_OUT = 20_000  # Lines kept in memory to report on.


@dataclasses.dataclass(frozen=True)
class VocabularyConfig:
    """From which text to learn how many pieces."""

    input_files: str = ""  # Globs, a comma between them: text, JSONL, <doc>; or .gz.
    output: str = ""  # File to write, usually vocab.txt.
    vocab_size: int = 30522  # Pieces; as many as BERT's by default.
    do_lower_case: bool = True  # Uncased: no capitals, no accents.
    unused_slots: int = 99  # [unused0] and so on, to be given a meaning later.
    eval_fraction: float = 0.01  # Share of the lines held out to report on.

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
        dict with `vocab_size`; what was read (`files`, `documents`, `lines`, `words`,
        `bad_bytes`, `control_characters`); and of lines held out, which nothing was
        learnt from, `eval_words`, `eval_pieces_per_word` and `eval_unk_rate` (share of
        words with an unknown piece), None where no words were held out.

    Raises:
        ValueError, FileNotFoundError: bad input; nothing is written then.
    """
    output = pathlib.Path(config.output)
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise ValueError(
            f"output must be a file in a folder that exists; received {config.output!r}."
        )
    files = find_files(config.input_files)
    splitter = learning.WordSplitter(lower_case=config.do_lower_case)
    counts, held_out, found = collections.Counter(), [], Found()
    with reading_progress(files, "counting words") as bar:
        for line in read_corpus(files, found=found, progress=bar.update):
            if line is DOCUMENT_END:
                continue
            if is_held_out(line, config.eval_fraction):
                if len(held_out) < _HELD_OUT:
                    held_out.append(line)
            else:
                counts.update(splitter.split(line))
    vocab = learning.learn_vocab(counts, config.vocab_size, unused=config.unused_slots)
    if len(vocab) < config.vocab_size:
        _log.warning(
            "the text gives no more than %d pieces, not %d; the model's vocab_size must "
            "be that of the file.",
            len(vocab),
            config.vocab_size,
        )
    write_vocab(output, vocab)
    return {
        "vocab_size": len(vocab),
        **dataclasses.asdict(found),
        "words": counts.total(),
        **_report(held_out, vocab, splitter, config.do_lower_case),
    }


def _report(lines, vocab, splitter, lower_case):
    words = [word for line in lines for word in splitter.split(line)]
    if not words:
        return {"eval_words": 0, "eval_pieces_per_word": None, "eval_unk_rate": None}
    tokenizer = BertTokenizer(vocab, lower_case=lower_case)
    # Word by word, that pieces are counted by words; each is text like any other.
    pieces = tokenizer.tokenize(words)
    unknown = {
        word for word, ids in zip(words, pieces.to_list()) if tokenizer.unk_id in ids
    }
    return {
        "eval_words": len(words),
        "eval_pieces_per_word": float(pieces.values.shape[0] / len(words)),
        "eval_unk_rate": sum(word in unknown for word in words) / len(words),
    }
