"""Checks of the vocabulary against the model and against `do_lower_case`."""

import collections
import json

from bert_tf.doctor.findings import note, ok, problem
from bert_tf.ground import count
from bert_tf.json_files import read_json

CASED = 0.01  # Fraction of tokens with capital letters; uncased vocabularies have 0.
LATIN = 0.5  # Fraction of tokens with Latin letters in a vocabulary of such a language.


def check(path, folder):
    """Returns the findings on a folder's vocabulary."""
    vocab, rows = folder.vocab, folder.config.vocab_size
    findings = check_tokens(path, vocab, rows)
    lower_case = folder.tokenizer["do_lower_case"]
    return [*findings, check_case(path, vocab, lower_case, _gives_lower_case(path))]


def check_tokens(path, vocab, rows):
    """Checks the size of a vocabulary, [MASK], and tokens that occur twice.

    Args:
        path: `pathlib.Path` of the folder.
        vocab: list of tokens.
        rows: rows of the model's word table.
    """
    findings = []
    file = path / "vocab.txt"
    counts = collections.Counter(vocab)
    repeated = [token for token in counts if counts[token] > 1]
    if repeated:
        shown = ", ".join(map(repr, repeated[:4]))
        says = f"{count(len(repeated), 'token')} listed more than once ({shown}); only "
        says += "the last id of each is used."
        fix = f"If the published vocabulary has no such tokens, restore {file}."
        findings.append(note("model/vocabulary", says, fix))
    if "[MASK]" not in counts:
        says = "no [MASK], so the model can be fine-tuned but not pretrained."
        fix = f"If {file} was cut short, restore the published one."
        findings.append(note("model/vocabulary", says, fix))
    # Word tables are often padded to a multiple of 64 or 128 rows.
    if rows - len(vocab) >= 128:
        says = f"{len(vocab):,} tokens, but {rows:,} rows in the model's word table."
        fix = f"Restore {file}, which is cut short or belongs to another model."
        findings.append(problem("model/vocabulary", says, fix))
    passed = f"{len(vocab):,} tokens, {rows:,} rows in the word table"
    return findings or [ok("model/vocabulary", passed)]


def check_case(path, vocab, lower_case, is_given=True):
    """Compares `do_lower_case` with the fraction of tokens that have capital letters.

    Args:
        path: `pathlib.Path` of the folder.
        vocab: list of tokens.
        lower_case: the value of `do_lower_case`.
        is_given: False if no file gives the value, so that `vocab` decided it.
    """
    words = [token for token in vocab if token[:1] + token[-1:] not in ("[]", "<>")]
    capitals = sum(token != token.lower() for token in words) / max(len(words), 1)
    latin = sum(map(_is_latin, words)) / max(len(words), 1)
    value, opposite = json.dumps(lower_case), json.dumps(not lower_case)
    file = path / "tokenizer_config.json"
    fix = f'Write "do_lower_case": {opposite} into {file}.'
    facts = (
        f"do_lower_case is {value}, {capitals:.0%} of the tokens have capital letters"
    )
    if lower_case and capitals >= CASED:
        says = f"{facts}: these tokens are never used."
        return problem("model/case", says, fix)
    if not lower_case and capitals < CASED:
        says = f"{facts}: words with capital letters become [UNK]."
        # Chinese models are published like this, and their texts have few capitals.
        level = problem if latin >= LATIN else note
        return level("model/case", says, fix)
    if is_given:
        return ok("model/case", facts)
    says = f"{facts}; no file gives do_lower_case, so the tokens decided."
    return note("model/case", says, f'Write "do_lower_case": {value} into {file}.')


def _is_latin(token):
    return any("a" <= character <= "z" for character in token.lower())


def _gives_lower_case(path):
    """Returns whether a file of the tokenizer gives do_lower_case."""
    try:
        if "do_lower_case" in read_json(path / "tokenizer_config.json"):
            return True
    except (OSError, ValueError):
        pass
    try:
        fast = read_json(path / "tokenizer.json")
    except (OSError, ValueError):
        return False
    return "lowercase" in (fast.get("normalizer") or {})
