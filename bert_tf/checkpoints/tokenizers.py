"""The tokenizer of a model folder: vocab.txt, tokenizer_config.json, tokenizer.json."""

from bert_tf.checkpoints import formats
from bert_tf.checkpoints.vocabulary import read_vocab
from bert_tf.ground import show
from bert_tf.json_files import json_value

# Options that may stand in tokenizer.json alone: (its key, that of tokenizer_config.json).
_NORMALIZER = (
    ("lowercase", "do_lower_case"),
    ("strip_accents", "strip_accents"),
    ("handle_chinese_chars", "tokenize_chinese_chars"),
)
_TYPES = {
    "do_lower_case": bool,
    "strip_accents": bool,
    "tokenize_chinese_chars": bool,
    "split_special_tokens": bool,
    "clean_input": bool,  # Only bert_tf reads it.
    "do_basic_tokenize": bool,
    "model_max_length": float,  # transformers writes 1e30 for an unknown length.
    "tokenizer_class": str,
}


def read(path):
    """Reads the tokenizer of a folder in Hugging Face's or Google's layout.

    Args:
        path: `pathlib.Path` of the folder.

    Returns:
        The vocabulary, a list of tokens, and the keys of tokenizer_config.json; options
        that only tokenizer.json gives are added under the same keys.

    Raises:
        OSError, ValueError: a file is missing or invalid, or is of another tokenizer
            than BERT's.
    """
    fast = formats.read_json(path / "tokenizer.json")
    return _read_vocab(path, fast), _read_options(path, fast)


def is_cased(vocab):
    """Returns whether a token has an upper-case letter, apart from [CLS], <S> and such."""
    return any(
        token != token.lower() and token[0] + token[-1] not in ("[]", "<>")
        for token in vocab
    )


def _read_vocab(path, fast):
    if (path / "vocab.txt").exists():
        return read_vocab(path / "vocab.txt")
    file = path / "tokenizer.json"
    model = json_value(fast, "model", dict, file, {})
    if not model:
        raise FileNotFoundError(f"{path} holds no vocab.txt.")
    # An old tokenizer.json has no type; only WordPiece has this key.
    if "max_input_chars_per_word" not in model:
        raise ValueError(
            f"{file} holds a {show(model.get('type'))} model; bert_tf reads only "
            "WordPiece, the tokenizer of BERT."
        )
    ids = json_value(model, "vocab", dict, f"{file}: model")
    for token, number in ids.items():
        if type(number) is not int:
            raise ValueError(
                f"{file}: the id of {show(token)} must be a whole number; received "
                f"{show(number)}."
            )
    vocab = sorted(ids, key=ids.get)
    if [ids[token] for token in vocab] != list(range(len(vocab))):
        raise ValueError(f"the ids in {file} are not 0, 1, 2, ...")
    return vocab


def _read_options(path, fast):
    """Reads tokenizer_config.json and rejects tokenizers that differ from BERT's."""
    file = path / "tokenizer_config.json"
    normalizer = json_value(fast, "normalizer", dict, path / "tokenizer.json", {})
    known = {ours: normalizer[key] for key, ours in _NORMALIZER if key in normalizer}
    options = known | formats.read_json(file)
    for key, kind in _TYPES.items():
        value = json_value(options, key, kind, file, None)
        if (
            value is None and key != "strip_accents"
        ):  # Its null means: as do_lower_case.
            options.pop(key, None)
    name = options.get("tokenizer_class", "BertTokenizer")
    if "Japanese" in name or options.get("do_basic_tokenize") is False:
        raise ValueError(
            f"{file} needs text that is already split into words (tokenizer_class "
            f"{name}); bert_tf reads only BERT's own tokenizer."
        )
    return options
