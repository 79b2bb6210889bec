"""What a model folder holds beside the weights: sizes, vocabulary, tokenizer, settings."""

import dataclasses
import logging
import pathlib

from bert_tf.checkpoints import (
    agreement,
    cross_encoder,
    encoder_decoder,
    layouts,
    presets,
    sentence_transformers,
    tokenizers,
)
from bert_tf.config import CONFIG_FILES, BertConfig
from bert_tf.json_files import json_value

_log = logging.getLogger(__name__)


@dataclasses.dataclass
class ModelFolder:
    """The contents of a model folder, without the weights.

    Args:
        config: `BertConfig`.
        vocab: tokens; the index of a token is its id.
        tokenizer: tokenizer_config.json; always has `do_lower_case`.
        settings: the settings of bert_tf, plain JSON.
        decoder: `ModelFolder` of the decoder, or None for an encoder alone.
    """

    config: BertConfig
    vocab: list[str]
    tokenizer: dict
    settings: dict = dataclasses.field(default_factory=dict)
    decoder: "ModelFolder | None" = None

    def with_clean_input(self):
        """Returns the folder with a tokenizer that cleans texts; see `tokenization.cleaning`."""
        return dataclasses.replace(
            self, tokenizer=self.tokenizer | {"clean_input": True}
        )

    @property
    def shared(self):
        """Whether a decoder has the embeddings and layers of its encoder."""
        return self.settings.get("shared", False)


def read(path):
    """Reads a model folder without its weights.

    Returns:
        `ModelFolder`. If no file gives `do_lower_case`, the vocabulary decides: it is
        False if any token has an upper-case letter. The log says so.

    Raises:
        OSError, ValueError: a file is missing or invalid, or the sizes of the
            configuration are not those of the weights.
    """
    path = pathlib.Path(path)
    decoder = None
    if presets.is_preset(path):
        config, vocab, tokenizer = presets.read(path)
    else:
        if not any((path / name).is_file() for name in CONFIG_FILES):
            layouts.explain(path)  # More useful than "no config.json".
        config, decoder = encoder_decoder.read_configs(path)
        agreement.check_precision(path)
        vocab, tokenizer = tokenizers.read(path)
    config, own = _split(config, path / "config.json")
    agreement.check_labels(path / "config.json", config.extra)
    settings = cross_encoder.read(path, config, tokenizer)
    settings = settings or sentence_transformers.read(path, config, tokenizer)
    settings |= own
    agreement.check_settings(path / "config.json", settings)
    _complete(path, config, vocab, tokenizer)
    agreement.check_sizes(path, config)
    folder = ModelFolder(config, vocab, tokenizer, settings)
    if decoder is not None:
        agreement.check_sizes(path, decoder, "decoder/", "")
        folder.decoder = _read_decoder(path, decoder, folder)
    return folder


def _read_decoder(path, config, folder):
    """Returns the `ModelFolder` of a decoder.

    Args:
        path: folder of encoder and decoder.
        config: `BertConfig` of the decoder.
        folder: `ModelFolder` of the encoder. Its vocabulary is that of the decoder, too,
            if transformers wrote the folder and both have as many rows.
    """
    place = path / encoder_decoder.TOKENIZER
    joint = not folder.settings and config.vocab_size == folder.config.vocab_size
    if joint and not place.exists():
        place = path
        _log.warning(
            "%s has no tokenizer in decoder/; targets are read with that of the sources.",
            path,
        )
    if not place.is_dir():
        raise FileNotFoundError(
            f"{path} has no folder decoder/ with vocab.txt and tokenizer_config.json of "
            "the targets. Copy the whole folder again, or put the files there."
        )
    vocab, tokenizer = tokenizers.read(place)
    config, settings = _split(config, path / "config.json")
    json_value(settings, "shared", bool, f"{path / 'config.json'}: decoder", False)
    _complete(place, config, vocab, tokenizer)
    encoder_decoder.check_tokens(path / "config.json", folder.config.extra, vocab)
    return ModelFolder(config, vocab, tokenizer, settings)


def _split(config, file):
    """Returns a `BertConfig` without the settings of bert_tf, and these."""
    extra = dict(config.extra)
    own = json_value(extra, "bert_tf", dict, file, {})
    extra.pop("bert_tf", None)
    return dataclasses.replace(config, extra=extra), own


def _complete(path, config, vocab, tokenizer):
    """Checks the size of a vocabulary, and adds `do_lower_case` where no file gives it."""
    if len(vocab) > config.vocab_size:
        raise ValueError(
            f"the vocabulary in {path} has {len(vocab)} tokens, but the model has only "
            f"{config.vocab_size} (vocab_size in its configuration). Use the vocabulary "
            "that the model was trained with."
        )
    if "do_lower_case" not in tokenizer:
        tokenizer["do_lower_case"] = not tokenizers.is_cased(vocab)
        _log.warning(
            "%s does not give do_lower_case; it is set to %s, because %s of the "
            "vocabulary have upper-case letters.",
            path,
            tokenizer["do_lower_case"],
            "no tokens" if tokenizer["do_lower_case"] else "some tokens",
        )
