"""Checks before a run: what would go wrong, and what to do about it."""

import dataclasses
import importlib
import os

from bert_tf.data.records.options import TableOptions, reader_arguments
from bert_tf.data.records.readers import read_table
from bert_tf.doctor import engines, installation, labels, machine
from bert_tf.doctor.findings import count_levels, format_table, from_error, ok, problem
from bert_tf.ground import setting
from bert_tf.training.engine import HELP

__all__ = ["DoctorConfig", "count_levels", "examine", "format_table"]


@dataclasses.dataclass(frozen=True)
class DoctorConfig(TableOptions):
    """What `examine` checks in addition to the installation and the machine."""

    model: str = setting(
        "", 'model to check: a folder, "minilm", or a published name; empty: none'
    )
    train_file: str = setting("", "training file, as finetune reads it; empty: none")
    eval_file: str = setting(
        "", "evaluation file, in the same formats as train_file; empty: none"
    )
    task: str = setting(
        "",
        "Task of the files. Empty: with a training file as finetune has it, else that of "
        "the model.",
    )
    max_seq_length: int = setting(
        0,
        "Longest example in tokens. 0: with a training file as finetune has it, else as "
        "the model was trained.",
    )
    long_text: str = setting(
        "",
        "How longer texts are read: truncate, head_tail or windows. Empty: as above.",
    )
    label_separator: str = setting(
        "", "What separates the labels of a record in multi_label. Empty: detect it."
    )
    engine: str = setting("", HELP)
    similarity_loss: str = setting(
        "", "For similarity: cosine, or negatives for pairs without labels."
    )


def examine(config=DoctorConfig()):
    """Checks the installation, the machine, the model and the texts; changes nothing.

    Args:
        config: `DoctorConfig`.

    Returns:
        list of findings, dicts of strings: `check` ("group/name"), `level` ("ok",
        "note" or "problem"), `says` (the result) and `fix` (what to do; empty if the
        level is "ok").

    Raises:
        ValueError: the task does not exist; an option of another task.

    Example:
        >>> findings = examine(DoctorConfig(model="minilm"))  # doctest: +SKIP
        >>> print(format_table(findings))  # doctest: +SKIP
    """
    imported, *devices = engines.check(config.engine, installation.installed_version)
    engine = config.engine or os.environ.get("KERAS_BACKEND")
    findings = [*installation.check(engine), imported]
    if imported["level"] == "ok":
        imported = installation.check_import()
        findings.append(imported)
    findings += [*machine.check(), *devices]
    folder = tokenizer = None
    # The other modules import the engine, which may fail.
    if imported["level"] == "ok":
        findings += _module("devices").check(engine)
        if config.model:
            of_model, folder, tokenizer = _module("model").check(config.model)
            findings += of_model
    # Without an engine there are no tasks: the files are read as texts with a class.
    kind, read, arguments, label_type = None, read_table, {}, str
    if imported["level"] == "ok":
        kind, options = _module("plan").choose(config, folder)
        read, label_type = kind.read, kind.label_type
        arguments = kind.read_options(dataclasses.asdict(options))
        if folder:
            findings += _module("model").check_positions(
                options.max_seq_length, folder.config
            )
    of_files, train, evaluation = _read_tables(config, folder, read, arguments)
    findings += of_files
    table = train or evaluation
    if table and kind and tokenizer:
        findings += _check_texts(kind, options, table, folder, tokenizer, bool(train))
    if label_type is None:  # The readers of such tasks check their labels.
        return findings
    known = None
    if folder and not train and _module("model").has_head(folder):
        known = set((folder.config.extra.get("id2label") or {}).values())
    return findings + labels.check(train, evaluation, known, classes=label_type is str)


def _check_texts(kind, options, table, folder, tokenizer, learns):
    """Returns the findings on the tokens of texts, and on the lengths of examples."""
    texts, findings = _module("texts"), []
    if "text" in table.records[0]:
        findings += texts.check(table.records, tokenizer)
    try:
        lengths = _module("plan").count_tokens(
            kind, options, table, folder, tokenizer, learns=learns
        )
    except ValueError as error:
        if kind.label_type is str:  # The checks of labels say it.
            return findings
        fix = "Correct it in the file."
        return [*findings, from_error("texts/labels", error, fix)]
    return findings + texts.check_lengths(lengths, options, folder.config)


def _module(name):
    return importlib.import_module(f"bert_tf.doctor.{name}")


def _read_tables(config, folder, read, options):
    """Returns (findings, training table, evaluation table); a missing table is None."""
    findings, tables = [], {}
    columns = reader_arguments(config)
    default = None  # Columns of the model or the training file, as in evaluate.
    if folder and not config.train_file:
        default = folder.settings.get("columns")
    for flag in ("train_file", "eval_file"):
        path = getattr(config, flag)
        if not path:
            continue
        try:
            table = read(path, columns=default, **columns, **options)
        except (OSError, ValueError) as error:
            fix = f"Set --{flag}= to a table of texts and labels."
            empty = None
            if read is read_table:
                empty = _find_empty(flag, path, default, columns)
            findings.append(empty or from_error(f"texts/{flag}", error, fix))
            continue
        tables[flag], default = table, table.columns
        findings.append(ok(f"texts/{flag}", table.description))
    return findings, tables.get("train_file"), tables.get("eval_file")


def _find_empty(flag, path, default, columns):
    """Returns a finding that lists the empty texts of a file, or None."""
    columns = columns | {"label_column": None, "bad_rows": "error"}
    try:
        table = read_table(path, with_labels=False, columns=default, **columns)
    except (OSError, ValueError):
        return None
    lines = [
        line
        for record, line in zip(table.records, table.lines)
        if not all(text.strip() for text in record.values())
    ]
    if not lines:
        return None
    says = f"{path}: {len(lines)} of {len(table.records)} texts are empty: "
    says += f"{labels.join_lines(lines)}."
    return problem(f"texts/{flag}", says, "Fill them in, or delete these rows.")
