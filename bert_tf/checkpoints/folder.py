"""The model folder: config.json, vocab.txt, tokenizer_config.json, model.safetensors.

This is Hugging Face's layout, read and written without PyTorch. Google's layout is read
and written too, and keras-nlp's presets are read. The settings of bert_tf (task, columns,
…) are in config.json under the key "bert_tf". `encoder_decoder` says what differs if there
is a decoder, too.
"""

import dataclasses
import json
import logging
import pathlib

from bert_tf.checkpoints import (
    cross_encoder,
    dense_modules,
    dialects,
    encoder_decoder,
    formats,
    layouts,
    precision,
    tf1,
    tokenizers,
    weights,
)
from bert_tf.checkpoints.contents import ModelFolder, read
from bert_tf.checkpoints.names import resolve
from bert_tf.checkpoints.vocabulary import write_vocab
from bert_tf.config import INT8, write_config
from bert_tf.ground import replacing, write_text

__all__ = ["ModelFolder", "load_weights", "read", "resolve", "write"]

_log = logging.getLogger(__name__)

_SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_POOLER = "bert/pooler/"
# BertForMaskedLM has no pooler and no next-sentence head.
_OPTIONAL = (_POOLER, "cls/seq_relationship/")
_DISCRIMINATOR = "discriminator_predictions/"  # The head of ElectraForPreTraining.
_TRANSFORMERS_KEYS = ("dtype", "torch_dtype", "transformers_version")
# Keys with paths on the machine that wrote the tokenizer.
_PATH_KEYS = {"name_or_path", "tokenizer_file", "special_tokens_map_file"}


def load_weights(path, model, *, new_heads=False):
    """Loads the weights of a folder or a .safetensors file into a built model.

    Reads every layout that `layouts.read_arrays` reads.

    Args:
        path: folder or file.
        model: built Keras model; unchanged if an error is raised.
        new_heads: True for fine-tuning: weights outside `bert/` may be missing or have
            another shape (another number of labels) and then keep their initial values.

    Returns:
        `weights.Report`. Heads that only the file has are in `unexpected`. A pooler or a
        next-sentence head that only the model has (the file is a BertForMaskedLM) is in
        `missing`, and the log says so.

    Raises:
        ValueError: weights of the encoder, or of a head without `new_heads`, are missing
            or have another shape, or the file has more encoder weights than the model, or
            weights are NaN, infinite or integers. The message names the first few.
    """
    arrays = layouts.read_arrays(path)
    report = weights.compare(model, arrays)
    may_be_new = _is_head if new_heads else lambda name: False
    optional = _OPTIONAL
    if "classifier/kernel" in report.loaded and not _has_pooler(model):
        optional = _OPTIONAL[1:]  # The pooler is a part of the head.
    wrong = weights.Report(
        report.loaded,
        [
            name
            for name in report.missing
            if not (name.startswith(optional) or may_be_new(name))
        ],
        [name for name in report.unexpected if not _is_head(name)],
        {
            name: shapes
            for name, shapes in report.misshaped.items()
            if not may_be_new(name)
        },
    )
    if wrong.new or wrong.unexpected:
        hint = "Check that config.json belongs to these weights."
        if all(map(_is_head, wrong.new)) and not wrong.unexpected:
            hint = "They have no such trained head: fine-tune them first; to predict "
            hint += "masked words, pretrain them."
            if any(name.startswith(_DISCRIMINATOR) for name in arrays):
                hint = (
                    "ELECTRA's discriminator finds replaced words, which is no task of "
                    "bert_tf: fine-tune it first; its generator predicts masked words."
                )
        raise ValueError(f"the weights in {path} do not fit the model: {wrong} {hint}")
    if encoder_decoder.is_shared(report.loaded):
        encoder_decoder.check_copies(path, arrays)
    arrays = {path: arrays[path] for path in report.loaded}
    if integers := weights.find_integers(arrays):
        file = layouts.find_file(path, integers[0])
        raise ValueError(
            f"{file} holds integers in {weights.first_few(integers)}; the weights of a "
            "quantised model cannot be read. Use the model before its quantisation."
        )
    if infinite := weights.find_not_finite(model, arrays):
        file = layouts.find_file(path, infinite[0])
        raise ValueError(
            f"{file} holds NaN or infinite numbers in {weights.first_few(infinite)}, so "
            "all outputs would be NaN. Use an earlier copy, or train again with a lower "
            "--learning_rate."
        )
    weights.assign(model, arrays)
    if report.new:
        _log.warning(
            "%s: %s Weights that do not fit keep their initial values.", path, report
        )
    return report


def write(path, model, folder, architecture="BertForSequenceClassification"):
    """Writes a model folder, which transformers loads too.

    Args:
        path: folder; created if it does not exist.
        model: built Keras model.
        folder: `ModelFolder`; `config.extra` has `id2label` and `label2id`.
        architecture: name of the transformers class of BERT that has the same heads.
    """
    write_arrays(path, weights.read_model(model), folder, architecture)


