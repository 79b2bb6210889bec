"""Scores for people: a table on the screen, a hint, and one line of JSON."""

import json

from bert_tf.json_files import defined

_ABBREVIATIONS = {"f1": "F1", "mcc": "MCC", "mrr": "MRR", "mse": "MSE"} | {
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge": "ROUGE",
    "l": "L",
}


def format_scores(scores):
    """Returns a text table of scores.

    Args:
        scores: {name: value}. Of a value {group: {name: number}}, such as the precision,
            recall and F1 of each class, each group is a line; a single number is a line
            below; everything else is left out, and the loss, which the log tells.
    """
    groups = {}
    for value in scores.values():
        if isinstance(value, dict) and all(isinstance(x, dict) for x in value.values()):
            groups |= value
    numbers = {name: x for name, x in scores.items() if isinstance(x, float)}
    numbers.pop("loss", None)
    names = {name: _spell(name) for name in numbers}
    width = max(map(len, [*groups, *names.values()]), default=0)
    columns = list(dict.fromkeys(name for group in groups.values() for name in group))
    widths = {name: max(5, len(name)) for name in columns}
    header = "".join(f"  {_spell(name):>{widths[name]}}" for name in columns)
    lines = [" " * width + header] if groups else []
    for label, group in groups.items():
        cells = (f"  {_cell(group.get(name)):>{widths[name]}}" for name in columns)
        lines.append(f"{label:{width}}" + "".join(cells))
    number_width = widths[columns[0]] if columns else 9
    lines += [
        f"{names[name]:{width}}  {value:{number_width}.3f}"
        for name, value in numbers.items()
    ]
    return "\n".join(lines)


def _spell(name):
    return " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))


def _cell(value):
    return (
        f"{value:.3f}" if isinstance(value, float) else "" if value is None else value
    )


def describe(scores, metric):
    """Returns the table of an evaluation, and a hint if the main score is 0.

    Args:
        scores: {"eval_…": value}; other names are left out.
        metric: name of the main score, without "eval_".
    """
    scores = {
        name.removeprefix("eval_"): value
        for name, value in scores.items()
        if name.startswith("eval_")
    }
    table = format_scores(scores)
    if scores.get(metric) != 0:
        return table
    return (
        f"{table}\n{_spell(metric)} is 0: the model has not learnt the task yet. Train "
        "longer (num_train_epochs) or with a higher learning_rate, and check that the "
        "label column and the records are the right ones."
    )


def as_json(metrics):
    """Returns metrics as one line of JSON; the confusion matrix is left out."""
    shown = {name: x for name, x in metrics.items() if name != "eval_confusion_matrix"}
    return json.dumps(defined(shown), ensure_ascii=False, allow_nan=False)
