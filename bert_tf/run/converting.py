"""Converts model folders between published layouts, and checks the result."""

import dataclasses
import pathlib
import shutil

import numpy as np

from bert_tf.checkpoints import dense_modules, layouts, precision, sentence_transformers
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints.trimming import trim
from bert_tf.docstrings import list_settings
from bert_tf.ground import (
    at_least,
    lazy,
    one_of,
    replacing_folder,
    require,
    setting,
    write_text,
)
from bert_tf.run.extending import extend, read_words
from bert_tf.run.trimming import find_needed
from bert_tf.tokenization import make_tokenizer

backbones = lazy("bert_tf.models.backbone")
finetuning = lazy("bert_tf.models.finetuning")
pretraining = lazy("bert_tf.models.pretraining")

FORMATS = ("huggingface", "google")
_ONLY_HERE = """
## Precision

The weights are stored in eight bits (int8), which only bert_tf reads. `bert-tf
convert-checkpoint` writes a folder with float32 from it, which transformers reads, too.
"""
_POOLER = "bert/pooler/dense/kernel"  # A classifier of tokens has none.
_CARD = ("README.md", "loss.png", "confusion_matrix.png")

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
    trim_vocab: str = setting(
        "",
        "Files with texts, globs with commas between: tokens that the texts do not need "
        "are removed from the vocabulary. Empty: none.",
    )
    min_frequency: int = setting(
        1, "Occurrences in the files of trim_vocab that a token needs to be kept."
    )
    weights_dtype: str = setting(
        "float32", "Numbers on disk: float32, float16, bfloat16, or int8 with scales."
    )
    clean_input: bool = setting(
        False,
        "The written model drops invisible characters from texts, and reads letters that "
        "look like Latin ones as Latin.",
    )

    def __post_init__(self):
        require(self, "input", "output")
        one_of("format", self.format, FORMATS)
        one_of("weights_dtype", self.weights_dtype, precision.DTYPES)
        at_least(self, "min_frequency", 1)
        if self.min_frequency > 1 and not self.trim_vocab:
            raise ValueError(
                f"min_frequency={self.min_frequency} is for trim_vocab alone; name the "
                "files there, or drop min_frequency."
            )
        if self.trim_vocab and self.add_tokens:
            raise ValueError(
                "trim_vocab and add_tokens cannot be combined; trim first, and add words "
                "to the folder that results."
            )
        if self.format == "google" and self.weights_dtype != "float32":
            raise ValueError(
                f"weights_dtype {self.weights_dtype} is not for format google, whose "
                "checkpoints are float32; choose float32 or format huggingface."
            )


