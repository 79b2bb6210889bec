"""One command for what a user asks of a trained model before trusting it."""

import dataclasses
import json
import logging
import pathlib

import numpy as np

from bert_tf.analysis.bias.part import BiasOptions
from bert_tf.analysis.calibration.part import CalibrationOptions
from bert_tf.analysis.card import find_card, update_card
from bert_tf.analysis.page import make_page
from bert_tf.analysis.robustness.part import RobustnessOptions
from bert_tf.analysis.subject import Subject, SubjectOptions, keep, sample
from bert_tf.data.records.options import reader_arguments
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
from bert_tf.training import engine

_log = logging.getLogger(__name__)

# {part: module with `analyze(subject, config)` → `Part`, or None if nothing suits the task,
# and `NEEDS_LABELS`}.
PARTS = {
    "explain": lazy("bert_tf.analysis.explain.part"),
    "bias": lazy("bert_tf.analysis.bias.part"),
    "robustness": lazy("bert_tf.analysis.robustness.part"),
    "calibration": lazy("bert_tf.analysis.calibration.part"),
}


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class AnalyzeConfig(CalibrationOptions, RobustnessOptions, BiasOptions, SubjectOptions):
    """Which model to analyse, on which records, and where to write the report.

    Example:
        >>> import bert_tf
        >>> bert_tf.AnalyzeConfig(
        ...     model="model", data="dev.csv", output_dir="report").max_examples
        200
    """

    part: str = setting(
        "all",
        f"What to analyse: {', '.join(PARTS)}, or all that suits the task.",
        section="analysis",
    )
    max_examples: int = setting(200, "Most records of data to analyse, drawn by seed.")
    seed: int = setting(1, "Seed of whatever is drawn.")
    output_dir: str = setting("", "Folder to write: report.html, PNG and JSON.")
    update_card: bool = setting(
        False, "Write the figures that have intervals into the model's README.md, too."
    )

    def __post_init__(self):
        self.check_files()
        require(self, "model", "output_dir")
        one_of("part", self.part, (*PARTS, "all"))
        at_least(self, "per_device_eval_batch_size", 1)
        at_least(self, "max_examples", 2)
        at_least(self, "attacked", 1)
        at_least(self, "canary_candidates", 1)


def analyze(config):
    """Analyses a trained model, and writes what was found for people and programs.

    Args:
        config: `AnalyzeConfig`.

    Returns:
        dict, as analysis.json of the folder holds it: `model`, `task`, `examples`, and
        `parts`, {part: {name: value}}.

    Raises:
        ValueError, FileNotFoundError: bad input, before anything is written.
        FileExistsError: the output folder exists.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.AnalyzeConfig(
        ...     model="model", data="dev.csv", output_dir="report", part="explain")
        >>> result = bert_tf.analyze(config)
        >>> sorted(result["parts"]["explain"]["faithfulness"])[:2]
        ['attention_rollout', 'gradient_times_input']
    """
    engine.select("tensorflow")  # Gradients are those of TensorFlow.
    output_dir = pathlib.Path(config.output_dir)
    if output_dir.exists():
        raise FileExistsError(f"output_dir exists: {output_dir}. Choose a new folder.")
    card = find_card(config.model) if config.update_card else None
    model = config.load_model()
    names = PARTS if config.part == "all" else [config.part]
    table, groups = _read(config, model, [PARTS[name] for name in names])
    training = None
    if config.train_file:
        training = model.task.read(
            config.train_file,
            columns=model.columns,
            **reader_arguments(config),
            **model.task.read_options(model.folder.settings),
        )
    with replacing_folder(output_dir) as beside:
        beside.mkdir()
        subject = Subject(model, table, training, beside, config.seed, groups)
        found = []
        for name in names:
            _log.info("%s", name)
            part = PARTS[name].analyze(subject, config)
            if part:
                found.append(part)
        if not found:
            raise ValueError(
                f"nothing of part={config.part} suits {model.task.name} without more "
                "files; pass data, or files such as crows_pairs_file."
            )
        facts = {"Task": model.task.name.replace("_", " ")}
        if table:
            facts["Records"] = f"{len(table.records):,} of {table.path}"
        page = make_page(f"Analysis of {config.model}", facts, found, beside)
        write_text(beside / "report.html", page)
        result = {
            "model": config.model,
            "task": model.task.name,
            "examples": len(subject.records),
            "parts": {part.name: part.values for part in found},
        }
        text = json.dumps(result, indent=2, ensure_ascii=False)
        write_text(beside / "analysis.json", text + "\n")
    if card:
        update_card(card, found, facts.get("Records", ""))
    return result


def _read(config, model, parts):
    """Returns the `Table` of the records, and {column: their groups}; None without data.

    Labels are read if a part needs them, or if they are there.

    Raises:
        ValueError: there are none where they are needed; something else is wrong.
    """
    columns = [name.strip() for name in config.slice_columns.split(",") if name.strip()]
    if not config.data:
        if columns:
            raise ValueError("slice_columns are columns of data; pass data, too.")
        return None, {}
    task, options = model.task, reader_arguments(config)
    options |= task.read_options(model.folder.settings) | {"columns": model.columns}
    needed = columns or (
        config.part != "all" and any(part.NEEDS_LABELS for part in parts)
    )
    try:
        table = task.read(config.data, **options)
    except ValueError:
        if task.scored and needed:
            raise
        options["with_labels"] = False
        table = task.read(config.data, **options)
    chosen = sample(len(table.records), config.max_examples, config.seed)
    groups = {}
    for column in columns:
        ids = task.read(config.data, id_column=column, **options).records
        groups[column] = np.array([str(ids[number]["id"]) for number in chosen])
    return keep(table, chosen), groups
