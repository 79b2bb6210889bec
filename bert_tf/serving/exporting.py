"""Export: from a model folder to what answers elsewhere, with proof that it does."""

import dataclasses
import json
import logging
import pathlib
import tempfile

from bert_tf.checkpoints import folder as folders
from bert_tf.ground import one_of, replacing_folder, require
from bert_tf.predictor import Model
from bert_tf.serving import parity
from bert_tf.serving.saved_model import write_saved_model

_log = logging.getLogger(__name__)
_SINCE = "2.20"  # Of TensorFlow Serving: it links the text kernels of this release.
FORMATS = ("saved_model", "tflite", "onnx")
DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Which model folder leaves, in which form, and where to."""

    model: str = ""  # Model folder.
    format: str = "saved_model"  # Or tflite, or onnx.
    output_dir: str = ""  # New folder; for TensorFlow Serving models/NAME/1.
    task: str = ""  # What it answers; what it was trained for if empty.
    signatures: str = ""  # With commas, such as token_ids; all if empty.
    dtype: str = "float32"  # Of saved_model: or bfloat16.
    quantize: str = ""  # Of tflite: int8, or float16 for weights of half the size.
    dynamic_length: bool = False  # Of tflite: any length, for one text; else padded.
    text_input: bool = False  # Of tflite: text in, not ids; wants custom operations.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training.
    long_text: str = ""  # truncate, head_tail or windows; as in training if empty.
    parity_file: str = ""  # Texts to compare on; 64 that are shipped if empty.

    def __post_init__(self):
        require(self, "model", "output_dir")
        for name, allowed in (
            ("format", FORMATS),
            ("dtype", DTYPES),
            ("quantize", ("", "int8", "float16")),
        ):
            one_of(name, getattr(self, name), allowed)


def export(config):
    """Writes a model folder in another form, whole or not at all.

    Args:
        config: `ExportConfig`.

    Returns:
        dict, the parity report, see `parity.compare`.

    Raises:
        ValueError, FileNotFoundError, FileExistsError: bad input.
        ArithmeticError: the artefact does not answer as the model does; nothing is left.
    """
    output_dir = pathlib.Path(config.output_dir)
    if output_dir.exists():
        raise FileExistsError(
            f"{output_dir} exists; name another folder, such as the next version, "
            f"{_next_version(output_dir)}."
        )
    model = Model(
        config.model,
        task=config.task,
        max_seq_length=config.max_seq_length,
        long_text=config.long_text,
    )
    inputs = parity.read_texts(model, config.parity_file)
    with replacing_folder(output_dir) as beside:
        report = _WRITERS[config.format](beside, model, inputs, config)
        parity.check(report, config.quantize or config.dtype)
    return report


def _write_saved_model(path, model, inputs, config):
    """Writes a SavedModel and its report; returns the report."""
    # The model in memory stays as it was trained; what is served may be narrower.
    served = model.keras_model
    if config.dtype != "float32":
        served = model.build(config.dtype)
    with tempfile.TemporaryDirectory() as folder:
        custom_ops = write_saved_model(
            path,
            model.task,
            served,
            files=_write_files(pathlib.Path(folder), model),
            pairs="text_pair" in inputs,
            signatures=[name.strip() for name in config.signatures.split(",") if name],
            warm_up={name: texts[:8] for name, texts in inputs.items()},
        )
    for name, ops in custom_ops.items():
        needs = f"TensorFlow Serving {_SINCE} or newer, for {' and '.join(ops)}"
        _log.info("signature %s needs %s.", name, needs if ops else "no custom ops")
    report = _of(config) | parity.compare(path, model, inputs)
    (path / "assets.extra").mkdir(exist_ok=True)
    return _write_report(path / "assets.extra", report | {"custom_ops": custom_ops})


def _write_tflite(path, model, inputs, config):
    """Writes a TFLite file, what belongs to it and its report; returns the report."""
    from bert_tf.serving import padded, tflite

    path.mkdir()
    files = _write_files(path, model)
    tflite.write_tflite(
        path / "model.tflite",
        model.task,
        model.keras_model,
        length=None if config.dynamic_length else model.task.max_seq_length,
        quantize=config.quantize,
        vocabulary=files[0],
        labels=files[1] if files[1:] else None,
        text_input=config.text_input,
    )
    asked, expected = padded.expected(model, inputs, config.dynamic_length)
    if config.text_input:
        asked = inputs
    report = _of(config) | parity.compare_arrays(path, "tflite", asked, expected)
    return _write_report(path, report)


def _write_onnx(path, model, inputs, config):
    """Writes an ONNX file, vocabulary, labels and report; returns the report."""
    from bert_tf.serving import onnx, padded

    path.mkdir()
    _write_files(path, model)
    onnx.write_onnx(path / "model.onnx", model.task, model.keras_model)
    asked, expected = padded.expected(model, inputs, dynamic_length=True)
    report = _of(config) | parity.compare_arrays(path, "onnx", asked, expected)
    return _write_report(path, report)


_WRITERS = {
    "saved_model": _write_saved_model,
    "tflite": _write_tflite,
    "onnx": _write_onnx,
}


def _write_files(folder, model):
    """Writes vocabulary and, where the task has them, labels; returns their paths.

    Beside them tokenizer_config.json: ids are of use to who cuts text as the model does.
    """
    folders.write_tokenizer(folder, model.folder)
    files = [folder / "vocab.txt"]
    if labels := getattr(model.task, "labels", None):
        files.append(folder / "labels.txt")
        files[-1].write_text("".join(f"{x}\n" for x in labels), encoding="utf-8")
    return files


def _of(config):
    precision = config.quantize or config.dtype
    return {"format": config.format, "precision": precision}


def _write_report(folder, report):
    text = json.dumps(report, indent=2) + "\n"
    (folder / "parity.json").write_text(text, encoding="utf-8")
    return report


def _next_version(path):
    """The path of the first number that is free, beside a version's folder."""
    numbers = [int(p.name) for p in path.parent.iterdir() if p.name.isdecimal()]
    return path.parent / str(max(numbers, default=0) + 1)


def as_table(report):
    """A report for people, two columns."""
    rows = {
        "texts": report["texts"],
        "largest difference": f"{report['max_abs_difference']:.2g}",
        "same answers": f"{report['agreement']:.1%}",
        "size": f"{report['size_bytes'] / 1e6:.1f} MB",
        "one text": f"{report['p50_ms']:.1f} ms (99 %: {report['p99_ms']:.1f} ms)",
        "32 at once": f"{report['texts_per_second']:,.0f} texts/s",
    }
    return "\n".join(f"{name:20}{value}" for name, value in rows.items())
