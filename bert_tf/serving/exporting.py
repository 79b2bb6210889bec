"""Exports a model folder to another format and compares the result with the model."""

import contextlib
import dataclasses
import json
import logging
import pathlib
import shutil
import tempfile

from bert_tf.checkpoints import exported
from bert_tf.checkpoints import folder as folders
from bert_tf.docstrings import list_settings
from bert_tf.ground import lazy, one_of, replacing_folder, require, setting
from bert_tf.json_files import read_json
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions, names_of
from bert_tf.training import engine

parity = lazy("bert_tf.serving.parity")
saved_model = lazy("bert_tf.serving.saved_model")

_log = logging.getLogger(__name__)
_SERVING_VERSION = "2.20"  # The first that has the operations of the tokenizer.
_REPORT = "parity.json"
FORMATS = ("saved_model", "tflite", "onnx")
DTYPES = ("float32", "bfloat16")


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class ExportConfig(TakesOptions):
    """Which model folder to export, in which format, and to which folder.

    Example:
        >>> import bert_tf
        >>> bert_tf.ExportConfig(model="model", output_dir="served/1").format
        'saved_model'
    """

    model: str = setting("", "Model folder to export.", section="model")
    task: str = setting(
        "", "Task to export, such as features. Empty: the task of the training."
    )
    output_dir: str = setting(
        "",
        "Folder to create; for TensorFlow Serving, such as models/NAME/1.",
        section="output",
    )
    format: str = setting("saved_model", "Format: saved_model, tflite or onnx.")
    signatures: str = setting(
        "",
        "Signatures of a SavedModel, separated by commas, such as token_ids. "
        "Empty: all.",
    )
    dtype: str = setting(
        "float32", "Number format of a SavedModel's weights: float32 or bfloat16."
    )
    quantize: str = setting(
        "", "Number format of a TFLite file's weights: int8 or float16. Empty: float32."
    )
    dynamic_length: bool = setting(
        False, "The TFLite file takes texts of any length, not padded ones."
    )
    text_input: bool = setting(
        False,
        "The TFLite file takes text instead of ids, which needs TensorFlow Text's "
        "operations on the device.",
    )
    parity_file: str = setting(
        "",
        "File of texts on which to compare the export with the model. Empty: 64 texts "
        "that come with bert_tf.",
    )

    def __post_init__(self):
        require(self, "model", "output_dir")
        for name, allowed in (
            ("format", FORMATS),
            ("dtype", DTYPES),
            ("quantize", ("", "int8", "float16")),
        ):
            one_of(name, getattr(self, name), allowed)


def export(config):
    """Exports a model folder; writes nothing if the export differs from the model.

    Args:
        config: `ExportConfig`.

    Returns:
        dict, the report of `parity.compare`.

    Raises:
        ValueError, FileNotFoundError: a setting or a file is wrong.
        FileExistsError: the output folder exists.
        ArithmeticError: predictions differ by more than the format allows.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.ExportConfig(model="model", output_dir="served/1")
        >>> bert_tf.export(config)["agreement"]
        1.0
    """
    engine.select("tensorflow")  # Which alone writes exports.
    output_dir = pathlib.Path(config.output_dir)
    if output_dir.exists():
        raise FileExistsError(
            f"output_dir exists: {output_dir}. Choose a new folder, such as the next "
            f"version, {_next_version(output_dir)}."
        )
    model = Model(config.model, task=config.task, **config.options)
    inputs = parity.read_texts(model, config.parity_file)
    with replacing_folder(output_dir) as beside, _quiet_converters():
        report = _WRITERS[config.format](beside, model, inputs, config)
        parity.check(report, config.quantize or config.dtype, model.task.name)
    return report


@contextlib.contextmanager
def _quiet_converters():
    """Hides that TensorFlow's converters warn of parts which are left out on purpose."""
    log = logging.getLogger("absl")

    def is_error(record):
        return record.levelno >= logging.ERROR

    log.addFilter(is_error)
    try:
        yield
    finally:
        log.removeFilter(is_error)


def _write_saved_model(path, model, inputs, config):
    """Writes a SavedModel and its report; returns the report."""
    # `model` stays in float32, because the report compares the export with it.
    exported = model.keras_model
    if config.dtype != "float32":
        exported = model.build(config.dtype)
    with tempfile.TemporaryDirectory() as folder:
        custom_ops = saved_model.write_saved_model(
            path,
            model.task,
            exported,
            files=_write_files(pathlib.Path(folder), model).values(),
            pairs="text_pair" in inputs,
            signatures=[name.strip() for name in config.signatures.split(",") if name],
            warm_up={name: texts[:8] for name, texts in inputs.items()},
        )
    for name, ops in custom_ops.items():
        needs = f"TensorFlow Serving {_SERVING_VERSION} or newer: {' and '.join(ops)}"
        _log.info("Signature %s needs %s.", name, needs if ops else "no custom ops")
    report = _describe(config) | parity.compare(path, model, inputs)
    (path / "assets.extra").mkdir(exist_ok=True)
    return _write_report(path / "assets.extra", report | {"custom_ops": custom_ops})


