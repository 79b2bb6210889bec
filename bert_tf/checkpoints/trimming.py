"""Removes tokens from the vocabulary of a model, with their rows of its tables."""

import dataclasses

# The arrays that have a row for each token.
BY_TOKEN = ("bert/embeddings/word_embeddings", "cls/predictions/output_bias")
# Special tokens of a tokenizer: a name, an object with the key content, or several.
_SPECIAL_KEYS = (
    *("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"),
    *("bos_token", "eos_token", "additional_special_tokens", "extra_special_tokens"),
)
_ADDED = "added_tokens_decoder"  # {id: object with the key content}.


def special_ids(folder):
    """Returns the ids of the tokens that a folder names, and so cannot do without.

    Args:
        folder: `ModelFolder`.

    Raises:
        ValueError: the vocabulary does not have one of them.
    """
    ids = {token: number for number, token in enumerate(folder.vocab)}
    tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"} | ({"[MASK]"} & ids.keys())
    for key in _SPECIAL_KEYS:
        tokens |= _names(folder.tokenizer.get(key))
    tokens |= _names(folder.tokenizer.get(_ADDED))
    if missing := sorted(tokens - ids.keys()):
        raise ValueError(
            f"trim_vocab: the special token {missing[0]!r} of tokenizer_config.json is "
            f"not among the {len(folder.vocab):,} tokens of the vocabulary, so that its "
            "id would change. Add it with add_tokens first, or remove it from the file."
        )
    named = {
        number
        for number in _token_ids(folder.config).values()
        if number < len(folder.vocab)
    }
    return {ids[token] for token in tokens} | named


def trim(folder, arrays, kept):
    """Removes all tokens from a model but some.

    Args:
        folder: `ModelFolder`.
        arrays: {path: array} of its weights.
        kept: increasing ids of the tokens to keep, `special_ids` among them.

    Returns:
        The folder and the arrays of the smaller model. Its tokens are in the same order,
        and ids in its configuration are the new ones.
    """
    new = {old: number for number, old in enumerate(kept)}
    tokens = [folder.vocab[number] for number in kept]
    extra = folder.config.extra | {
        key: new[number]
        for key, number in _token_ids(folder.config).items()
        if number in new
    }
    config = dataclasses.replace(folder.config, vocab_size=len(kept), extra=extra)
    tokenizer = dict(folder.tokenizer)
    if added := tokenizer.get(_ADDED):
        places = {token: str(number) for number, token in enumerate(tokens)}
        tokenizer[_ADDED] = {places[_name(token)]: token for token in added.values()}
    trimmed = dataclasses.replace(
        folder, vocab=tokens, config=config, tokenizer=tokenizer
    )
    return trimmed, arrays | {p: arrays[p][kept] for p in BY_TOKEN if p in arrays}


def _token_ids(config):
    """Returns {key of config.json: id} of the keys that name a token, such as pad_token_id."""
    return {
        key: number
        for key, number in config.extra.items()
        if key.endswith("_token_id") and type(number) is int and number >= 0
    }


def _names(value):
    """Returns the tokens that a value of tokenizer_config.json names."""
    if isinstance(value, dict) and "content" not in value:
        value = list(value.values())
    values = value if isinstance(value, list) else [value]
    return set(filter(None, map(_name, values)))


def _name(token):
    return token["content"] if isinstance(token, dict) else token
