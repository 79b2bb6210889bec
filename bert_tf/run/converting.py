"""From one published layout to another, checked: the same arrays, the same answers."""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.data.rows.packing import frame
from bert_tf.ground import one_of, replacing_folder, require
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.predictor import make_tokenizer
from bert_tf.run.extending import extend, read_words

FORMATS = ("huggingface", "google")

# What both models are asked, the first with the last and so on: short and long, accents,
# figures, another script.
_PROBE = (
    "The parcel came yesterday, and everything in it was broken.",
    "Yes.",
    "Café Müller wants 3,50 € for a coffee; at the station it's 2.80!",
    "我们明天去北京。",
)


@dataclasses.dataclass(frozen=True)
class ConvertConfig:
    """What to convert, and to what."""

    input: str = ""  # Model folder in any layout that is read, or a model's name.
    output: str = ""  # Folder to write; must not be there, or be empty.
    format: str = "huggingface"  # Layout to write: huggingface or google.
    add_tokens: str = ""  # Words for the vocabulary: a,b,c, or a file, one a line.

    def __post_init__(self):
        require(self, "input", "output")
        one_of("format", self.format, FORMATS)


def convert(config):
    """Writes a model folder in another layout, heads included.

    The folder is written beside and renamed when what was read back from it is, array
    by array, what was in the input.

    Args:
        config: `ConvertConfig`.

    Returns:
        dict: `input`, `output`, `format`, `architecture` (transformers' name of the
        model with these heads), `arrays` and `parameters` (how many were written),
        `max_abs_difference` (of any output of the two models on a few sentences),
        `compared` (those outputs); with `add_tokens` also `added_tokens`, how many.

    Raises:
        ValueError, OSError: bad input, before anything is written; or what was written
            differs, which then goes away again.

    Example:
        >>> convert(ConvertConfig("uncased_L-2_H-128_A-2", "tiny"))  # doctest: +SKIP
        {'input': 'uncased_L-2_H-128_A-2', …, 'max_abs_difference': 0.0, …}
    """
    output = pathlib.Path(config.output).expanduser().absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ValueError(
            f"output {output} is there already, and not an empty folder; name a new one."
        )
    words = read_words(config.add_tokens) if config.add_tokens else []
    start = folders.resolve(config.input)
    folder = folders.read(start)
    arrays = layouts.read_arrays(start)
    architecture = _architecture(arrays, folder.config)
    # Also says what is wrong with the input, before anything is written.
    before = _outputs(start, folder, arrays)
    known = len(folder.vocab)
    if words:
        folder, arrays = extend(folder, arrays, words)

    with replacing_folder(output) as beside:
        if config.format == "google":
            folders.write_google(beside, arrays, folder)
        else:
            folders.write_arrays(beside, arrays, folder, architecture)
        again = layouts.read_arrays(beside)
        _check_same(arrays, again, start)
        after = _outputs(beside, folders.read(beside), again)
    if "masked_lm_logits" in before:  # Of the pieces that both have.
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
    """The class of transformers that has the heads which stand among the arrays."""
    if "cls/predictions/output_bias" in arrays:
        whole = "cls/seq_relationship/output_bias" in arrays
        return "BertForPreTraining" if whole else "BertForMaskedLM"
    heads = {path.split("/")[0] for path in arrays} - {"bert", "cls"}
    said = config.extra.get("architectures") or []
    if heads and said:
        return said[0]  # A dense layer does not say what it is for.
    if "qa_outputs" in heads:
        return "BertForQuestionAnswering"
    return "BertForSequenceClassification" if heads else "BertModel"


def _outputs(path, folder, arrays):
    """Returns {name: array} of what the model in a folder answers to the probe."""
    backbone = BertBackbone(folder.config)
    tokenizer = make_tokenizer(folder)
    framed = frame(
        tokenizer.tokenize(tf.constant(_PROBE)),
        tokenizer.tokenize(tf.constant(_PROBE[::-1])),
        cls_id=tokenizer.cls_id,
        sep_id=tokenizer.sep_id,
        max_seq_length=min(64, folder.config.max_position_embeddings),
    )
    batch = {
        "input_ids": framed["input_ids"].to_tensor(),
        "input_mask": tf.ones_like(framed["input_ids"]).to_tensor(),
        "segment_ids": framed["segment_ids"].to_tensor(),
        "masked_lm_positions": tf.tile([[0, 1, 2]], [len(_PROBE), 1]),
    }
    model = backbone
    if "cls/predictions/output_bias" in arrays:
        model = BertPretrainer(backbone)
    elif "classifier/bias" in arrays:
        model = Classifier(backbone, len(arrays["classifier/bias"]))
    folders.load_weights(path, model)
    outputs = dict(backbone(batch))
    if isinstance(model, BertPretrainer):
        outputs |= model(batch)
    elif isinstance(model, Classifier):
        outputs["logits"] = model(batch)
    # What stands on nothing that was read is no answer.
    for name, needed in (
        ("pooled_output", "bert/pooler/dense/kernel"),
        ("next_sentence_logits", "cls/seq_relationship/output_weights"),
    ):
        if needed not in arrays:
            outputs.pop(name, None)
    return {name: np.asarray(output) for name, output in outputs.items()}


def _check_same(arrays, again, start):
    different = [
        path
        for path in sorted({*arrays, *again})
        if path not in arrays
        or path not in again
        or not np.array_equal(arrays[path], again[path])
    ]
    if different:
        raise ValueError(
            f"{start} would not come back as it is: {different[0]} and "
            f"{len(different) - 1} more arrays differ. Nothing was written."
        )
