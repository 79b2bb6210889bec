"""The model folder: config.json, vocab.txt, tokenizer_config.json, model.safetensors.

Hugging Face's layout, read and written without PyTorch; Google's is read and written,
too, and a keras-nlp preset read. What plain BERT does not know (task, columns, ...) lies
in config.json under the key "bert_tf".
"""

import dataclasses
import json
import logging
import pathlib

from bert_tf.checkpoints import (
    dialects,
    formats,
    layouts,
    presets,
    sentence_transformers,
    tf1,
    weights,
)
from bert_tf.checkpoints.names import resolve
from bert_tf.config import CONFIG_FILES, BertConfig, read_config, write_config
from bert_tf.ground import replacing, write_text
from bert_tf.tokenization.vocabulary import read_vocab, write_vocab

__all__ = ["ModelFolder", "load_weights", "read", "resolve", "write"]

_log = logging.getLogger(__name__)

_SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_NORMALIZER = (
    ("lowercase", "do_lower_case"),
    ("strip_accents", "strip_accents"),
    ("handle_chinese_chars", "tokenize_chinese_chars"),
)
_POOLER = "bert/pooler/"
# Models of words alone (BertForMaskedLM) lack what guesses the next sentence.
_MAY_LACK = (_POOLER, "cls/seq_relationship/")
_OF_TORCH = ("dtype", "torch_dtype", "transformers_version")
_PLACES = {"name_or_path", "tokenizer_file", "special_tokens_map_file"}  # Of others.


@dataclasses.dataclass
class ModelFolder:
    """All of a model folder but its weights."""

    config: BertConfig
    vocab: list[str]  # A piece's place is its id.
    tokenizer: dict  # As tokenizer_config.json; always has `do_lower_case`.
    settings: dict = dataclasses.field(default_factory=dict)  # Ours; plain JSON.


def read(path):
    """Reads a model folder, but for its weights.

    Returns:
        `ModelFolder`. Where the folder does not say whether text is lower-cased, the
        vocabulary decides (a cased one has upper-case pieces), which is logged.

    Raises:
        FileNotFoundError, ValueError: names the file and what is wrong with it.
    """
    path = pathlib.Path(path)
    if presets.is_preset(path):
        config, vocab, tokenizer = presets.read(path)
    else:
        if not any((path / name).is_file() for name in CONFIG_FILES):
            layouts.explain(path)  # Of files from elsewhere there is more to say.
        config = read_config(path)
        fast = formats.read_json(path / "tokenizer.json")
        vocab = _read_vocab(path, fast)
        tokenizer = _read_tokenizer(path, fast)
    extra = dict(config.extra)
    settings = sentence_transformers.read(path) | extra.pop("bert_tf", {})
    config = dataclasses.replace(config, extra=extra)
    if len(vocab) > config.vocab_size:
        raise ValueError(
            f"the vocabulary in {path} has {len(vocab)} pieces, the model only "
            f"{config.vocab_size} (vocab_size in its configuration); they do not belong "
            "together."
        )
    if "do_lower_case" not in tokenizer:
        tokenizer["do_lower_case"] = not _is_cased(vocab)
        _log.warning(
            "%s does not say do_lower_case; %s, as its vocabulary has %s upper case.",
            path,
            tokenizer["do_lower_case"],
            "no" if tokenizer["do_lower_case"] else "pieces in",
        )
    return ModelFolder(config, vocab, tokenizer, settings)


def load_weights(path, model, *, new_heads=False):
    """Loads a folder's weights (or a .safetensors file) into a built model, strictly.

    Any layout that `layouts.read_arrays` knows.

    Args:
        path: folder or file.
        model: Keras model; only weights that the file fits are touched, none on error.
        new_heads: True to fine-tune: what stands outside `bert/` may be missing, or of
            another shape (another number of labels), and then keeps its initial values.

    Returns:
        `weights.Report`. Heads that the file has and the model does not are in
        `unexpected`. A pooler or a next-sentence head that the file lacks (as models of
        words alone do) is in `missing`, and logged.

    Raises:
        ValueError: the encoder, or without `new_heads` a head, is not there in its
            shape; or the encoder in the file has parts that the model has not. Names
            the first few.
    """
    arrays = layouts.read_arrays(path)
    report = weights.compare(model, arrays)
    may_be_new = _is_head if new_heads else lambda name: False
    wrong = weights.Report(
        report.loaded,
        [
            name
            for name in report.missing
            if not (name.startswith(_MAY_LACK) or may_be_new(name))
        ],
        [name for name in report.unexpected if not _is_head(name)],
        {
            name: shapes
            for name, shapes in report.misshaped.items()
            if not may_be_new(name)
        },
    )
    if wrong.new or wrong.unexpected:
        hint = "Is config.json the one that belongs to them?"
        if all(map(_is_head, wrong.new)) and not wrong.unexpected:
            hint = "They have no such trained head: fine-tune them first; for masked "
            hint += "words, pretrain them."
        raise ValueError(f"the weights in {path} do not fit the model: {wrong} {hint}")
    weights.assign(model, arrays)
    if report.new:
        _log.warning("%s: %s What does not fit starts anew.", path, report)
    return report