def write_arrays(path, arrays, folder, architecture, weights_dtype="float32"):
    """Writes a model folder from {our path: array}; see `write`.

    Each file is replaced in one step. config.json comes last, so a folder that has it is
    complete.

    Args:
        path, folder, architecture: as of `write`.
        arrays: {our path: array}.
        weights_dtype: one of `precision.DTYPES`; "float32" keeps the types of the arrays.
            Dense modules of sentence-transformers keep theirs in any case.
    """
    path, folder = pathlib.Path(path), cross_encoder.complete(folder)
    path.mkdir(parents=True, exist_ok=True)
    is_int8, is_half = weights_dtype == "int8", "float16" in weights_dtype
    own = arrays["bert/embeddings/word_embeddings"].dtype.name
    # transformers computes in this dtype.
    dtype = {"dtype": weights_dtype if is_half else own}
    decoder = None  # The encoder of such a folder may be fine-tuned alone.
    if any(name.startswith("decoder/") for name in arrays):
        decoder = folder.decoder
        shared = encoder_decoder.is_shared(arrays)
        if shared:
            arrays = encoder_decoder.with_copies(arrays)
        settings = decoder.settings | {"shared": shared or decoder.shared}
        decoder = dataclasses.replace(
            decoder, config=_with_extra(decoder.config, dtype), settings=settings
        )
        (path / encoder_decoder.TOKENIZER).mkdir(exist_ok=True)
        write_tokenizer(path / encoder_decoder.TOKENIZER, decoder)
    arrays, dense = dense_modules.split(arrays)
    dense_modules.write_arrays(path, dense)
    named = dialects.to_huggingface(arrays, folder.config.model_type, architecture)
    named = precision.store(named, weights_dtype)
    file = precision.FILE if is_int8 else "model.safetensors"
    formats.write_safetensors(path / file, named)
    write_tokenizer(path, folder)
    config = _with_extra(folder.config, {"architectures": [architecture]} | dtype)
    folder = dataclasses.replace(folder, config=config, decoder=decoder)
    _write_config(
        path / "config.json", folder, {"quantization_config": INT8} if is_int8 else {}
    )


def round_arrays(arrays, weights_dtype):
    """Returns {our path: array} as a folder of this precision gives them back."""
    if weights_dtype == "float32":
        return arrays
    arrays, dense = dense_modules.split(arrays)  # They stay in float32.
    named = precision.store(dialects.to_huggingface(arrays), weights_dtype)
    return dialects.from_huggingface(precision.restore(named)) | dense


def write_google(path, arrays, folder):
    """Writes a model folder in the layout of google-research/bert, from {our path: array}.

    The files are bert_config.json, vocab.txt, bert_model.ckpt.* and, since Google's files
    do not say whether text is lower-cased, tokenizer_config.json.
    """
    config = folder.config
    if config.hidden_act == "gelu_new" or config.layer_norm_eps != 1e-12:
        _log.warning(
            "google-research/bert supports neither hidden_act gelu_new nor another "
            "layer_norm_eps than 1e-12; its outputs for this model (%s, %g) will differ.",
            config.hidden_act,
            config.layer_norm_eps,
        )
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    tf1.write(path / layouts.GOOGLE, dialects.to_google(arrays))
    write_tokenizer(path, folder)
    extra = {
        key: value
        for key, value in config.extra.items()
        if key not in _TRANSFORMERS_KEYS
    }
    config = dataclasses.replace(config, extra=extra)
    _write_config(path / "bert_config.json", dataclasses.replace(folder, config=config))


def write_tokenizer(path, folder):
    """Writes vocab.txt and tokenizer_config.json, as transformers' tokenizers read."""
    write_vocab(path / "vocab.txt", folder.vocab)
    text = json.dumps(
        _tokenizer_config(folder), indent=2, sort_keys=True, ensure_ascii=False
    )
    write_text(path / "tokenizer_config.json", text + "\n")


def _with_extra(config, values):
    """Returns a configuration with more keys of config.json."""
    extra = config.extra | values
    extra.pop("torch_dtype", None)  # Old name of dtype; it describes the old weights.
    return dataclasses.replace(config, extra=extra)


def _write_config(path, folder, more=()):
    values = _config_values(folder)
    if folder.decoder:
        decoder = _config_values(folder.decoder)
        values = encoder_decoder.config_values(values, decoder, folder.decoder.vocab)
    with replacing(path) as beside:
        write_config(beside, values | dict(more))


def _config_values(folder):
    """Returns the JSON object of a configuration and of the settings of bert_tf."""
    own = {"bert_tf": folder.settings} if folder.settings else {}
    return folder.config.to_dict() | own


def _tokenizer_config(folder):
    """Returns the keys that transformers needs: defaults, then those of the folder."""
    positions = folder.config.max_position_embeddings
    keys = folder.tokenizer.keys() - _PATH_KEYS
    known = {key: folder.tokenizer[key] for key in keys}
    return {
        "do_lower_case": not tokenizers.is_cased(folder.vocab),
        "strip_accents": None,  # None means: if do_lower_case is true.
        "tokenize_chinese_chars": True,
        **_SPECIAL_TOKENS,
        **known,
        # That of DistilBERT gives no segments, which the model would refuse.
        "tokenizer_class": f"{folder.config.architecture.prefix}Tokenizer",
        # transformers writes 1e30 for an unknown length.
        "model_max_length": min(known.get("model_max_length") or positions, positions),
    }


def _has_pooler(model):
    """Returns whether the encoder of a model has a pooler without a head, too."""
    config = getattr(getattr(model, "backbone", model), "config", None)
    return config is None or config.architecture.has_pooler


def _is_head(path):
    return not path.startswith("bert/") or path.startswith(_POOLER)
