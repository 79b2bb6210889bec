"""Converts model folders between published layouts, and checks the result."""

import dataclasses
import pathlib

import numpy as np

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.docstrings import list_settings
from bert_tf.ground import lazy, one_of, replacing_folder, require, setting
from bert_tf.run.extending import extend, read_words
from bert_tf.tokenization import make_tokenizer

backbones = lazy("bert_tf.models.backbone")
finetuning = lazy("bert_tf.models.finetuning")
pretraining = lazy("bert_tf.models.pretraining")

FORMATS = ("huggingface", "google")

# Both models compute these texts, the first paired with the last and so on. They are
# short and long, with accents, figures and another script.
_TEXTS = (
    "The parcel came yesterday, and everything in it was broken.",
    "Yes.",
    "Café Müller wants 3,50 € for a coffee; at the station it's 2.80!",
    "我们明天去北京。",
)


@list_settings
@dataclasses.dataclass(frozen=True)
class ConvertConfig:
    """Which model to convert, and to which layout.

    Example:
        >>> import bert_tf
        >>> bert_tf.ConvertConfig(input="bert", output="tf1", format="google").format
        'google'
    """

    input: str = setting("", "Model folder in any layout, or the name of a model.")
    output: str = setting("", "Folder to write; must be new or empty.")
    format: str = setting("huggingface", "Layout to write: huggingface or google.")
    add_tokens: str = setting(
        "", "Words to add to the vocabulary: a,b,c, or a file with one a line."
    )

    def __post_init__(self):
        require(self, "input", "output")
        one_of("format", self.format, FORMATS)


def convert(config):
    """Writes a model folder in another layout, heads included.

    The output is written beside its place, read again, and renamed if all its arrays
    equal those of the input.

    Args:
        config: `ConvertConfig`.

    Returns:
        dict: `input`, `output`, `format`, `architecture` (class of transformers with
        these heads), `arrays` and `parameters` (numbers of them), `compared` (names of
        the outputs of both models on a few sentences), `max_abs_difference` (the
        largest difference of these outputs); with `add_tokens` also `added_tokens`, the
        number of new tokens.

    Raises:
        ValueError, OSError: bad input, or the output differs from the input. Nothing is
            written.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.ConvertConfig("bert", "tf1", format="google")
        >>> bert_tf.convert(config)["max_abs_difference"]
        0.0
    """
    output = pathlib.Path(config.output).expanduser().absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ValueError(
            f"output {output} exists and is not an empty folder; choose another one."
        )
    words = read_words(config.add_tokens) if config.add_tokens else []
    start = folders.resolve(config.input)
    folder = folders.read(start)
    if folder.decoder and (words or config.format == "google"):
        wrong = "add_tokens" if words else "format google"
        raise ValueError(
            f"{start} holds an encoder and a decoder, for which {wrong} is not possible; "
            "drop it."
        )
    if config.format == "google" and not folder.config.is_plain:
        raise ValueError(
            f"{start} is pruned, and google's layout has one size for all layers; drop "
            "format google."
        )
    arrays = layouts.read_arrays(start)
    architecture = _architecture(arrays, folder.config)
    # Before anything is written, because it also checks the input.
    before = _outputs(start, folder, arrays)
    known = len(folder.vocab)
    if words:
        folder, arrays = extend(folder, arrays, words)

    with replacing_folder(output) as beside:
        if config.format == "google":
            folders.write_google(beside, arrays, folder)
        else:
            folders.write_arrays(beside, arrays, folder, architecture)
        written = layouts.read_arrays(beside)
        _check_same(arrays, written, start)
        after = _outputs(beside, folders.read(beside), written)
    if "masked_lm_logits" in before:  # Compared for the tokens that both models have.
        before, after = (
            side | {"masked_lm_logits": side["masked_lm_logits"][..., :known]}
            for side in (before, after)
        )
    added = {"added_tokens": len(folder.vocab) - known} if words else {}
    return added | {
        "input": str(start),
        "output": str(output),
        "format": config.format,
        "architecture": architecture,
        "arrays": len(arrays),
        "parameters": int(sum(array.size for array in arrays.values())),
        "max_abs_difference": max(
            float(np.abs(after[name] - before[name]).max()) for name in before
        ),
        "compared": list(before),
    }


def _architecture(arrays, config):
    """Returns the class of transformers that has the heads among the arrays."""
    if "cls/predictions/output_bias" in arrays:
        whole = "cls/seq_relationship/output_bias" in arrays
        return "BertForPreTraining" if whole else "BertForMaskedLM"
    heads = {path.split("/")[0] for path in arrays} - {"bert", "cls"}
    architectures = config.extra.get("architectures") or []
    if heads and architectures:
        return architectures[0]  # The arrays of a dense layer do not show its task.
    if "qa_outputs" in heads:
        return "BertForQuestionAnswering"
    return "BertForSequenceClassification" if heads else "BertModel"


def _outputs(path, folder, arrays):
    """Returns {name: array}, the outputs of the model in a folder for `_TEXTS`."""
    backbone = backbones.BertBackbone(folder.config)
    tokenizer = make_tokenizer(folder)
    longest = min(64, folder.config.max_position_embeddings)
    batch = tokenizer(_TEXTS, _TEXTS[::-1], max_length=longest)
    batch["masked_lm_positions"] = np.tile(np.arange(3), [len(_TEXTS), 1])
    model = backbone
    if "cls/predictions/output_bias" in arrays:
        model = pretraining.BertPretrainer(backbone)
    elif "classifier/bias" in arrays:
        model = finetuning.Classifier(backbone, len(arrays["classifier/bias"]))
    folders.load_weights(path, model)
    outputs = dict(backbone(batch))
    if isinstance(model, pretraining.BertPretrainer):
        outputs |= model(batch)
    elif isinstance(model, finetuning.Classifier):
        outputs["logits"] = model(batch)
    # Outputs of random weights cannot be compared.
    for name, needed in (
        ("pooled_output", "bert/pooler/dense/kernel"),
        ("next_sentence_logits", "cls/seq_relationship/output_weights"),
    ):
        if needed not in arrays:
            outputs.pop(name, None)
    return {name: np.asarray(output) for name, output in outputs.items()}


def _check_same(arrays, written, start):
    different = [
        path
        for path in sorted({*arrays, *written})
        if path not in arrays
        or path not in written
        or not np.array_equal(arrays[path], written[path])
    ]
    if different:
        raise ValueError(
            f"{start} cannot be converted without loss: {different[0]} and "
            f"{len(different) - 1} more arrays differ. Nothing was written."
        )
