"""Looks before a run and says what would go wrong, each time with a way out."""

import dataclasses
import importlib

from bert_tf.data.records.readers import read_table
from bert_tf.doctor import installation, labels, machine
from bert_tf.doctor.findings import (
    count_levels,
    format_table,
    ok,
    problem,
    refused,
)

__all__ = ["DoctorConfig", "count_levels", "examine", "format_table"]

CLASSES = "classification"  # The task whose labels can be counted.
_OF_TEXTS = (CLASSES, "regression", "multi_label")  # One table of texts and labels.


@dataclasses.dataclass(frozen=True)
class DoctorConfig:
    """What to look at, beside the installation and the machine."""

    model: str = ""  # Folder, "minilm", or a published name; none: no model.
    train_file: str = ""  # TSV, CSV or JSONL with texts and labels.
    eval_file: str = ""  # The same, to score on.
    task: str = ""  # As finetune takes it; the model's own if empty.
    text_column: str = ""  # Name, or place from 0; guessed from the header if empty.
    text_pair_column: str = ""  # Second text of a pair.
    label_column: str = ""  # The label.
    max_seq_length: int = 0  # Pieces of an example; 0: as in training, or 128.


def examine(config=DoctorConfig()):
    """Examines installation, machine, model and texts; changes nothing.

    Args:
        config: `DoctorConfig`.

    Returns:
        list of findings, dicts of strings: `check` ("group/name"), `level` ("ok",
        "note" or "problem"), `says` and `fix`, which is empty where all is well.

    Raises:
        ValueError: no task has this name.

    Example:
        >>> findings = examine(DoctorConfig(model="minilm"))  # doctest: +SKIP
        >>> print(format_table(findings))  # doctest: +SKIP
    """
    loads = installation.check_import()
    found = [*installation.check(), loads, *machine.check()]
    folder = tokenizer = None
    # The rest of the parts import TensorFlow: only where it can be.
    if loads["level"] == "ok":
        found += _part("devices").check()
        if config.model:
            of_model, folder, tokenizer = _part("model").check(
                config.model, config.max_seq_length
            )
            found += of_model
    task = config.task or (folder and folder.settings.get("task")) or CLASSES
    read, options = read_table, {}
    if loads["level"] == "ok":
        kind = importlib.import_module("bert_tf.predictor").find_task(task)
        tasks = importlib.import_module("bert_tf.tasks")
        read = kind.read
        options = tasks.read_options(kind, folder.settings if folder else {})
    of_texts, train, evaluation = _read_tables(config, folder, read, options)
    found += of_texts
    table = train or evaluation
    if table and tokenizer and "text" in table.records[0]:
        length = _part("model").choose_length(config.max_seq_length, folder)
        found += _part("texts").check(table.records, tokenizer, folder.config, length)
    if task not in _OF_TEXTS:  # Tags, answers and choices were checked in reading.
        return found
    known = None
    if folder and not train and _part("model").has_head(folder):
        known = set((folder.config.extra.get("id2label") or {}).values())
    # Labels of the other tasks are no classes: they are numbers, or several.
    return found + labels.check(train, evaluation, known, classes=task == CLASSES)


def _part(name):
    return importlib.import_module(f"bert_tf.doctor.{name}")


def _read_tables(config, folder, read, options):
    """Returns (findings, the training table, the evaluation table), None for no table."""
    found, tables = [], {}
    columns = {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }
    remembered = None  # As finetune and evaluate read them.
    if folder and not config.train_file:
        remembered = folder.settings.get("columns")
    for flag in ("train_file", "eval_file"):
        path = getattr(config, flag)
        if not path:
            continue
        try:
            table = read(path, columns=remembered, **columns, **options)
        except (OSError, ValueError) as error:
            fix = f"Pass --{flag}= a table of texts and labels."
            empty = None
            if read is read_table:
                empty = _find_empty(flag, path, remembered, columns)
            found.append(empty or refused(f"texts/{flag}", error, fix))
            continue
        tables[flag], remembered = table, table.columns
        found.append(ok(f"texts/{flag}", table.description))
    return found, tables.get("train_file"), tables.get("eval_file")


def _find_empty(flag, path, remembered, columns):
    """A finding on all empty texts of a file, None where there are none."""
    columns = columns | {"label_column": None}
    try:
        table = read_table(path, with_labels=False, columns=remembered, **columns)
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
    return problem(f"texts/{flag}", says, "Write them, or delete these rows.")
