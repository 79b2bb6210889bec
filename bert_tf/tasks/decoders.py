"""Chooses the vocabulary and the sizes of a decoder, and checks that they suit the targets."""

import collections
import logging

import numpy as np

from bert_tf.ground import lazy, quote_all

learning = lazy("bert_tf.tokenization.learning")
starts = lazy("bert_tf.models.starts")
tokenization = lazy("bert_tf.tokenization")

_log = logging.getLogger(__name__)

UNKNOWN = (
    0.01  # Fraction of [UNK] from which on a vocabulary does not suit the targets.
)
_TEXTS = 20_000  # Looked at for that.
_AT_ONCE = 1000


def choose_decoder(options, folder, targets):
    """Returns the `ModelFolder` of a new decoder.

    Args:
        options: `Seq2SeqOptions`.
        folder: `ModelFolder` of the encoder.
        targets: list of strings, of the training records.

    Raises:
        ValueError: the decoder cannot attend to this encoder.
    """
    start = folder
    if options.decoder_model:
        start = starts.read_folder(options.decoder_model)
        sizes = [x.config.hidden_size for x in (start, folder)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"decoder_model {options.decoder_model} has the hidden size {sizes[0]}, "
                f"but that of model is {sizes[1]}; choose one of the same size."
            )
    shared = options.decoder == "bertshare"
    vocab = tokenizer = None
    if options.target_vocab_file:
        vocab = tokenization.read_vocab(options.target_vocab_file)
    elif not options.decoder_model and not shared:
        vocab = _learn_vocabulary(targets, options)
    if vocab:
        tokenizer = {"do_lower_case": options.target_lower_case, "strip_accents": None}
    return starts.make_decoder(
        start,
        vocab=vocab,
        tokenizer=tokenizer,
        layers=options.decoder_layers,
        shared=shared,
    )


def _learn_vocabulary(targets, options):
    splitter = learning.WordSplitter(lower_case=options.target_lower_case)
    counts = collections.Counter()
    for target in targets:
        counts.update(splitter.split(target))
    vocab = learning.learn_vocab(counts, options.target_vocab_size, unused=0)
    _log.info("a vocabulary of %d tokens is learnt from the targets.", len(vocab))
    return vocab


def describe_unknown(tokenizer, targets):
    """Returns a line if more than 1 % of the tokens of targets are [UNK], else "".

    Args:
        tokenizer: `BertTokenizer` of the target.
        targets: list of strings.
    """
    tokens, unknown, examples = 0, 0, []
    for begin in range(0, min(len(targets), _TEXTS), _AT_ONCE):
        texts = targets[begin : begin + _AT_ONCE]
        ids = tokenizer.tokenize(np.array(texts, dtype=object))
        is_unknown = np.asarray(ids.values) == tokenizer.unk_id
        tokens, unknown = tokens + is_unknown.size, unknown + int(is_unknown.sum())
        rows = np.unique(np.asarray(ids.value_rowids())[is_unknown])
        examples += [texts[row] for row in rows[:3]]
    if unknown <= UNKNOWN * tokens:
        return ""
    return (
        f"{unknown:,} of {tokens:,} tokens of the targets ({unknown / tokens:.1%}) are "
        f"[UNK], such as in {quote_all(examples[:3])}; the vocabulary does not suit "
        "their language. Without target_vocab_file and decoder_model, one is learnt "
        "from the targets."
    )
