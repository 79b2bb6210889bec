"""How a tokenizer cuts the texts at hand: unknown words, pieces a word, lengths."""

import collections

import numpy as np

from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count, quote

BATCH = 1000
UNKNOWN = (0.01, 0.05)  # Shares of [UNK] that are worth a note, and a problem.
TORN = 2.5  # Pieces a word where words are mere letters to the model; English: 1.2.
CUT = 0.01  # Share of examples that may be cut without a word about it.


def check(records, tokenizer, config, max_seq_length):
    """Returns the findings on the texts of a table.

    Args:
        records: dicts with `text` and perhaps `text_pair`, as `read_table` gives.
        tokenizer, config: `BertTokenizer` and `BertConfig` of the model.
        max_seq_length: pieces of an example, special ones included.
    """
    fields = [field for field in ("text", "text_pair") if field in records[0]]
    texts = [record[field] for field in fields for record in records]
    counts, words, unknown, unread = measure(texts, tokenizer)
    lengths = counts.reshape(len(fields), -1).sum(axis=0)
    lengths += 1 + len(fields)  # [CLS], and a [SEP] after each text.
    return [
        *check_pieces(int(counts.sum()), words, unknown, unread),
        *check_lengths(lengths, max_seq_length, config),
    ]


def measure(texts, tokenizer):
    """Cuts texts into pieces and counts.

    Returns:
        int64 [texts], the pieces of each; the number of words; {unknown word: how
        often}; the texts of which nothing is left, or nothing but [UNK].
    """
    continues = np.array([piece.startswith("##") for piece in tokenizer.vocab])
    counts, words, unknown, unread = [], 0, collections.Counter(), []
    for begin in range(0, len(texts), BATCH):
        batch = texts[begin : begin + BATCH]
        ids, starts, ends = tokenizer.tokenize_with_offsets(batch)
        counts.append(ids.row_lengths().numpy())
        words += int((~continues[ids.values.numpy()]).sum())
        rows, is_unknown = ids.value_rowids().numpy(), ids.values == tokenizer.unk_id
        is_unknown = is_unknown.numpy()
        for row, start, end in zip(
            rows[is_unknown],
            starts.values.numpy()[is_unknown],
            ends.values.numpy()[is_unknown],
        ):
            unknown[batch[row][start:end]] += 1
        known = np.bincount(rows[~is_unknown], minlength=len(batch))
        unread += [batch[row] for row in np.flatnonzero(known == 0)]
    return np.concatenate(counts), words, unknown, unread


def check_pieces(pieces, words, unknown, unread):
    """Judges what `measure` counted."""
    found = []
    share = unknown.total() / max(pieces, 1)
    says = f"{unknown.total():,} of {pieces:,} pieces ({share:.1%}) are [UNK]"
    if unknown:
        often = ", ".join(f"{word!r} ({n})" for word, n in unknown.most_common(5))
        says += f", most often {often}"
    fix = "Take a model of the texts' language (--model=bert-base-multilingual-cased), "
    fix += "or replace these characters in the file."
    if share >= UNKNOWN[0]:
        level = problem if share >= UNKNOWN[1] else note
        found.append(level("texts/unknown", f"{says}.", fix))
    a_word = pieces / max(words, 1)
    if a_word > TORN:
        torn = f"{a_word:.1f} pieces a word: the vocabulary is not of this language."
        found.append(note("texts/pieces", torn, fix))
    if not found:
        found.append(ok("texts/pieces", f"{a_word:.2f} a word; {says}"))
    if unread:
        says = f"{count(len(unread), 'text')} of nothing that the model can read: "
        says += f"{quote(unread[0])}."
        fix = "Delete these rows, or replace what is in them by words."
        found.append(note("texts/unreadable", says, fix))
    return found


def check_lengths(lengths, max_seq_length, config):
    """Compares int [examples], pieces with the special ones, with what may be read."""
    quantiles = np.quantile(lengths, (0.5, 0.9, 0.99, 1), method="higher")
    says = "{} pieces at the median, {} at 90 %, {} at 99 %, {} at most".format(
        *quantiles
    )
    positions = config.max_position_embeddings
    max_seq_length = min(max_seq_length, positions)  # That is a finding of its own.
    cut = lengths[lengths > max_seq_length]
    if not cut.size:
        return [ok("texts/lengths", f"{says}; none is cut at {max_seq_length}")]
    says += f"; {cut.size} of {len(lengths)} ({cut.size / len(lengths):.1%}) lose "
    says += f"{(cut - max_seq_length).mean():.0f} each on average at {max_seq_length}"
    if cut.size <= CUT * len(lengths):
        return [ok("texts/lengths", says)]
    if max_seq_length == positions:
        says += ", which is all the positions the model has."
        fix = "Put what matters first, or split the texts into rows of their own."
        return [note("texts/lengths", says, fix)]
    fix = f"--max_seq_length={quantiles[2]} holds 99 % whole"
    if quantiles[2] > positions:
        says += f"; the model has {positions} positions"
        share = np.mean(lengths <= positions)
        fix = f"--max_seq_length={positions} holds {share:.0%} whole"
    return [note("texts/lengths", f"{says}.", fix)]