def convert(config):
    """Writes a model folder in another layout, heads included.

    The output is written beside its place, read again, and renamed if all its arrays
    equal those of the input, up to the rounding of `weights_dtype`.

    Args:
        config: `ConvertConfig`.

    Returns:
        dict: `input`, `output`, `format`, `architecture` (class of transformers with
        these heads), `arrays` and `parameters` (numbers of them), `compared` (names of
        the outputs of both models on a few sentences), `max_abs_difference` (the
        largest difference of these outputs), `megabytes_before` and `megabytes_after`
        (of the weight files); with `add_tokens` also `added_tokens`, the number of new
        tokens; with `trim_vocab` also `tokens_before`, `tokens_after`,
        `parameters_before` and `parameters_after`. Then the sentences are from its files;
        if none has only tokens that are kept, nothing is compared, and
        `max_abs_difference` is None.

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
    if config.clean_input:
        folder = folder.with_clean_input()
    _check_decoder(start, folder, config)
    reason = folder.config.peculiarity
    if folder.config.model_type != "bert":
        reason = f"its model_type is {folder.config.model_type}"
    if config.format == "google" and reason:
        raise ValueError(
            f"google's layout cannot say of {start} that {reason}; drop format google."
        )
    arrays = layouts.read_arrays(start)
    architecture = _architecture(arrays, folder.config)
    new_folder, new_arrays, texts = folder, arrays, _TEXTS
    shared = range(len(folder.vocab))  # Ids in the input of the first output tokens.
    if config.trim_vocab:
        needed = find_needed(folder, config.trim_vocab, config.min_frequency)
        shared, texts = needed.ids, needed.texts
        new_folder, new_arrays = trim(folder, arrays, shared)
    # Before anything is written, because it also checks the input.
    before = _outputs(start, folder, arrays, texts)
    if words:
        new_folder, new_arrays = extend(folder, arrays, words)

    with replacing_folder(output) as beside:
        if config.format == "google":
            folders.write_google(beside, new_arrays, new_folder)
        else:
            dtype = config.weights_dtype
            folders.write_arrays(beside, new_arrays, new_folder, architecture, dtype)
            new_arrays = folders.round_arrays(new_arrays, dtype)
            _copy_other_files(start, beside, dtype)
        written = layouts.read_arrays(beside)
        _check_same(new_arrays, written, start)
        after = _outputs(beside, folders.read(beside), written, texts)
        sizes = {"megabytes_before": _weigh(start), "megabytes_after": _weigh(beside)}
    if "masked_lm_logits" in before:  # Compared for the tokens that both models have.
        before["masked_lm_logits"] = before["masked_lm_logits"][..., shared]
        after["masked_lm_logits"] = after["masked_lm_logits"][..., : len(shared)]
    report = sizes
    if words:
        report["added_tokens"] = len(new_folder.vocab) - len(folder.vocab)
    if config.trim_vocab:
        report |= {
            "tokens_before": len(folder.vocab),
            "tokens_after": len(new_folder.vocab),
            "parameters_before": _count(arrays),
            "parameters_after": _count(new_arrays),
        }
    return report | {
        "input": str(start),
        "output": str(output),
        "format": config.format,
        "architecture": folder.config.class_name(architecture),
        "arrays": len(new_arrays),
        "parameters": _count(new_arrays),
        "max_abs_difference": max(
            (float(np.abs(after[name] - before[name]).max()) for name in before),
            default=None,
        ),
        "compared": list(before),
    }


def _check_decoder(start, folder, config):
    """Refuses what is not possible for a folder with an encoder and a decoder."""
    wrong = {
        "add_tokens": config.add_tokens,
        "trim_vocab": config.trim_vocab,
        "format google": config.format == "google",
    }
    for name in filter(wrong.get, wrong if folder.decoder else ()):
        raise ValueError(
            f"{start} holds an encoder and a decoder, for which {name} is not possible; "
            "drop it."
        )


def _copy_other_files(start, beside, dtype):
    """Copies the model card with its pictures, and the files of sentence-transformers."""
    card = [file for name in _CARD if (file := start / name).is_file()]
    for file in card + sentence_transformers.find_files(start):
        copy = beside / file.relative_to(start)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    if dtype == "int8" and (card := beside / "README.md").is_file():
        write_text(card, card.read_text(encoding="utf-8") + _ONLY_HERE)


def _weigh(path):
    """Returns the size of the weight files in a folder in megabytes."""
    names = ("*.safetensors", "*.ckpt.*", "*.weights.h5")
    files = {file for name in names for file in path.glob(name)}
    return round(sum(file.stat().st_size for file in files) / 1e6, 3)


def _count(arrays):
    return int(sum(array.size for array in arrays.values()))


def _architecture(arrays, config):
    """Returns the class of transformers that has the heads among the arrays."""
    if "cls/predictions/output_bias" in arrays:
        whole = "cls/seq_relationship/output_bias" in arrays
        return "BertForPreTraining" if whole else "BertForMaskedLM"
    own, _ = dense_modules.split(arrays)
    heads = {path.split("/")[0] for path in own} - {"bert", "cls"}
    architectures = config.extra.get("architectures") or []
    if heads and architectures:
        return architectures[0]  # The arrays of a dense layer do not show its task.
    if "qa_outputs" in heads:
        return "BertForQuestionAnswering"
    return "BertForSequenceClassification" if heads else "BertModel"


def _outputs(path, folder, arrays, texts):
    """Returns {name: array}, the outputs of the model in a folder for some texts."""
    backbone = backbones.BertBackbone(folder.config)
    tokenizer = make_tokenizer(folder)
    longest = min(64, folder.config.max_position_embeddings)
    if not texts:
        return {}
    batch = tokenizer(texts, texts[::-1], max_length=longest)
    batch["masked_lm_positions"] = np.tile(np.arange(3), [len(texts), 1])
    model = backbone
    if "cls/predictions/output_bias" in arrays:
        model = pretraining.BertPretrainer(backbone)
    elif "classifier/bias" in arrays and _POOLER in arrays:
        model = finetuning.Classifier(backbone, len(arrays["classifier/bias"]))
    folders.load_weights(path, model)
    outputs = dict(backbone(batch))
    if isinstance(model, pretraining.BertPretrainer):
        outputs |= model(batch)
    elif isinstance(model, finetuning.Classifier):
        outputs["logits"] = model(batch)
    # Outputs of random weights cannot be compared.
    for name, needed in (
        ("pooled_output", _POOLER),
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
