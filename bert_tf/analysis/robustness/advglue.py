"""AdvGLUE (Wang et al., 2021): records of GLUE that people and programs made hard."""

import dataclasses

from bert_tf.json_files import json_value, read_json


@dataclasses.dataclass(frozen=True)
class _Layout:
    text: str
    pair: str
    names: tuple  # Of the labels 0, 1, …, as GLUE's files spell them.


_ENTAILED = ("entailment", "not_entailment")
_INFERRED = ("entailment", "neutral", "contradiction")
_TASKS = {
    "sst2": _Layout("sentence", "", ("negative", "positive")),
    "qqp": _Layout("question1", "question2", ("not_duplicate", "duplicate")),
    "mnli": _Layout("premise", "hypothesis", _INFERRED),
    "mnli-mm": _Layout("premise", "hypothesis", _INFERRED),
    "qnli": _Layout("question", "sentence", _ENTAILED),
    "rte": _Layout("sentence1", "sentence2", _ENTAILED),
}


def read(path, task, labels):
    """Reads the records of one task, and their labels as a model names them.

    Args:
        path: of AdvGLUE's dev.json.
        task: key of the file, such as "sst2".
        labels: names of the model's labels; GLUE's names, or its numbers.

    Returns:
        list of records with `text` and, for pairs, `text_pair`, and the list of their
        labels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file lacks the task, or a record a field; the model has other
            labels.
    """
    data = read_json(path)
    if task not in _TASKS or task not in data:
        known = ", ".join(name for name in data if name in _TASKS) or "nothing"
        raise ValueError(
            f"advglue_task must be a task of {path}, which has {known}; received {task!r}."
        )
    layout = _TASKS[task]
    numbers = [str(number) for number in range(len(layout.names))]
    if sorted(labels) == sorted(numbers):
        spelled = numbers
    elif sorted(labels) == sorted(layout.names):
        spelled = layout.names
    else:
        raise ValueError(
            f"advglue_task={task} has the labels {', '.join(layout.names)}, or "
            f"{', '.join(numbers)}, but the model's are {', '.join(labels)}; pass the task "
            "that it was trained for."
        )
    records, truths = [], []
    rows = dict(enumerate(json_value(data, task, list, path)))
    for number in rows:
        row = json_value(rows, number, dict, f"{path}: {task}")
        source = f"{path}: record {number} of {task}"
        record = {"text": json_value(row, layout.text, str, source)}
        if layout.pair:
            record["text_pair"] = json_value(row, layout.pair, str, source)
        label = json_value(row, "label", int, source)
        if not 0 <= label < len(spelled):
            raise ValueError(f"{source}: there is no label {label}.")
        records.append(record)
        truths.append(spelled[label])
    return records, truths
