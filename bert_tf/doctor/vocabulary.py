"""Does the vocabulary suit the model, and its lower-casing the vocabulary?"""

import collections
import json

from bert_tf.doctor.findings import note, ok, problem

CASED = 0.01  # Share of pieces with capitals; uncased vocabularies have none.
LATIN = 0.5  # Share of pieces with Latin letters, of a vocabulary for such texts.


def check(path, folder):
    """Returns the findings on a folder's vocabulary."""
    vocab, rows = folder.vocab, folder.config.vocab_size
    found = check_pieces(path, vocab, rows)
    says_itself = _says_lower_case(path)
    lower_case = folder.tokenizer["do_lower_case"]
    return [*found, check_case(path, vocab, lower_case, says_itself)]


def check_pieces(path, vocab, rows):
    """Size, special pieces, pieces listed twice."""
    found = []
    file = path / "vocab.txt"
    counts = collections.Counter(vocab)
    twice = [piece for piece in counts if counts[piece] > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:4]))
        says = (
            f"{len(twice)} listed twice ({shown}): only the later id of each is used."
        )
        fix = f"Harmless if published so; else restore {file}: no line may be deleted."
        found.append(note("model/vocabulary", says, fix))
    if "[MASK]" not in counts:
        says = "no [MASK]: fine to fine-tune, not to pretrain."
        fix = f"Was {file} cut short? Restore the published one."
        found.append(note("model/vocabulary", says, fix))
    # Tables are rounded up to a multiple of 64 or so; no more.
    if rows - len(vocab) >= 128:
        says = f"{len(vocab):,} pieces, but {rows:,} rows in the model's word table."
        fix = f"Restore {file}: it seems to be cut short, or another model's."
        found.append(problem("model/vocabulary", says, fix))
    return found or [ok("model/vocabulary", f"{len(vocab):,} pieces, {rows:,} rows")]


def check_case(path, vocab, lower_case, says_itself=True):
    """Judges `do_lower_case` by the share of pieces with capitals."""
    words = [piece for piece in vocab if piece[:1] + piece[-1:] not in ("[]", "<>")]
    share = sum(piece != piece.lower() for piece in words) / max(len(words), 1)
    latin = sum(map(_is_latin, words)) / max(len(words), 1)
    file, value = path / "tokenizer_config.json", json.dumps(not lower_case)
    fix = f'Write "do_lower_case": {value} in {file}.'
    has = f"{share:.0%} of its pieces have capitals"
    if lower_case and share >= CASED:
        says = f"{has}, yet do_lower_case is true: those are never used."
        return problem("model/case", says, fix)
    if not lower_case and share < CASED:
        says = f"{has}, yet do_lower_case is false: capitalised words become [UNK]."
        # Chinese models are published like this, and their texts have few capitals.
        level = problem if latin >= LATIN else note
        return level("model/case", says, fix)
    said = f"do_lower_case {json.dumps(lower_case)}; {has}"
    if says_itself:
        return ok("model/case", said)
    fix = f'Write "do_lower_case": {json.dumps(lower_case)} in {file}, to be sure.'
    return note("model/case", f"{said}, from which it was guessed.", fix)


def _is_latin(piece):
    return any("a" <= character <= "z" for character in piece.lower())


def _says_lower_case(path):
    """Whether one of the tokenizer's files says do_lower_case."""
    try:
        if "do_lower_case" in json.loads((path / "tokenizer_config.json").read_text()):
            return True
    except (OSError, ValueError):
        pass
    try:
        fast = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "lowercase" in (fast.get("normalizer") or {})