def _write_tflite(path, model, inputs, config):
    """Writes a TFLite file, its tokenizer, labels and report; returns the report."""
    from bert_tf.serving import padded, tflite

    padded.check_options(model.task, config.options)
    path.mkdir()
    files = _write_files(path, model)
    _describe_model(path, model)
    _warn_of_cleaning(model)
    tflite.write_tflite(
        path / "model.tflite",
        model.task,
        model.keras_model,
        length=None if config.dynamic_length else model.task.options.max_seq_length,
        quantize=config.quantize,
        files=files,
        text_input=config.text_input,
    )
    ids, expected = padded.expected(
        model, inputs, padded.TASK_LIBRARY, config.dynamic_length
    )
    features = inputs if config.text_input else ids
    report = parity.compare_arrays(path, "tflite", model.task, features, expected)
    report = _describe(config) | report
    return _write_report(path, report)


def _write_onnx(path, model, inputs, config):
    """Writes an ONNX file, its tokenizer, labels and report; returns the report."""
    from bert_tf.serving import onnx, padded

    padded.check_options(model.task, config.options)
    path.mkdir()
    _write_files(path, model)
    _describe_model(path, model)
    _warn_of_cleaning(model)
    onnx.write_onnx(path / "model.onnx", model.task, model.keras_model)
    ids, expected = padded.expected(
        model, inputs, padded.TRANSFORMERS, dynamic_length=True
    )
    report = _describe(config) | parity.compare_arrays(
        path, "onnx", model.task, ids, expected
    )
    return _write_report(path, report)


_WRITERS = {
    "saved_model": _write_saved_model,
    "tflite": _write_tflite,
    "onnx": _write_onnx,
}


def _describe_model(path, model):
    """Writes what a program without TensorFlow needs to know of the model."""
    task = model.task
    names = names_of(task.Options, "prediction", "both")
    own = {"task": task.name} | {name: getattr(task.options, name) for name in names}
    folder = dataclasses.replace(model.folder, settings=model.folder.settings | own)
    exported.write(path, folder)


def _warn_of_cleaning(model):
    if model.task.tokenizer.clean_input:
        _log.warning(
            "The file takes ids of cleaned texts (clean_input). bert_tf.light cleans them; "
            "other programs, such as TensorFlow Lite's Task Library, do not."
        )


def _write_files(folder, model):
    """Writes the tokenizer and, if the task has them, labels.txt and the target's tokenizer.

    Returns:
        {kind: path}: `vocabulary` and perhaps `labels` and `target_vocabulary`, text files.
    """
    folders.write_tokenizer(folder, model.folder)
    files = {"vocabulary": folder / "vocab.txt"}
    if labels := model.task.labels:
        files["labels"] = folder / "labels.txt"
        text = "".join(f"{label}\n" for label in labels)
        files["labels"].write_text(text, encoding="utf-8")
    if decoder := model.task.decoder:
        target = folder / "decoder"
        target.mkdir()
        folders.write_tokenizer(target, decoder)
        # Inside the export, where both vocabularies are in one folder.
        files["target_vocabulary"] = folder / "target_vocab.txt"
        shutil.copy(target / "vocab.txt", files["target_vocabulary"])
    return files


def _describe(config):
    precision = config.quantize or config.dtype
    return {"format": config.format, "precision": precision}


def _write_report(folder, report):
    text = json.dumps(report, indent=2) + "\n"
    (folder / _REPORT).write_text(text, encoding="utf-8")
    return report


def read_report(folder):
    """Returns the report of `export` that a TFLite or ONNX folder holds; None without one."""
    path = pathlib.Path(folder, _REPORT)
    return read_json(path) if path.is_file() else None


def _next_version(path):
    """Returns the path of the next version in the same folder."""
    numbers = [int(p.name) for p in path.parent.iterdir() if p.name.isdecimal()]
    return path.parent / str(max(numbers, default=0) + 1)


def as_table(report):
    """Returns a report as a table of two columns for people to read."""
    rows = {
        "texts": report["texts"],
        "largest difference": f"{report['max_abs_difference']:.2g}",
        "same predictions": f"{report['agreement']:.1%}",
        "size": f"{report['size_bytes'] / 1e6:.1f} MB",
        "one text": f"{report['p50_ms']:.1f} ms (p99: {report['p99_ms']:.1f} ms)",
        "batches of 32": f"{report['texts_per_second']:,.0f} texts/s",
    }
    return "\n".join(f"{name:20}{value}" for name, value in rows.items())