def write(path, model, folder, architecture="BertForSequenceClassification"):
    """Writes a model folder that transformers loads unchanged.

    Args:
        path: folder, made where it is not there.
        model: built Keras model.
        folder: `ModelFolder`; `config.extra` carries `id2label` and `label2id`.
        architecture: the class of transformers that has the same heads.
    """
    write_arrays(path, weights.read_model(model), folder, architecture)


def write_arrays(path, arrays, folder, architecture):
    """Does what `write` does, with {our path: array} for the model.

    Each file is written beside and renamed; config.json comes last, so a folder that
    has one is whole.
    """
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    named = dialects.to_huggingface(arrays)
    formats.write_safetensors(path / "model.safetensors", named)
    write_tokenizer(path, folder)
    extra = folder.config.extra | {
        "architectures": [architecture],
        # transformers computes in the type it reads here.
        "dtype": named["bert.embeddings.word_embeddings.weight"].dtype.name,
    }
    extra.pop("torch_dtype", None)  # The old name of dtype; of the old weights.
    _write_config(path / "config.json", folder, extra)


def write_google(path, arrays, folder):
    """Writes {our path: array} as google-research/bert publishes, for TF1's loaders.

    bert_config.json, vocab.txt and bert_model.ckpt.*; beside them tokenizer_config.json,
    since Google's files do not say whether text is lower-cased.
    """
    config = folder.config
    if config.hidden_act == "gelu_new" or config.layer_norm_eps != 1e-12:
        _log.warning(
            "google-research/bert's own code knows no gelu_new and no layer_norm_eps but "
            "1e-12; it would not compute what this model (%s, %g) does.",
            config.hidden_act,
            config.layer_norm_eps,
        )
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    tf1.write(path / layouts.GOOGLE, dialects.to_google(arrays))
    write_tokenizer(path, folder)
    extra = {key: value for key, value in config.extra.items() if key not in _OF_TORCH}
    _write_config(path / "bert_config.json", folder, extra)


def write_tokenizer(path, folder):
    """Writes vocab.txt and tokenizer_config.json, which transformers' tokenizers read."""
    write_vocab(path / "vocab.txt", folder.vocab)
    text = json.dumps(
        _tokenizer_config(folder), indent=2, sort_keys=True, ensure_ascii=False
    )
    write_text(path / "tokenizer_config.json", text + "\n")


def _write_config(path, folder, extra):
    if folder.settings:
        extra["bert_tf"] = folder.settings
    with replacing(path) as beside:
        write_config(beside, dataclasses.replace(folder.config, extra=extra))


def _tokenizer_config(folder):
    """Completes what the folder knows to what transformers asks for."""
    longest = folder.config.max_position_embeddings
    known = {key: folder.tokenizer[key] for key in folder.tokenizer.keys() - _PLACES}
    return {
        "do_lower_case": not _is_cased(folder.vocab),
        "strip_accents": None,  # As do_lower_case says.
        "tokenize_chinese_chars": True,
        **_SPECIAL_TOKENS,
        **known,
        "tokenizer_class": "BertTokenizer",
        # transformers writes 1e30 for a length it does not know.
        "model_max_length": min(known.get("model_max_length") or longest, longest),
    }


def _is_head(path):
    return not path.startswith("bert/") or path.startswith(_POOLER)


def _read_vocab(path, fast):
    if (path / "vocab.txt").is_file():
        return read_vocab(path / "vocab.txt")
    model = fast.get("model", {})
    if not model:
        raise FileNotFoundError(f"{path} holds no vocab.txt.")
    # An older tokenizer.json leaves the type out; only WordPiece has this key.
    if "max_input_chars_per_word" not in model:
        raise ValueError(
            f"{path / 'tokenizer.json'} holds a {model.get('type')} model; BERT's is "
            "WordPiece."
        )
    vocab = sorted(model["vocab"], key=model["vocab"].get)
    if [model["vocab"][piece] for piece in vocab] != list(range(len(vocab))):
        raise ValueError(f"the ids in {path / 'tokenizer.json'} are not 0, 1, 2, ...")
    return vocab


def _read_tokenizer(path, fast):
    """Reads tokenizer_config.json; refuses what would cut text in another way than BERT."""
    # What tokenizer.json alone may know, in the words of tokenizer_config.json.
    normalizer = fast.get("normalizer") or {}
    known = {ours: normalizer[key] for key, ours in _NORMALIZER if key in normalizer}
    tokenizer = known | formats.read_json(path / "tokenizer_config.json")
    name = tokenizer.get("tokenizer_class") or "BertTokenizer"
    if "Japanese" in name or tokenizer.get("do_basic_tokenize") is False:
        raise ValueError(
            f"{path / 'tokenizer_config.json'} wants text split by words beforehand "
            f"(tokenizer_class {name}); only BERT's own tokenizer is read here."
        )
    return tokenizer


def _is_cased(vocab):
    """Says whether any piece, but for bracketed marks like [CLS] or <S>, has capitals."""
    return any(
        piece != piece.lower() and piece[0] + piece[-1] not in ("[]", "<>")
        for piece in vocab
    )
