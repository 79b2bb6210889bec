"""Checks of texts with a tokenizer: unknown words, tokens a word, lengths."""

import collections

import numpy as np

from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count, quote

BATCH = 1000
UNKNOWN = (0.01, 0.05)  # Fractions of [UNK] that make a note, and a problem.
FRAGMENTED = 2.5  # Tokens a word; more means single letters. English text has 1.2.
TRUNCATED = 0.01  # Fraction of truncated examples that is no note yet.


def check(records, tokenizer):
    """Returns the findings on the tokens of the texts of a table.

    Args:
        records: dicts with `text` and perhaps `text_pair`, as `read_table` gives.
        tokenizer: `BertTokenizer` of the model.
    """
    fields = [field for field in ("text", "text_pair") if field in records[0]]
    texts = [record[field] for field in fields for record in records]
    counts, words, unknown, unread = measure(texts, tokenizer)
    return check_tokens(int(counts.sum()), words, unknown, unread)


def measure(texts, tokenizer):
    """Tokenizes texts and counts.

    Args:
        texts: list of strings.
        tokenizer: `BertTokenizer`.

    Returns:
        (int64 [texts], tokens of each text; number of words; Counter of unknown words;
        list of the texts without any token but [UNK]).
    """
    continues = np.array([token.startswith("##") for token in tokenizer.vocab])
    counts, words, unknown, unread = [], 0, collections.Counter(), []
    for begin in range(0, len(texts), BATCH):
        batch = texts[begin : begin + BATCH]
        ids, starts, ends = tokenizer.tokenize_with_offsets(batch)
        rows, values, starts, ends = map(
            np.asarray, (ids.value_rowids(), ids.values, starts.values, ends.values)
        )
        counts.append(np.bincount(rows, minlength=len(batch)))
        words += int((~continues[values]).sum())
        is_unknown = values == tokenizer.unk_id
        for row, start, end in zip(
            rows[is_unknown], starts[is_unknown], ends[is_unknown]
        ):
            unknown[batch[row][start:end]] += 1
        known = np.bincount(rows[~is_unknown], minlength=len(batch))
        unread += [batch[row] for row in np.flatnonzero(known == 0)]
    return np.concatenate(counts), words, unknown, unread


def check_tokens(tokens, words, unknown, unread):
    """Returns the findings on what `measure` counted; `tokens` is their sum."""
    findings = []
    fraction = unknown.total() / max(tokens, 1)
    says = f"{unknown.total():,} of {tokens:,} tokens ({fraction:.1%}) are [UNK]"
    if unknown:
        frequent = ", ".join(f"{word!r} ({n})" for word, n in unknown.most_common(5))
        says += f", most often {frequent}"
    fix = "Use a model for the language of the texts "
    fix += "(--model=bert-base-multilingual-cased), or replace these characters."
    if fraction >= UNKNOWN[0]:
        level = problem if fraction >= UNKNOWN[1] else note
        findings.append(level("texts/unknown", f"{says}.", fix))
    per_word = tokens / max(words, 1)
    if per_word > FRAGMENTED:
        fragmented = f"{per_word:.1f} tokens a word: the vocabulary does not suit the "
        fragmented += "language of the texts."
        findings.append(note("texts/tokens", fragmented, fix))
    if not findings:
        findings.append(ok("texts/tokens", f"{per_word:.2f} a word; {says}"))
    if unread:
        says = f"{count(len(unread), 'text')} without any token that the model knows: "
        says += f"{quote(unread[0])}."
        fix = "Delete these rows, or write their texts in words."
        findings.append(note("texts/unreadable", says, fix))
    return findings


def check_lengths(lengths, options, config):
    """Compares the lengths of examples with the longest that the model will read.

    Args:
        lengths: int [examples], tokens with [CLS] and [SEP].
        options: of the task; longer examples than `max_seq_length` are read as
            `long_text` says.
        config: `BertConfig`.
    """
    quantiles = np.quantile(lengths, (0.5, 0.9, 0.99, 1), method="higher")
    says = "tokens an example: median {}, 90% have up to {}, 99% up to {}, all up to {}"
    says = says.format(*quantiles)
    positions = config.max_position_embeddings
    # `model.check_positions` reports the excess.
    max_seq_length = min(options.max_seq_length, positions)
    long = lengths[lengths > max_seq_length]
    if not long.size:
        return [ok("texts/lengths", f"{says}; none is truncated at {max_seq_length}")]
    says += f"; {long.size} of {len(lengths)} ({long.size / len(lengths):.1%}) are "
    if options.long_text == "windows":
        return [ok("texts/lengths", f"{says}read in windows of {max_seq_length}")]
    says += f"truncated at {max_seq_length} and lose "
    says += f"{(long - max_seq_length).mean():.0f} tokens on average"
    if long.size <= TRUNCATED * len(lengths):
        return [ok("texts/lengths", says)]
    if max_seq_length == positions:
        says += f"; the model has only {positions} positions."
        fix = "Put the important part of a text first, or split it into several rows."
        return [note("texts/lengths", says, fix)]
    fix = f"--max_seq_length={quantiles[2]} keeps 99% of the examples whole"
    if quantiles[2] > positions:
        says += f"; the model has {positions} positions"
        fraction = np.mean(lengths <= positions)
        fix = f"--max_seq_length={positions} keeps {fraction:.0%} of the examples whole"
    return [note("texts/lengths", f"{says}.", fix)]
