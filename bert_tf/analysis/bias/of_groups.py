"""Measures of embeddings and of classifiers: figures, tables and sentences."""

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.bias import associations, slices
from bert_tf.analysis.bias.shares import share, shown
from bert_tf.analysis.embedding import embed_texts
from bert_tf.analysis.findings import Table
from bert_tf.data.records.swaps import read_swaps, swap_records
from bert_tf.ground import lazy

serving = lazy("bert_tf.serving.adapters")

_MOST_SHOWN = 15


def measure_associations(subject, config):
    figures, rows = {}, []
    files = {
        path: associations.read(path)
        for path in map(str.strip, config.seat_files.split(","))
    }
    # At once, because the files share many texts.
    texts = {
        t: None for sets in files.values() for _, own in sets.values() for t in own
    }
    embeddings = dict(zip(texts, embed_texts(subject.model, list(texts))))
    for path, sets in files.items():
        vectors = {
            name: np.stack([embeddings[text] for text in own])
            for name, (_, own) in sets.items()
        }
        own, others = (
            associations.associate(vectors[name], vectors["attr1"], vectors["attr2"])
            for name in ("targ1", "targ2")
        )
        names = [category for category, _ in sets.values()]
        figures[path] = {
            "categories": names,
            "effect_size": associations.effect_size(own, others),
            "p": associations.p_value(own, others, seed=subject.seed),
        }
        rows.append(
            [
                " / ".join(names[:2]),
                " / ".join(names[2:]),
                figures[path]["effect_size"],
                figures[path]["p"],
            ]
        )
    table = Table(
        "WEAT and SEAT: which concepts are nearer to which attributes",
        ["concepts", "attributes", "effect size", "p"],
        rows,
        "Effect sizes go from -2 to 2; p of a one-sided permutation test. Of many tests "
        "some are small by chance.",
    )
    found = sum(figure["p"] < 0.05 for figure in figures.values())
    says = f"WEAT and SEAT: {found} of {len(figures)} associations have p below 0.05."
    return figures, [table], [says], [associations.CAVEAT]


def measure_counterfactuals(subject, config):
    fields = serving.ADAPTERS[subject.task.name].fields
    figures, rows, largest_gaps = {}, [], []
    for swaps in read_swaps(config.swaps_file):
        numbers, changed = swap_records(subject.records, swaps, fields)
        if not changed:
            continue
        before = subject.model.predict(
            [_unlabelled(subject.records[n]) for n in numbers]
        )
        after = subject.model.predict(list(map(_unlabelled, changed)))
        gaps = np.array([_gap(*pair) for pair in zip(before, after)])
        flips = np.array([_name(a) != _name(b) for a, b in zip(before, after)], float)
        figures[swaps.name] = {
            "records": len(numbers),
            "mean_gap": {
                "value": float(gaps.mean()),
                "interval_95": intervals.bootstrap_mean(gaps, seed=subject.seed),
            },
            "flips": share(int(flips.sum()), len(flips), subject.seed),
        }
        own = figures[swaps.name]
        rows.append(
            [swaps.name, len(numbers), *shown(own["mean_gap"]), *shown(own["flips"])]
        )
        largest_gaps += [
            [swaps.name, _text(changed[n], fields), _name(before[n]), _name(after[n])]
            + [float(gaps[n])]
            for n in np.argsort(-gaps, kind="stable")[:_MOST_SHOWN]
        ]
    tables = [
        Table(
            "Counterfactual gaps: texts that speak of another group",
            ["words", "records", "mean gap", "95 %", "flips", "95 %"],
            rows,
            "The gap is by how much scores change, at most; a flip is another prediction.",
        ),
        Table(
            "Largest gaps",
            ["words", "changed text", "before", "after", "gap"],
            sorted(largest_gaps, key=lambda row: -row[-1])[:_MOST_SHOWN],
        ),
    ]
    if not rows:
        return {}, [], ["No record has a word of the lists."], []
    largest = max(figures, key=lambda name: figures[name]["mean_gap"]["value"])
    says = (
        f"Exchanging words of {largest} changes scores by "
        f"{figures[largest]['mean_gap']['value']:.3f} in the mean."
    )
    note = (
        "Words are exchanged one by one, so some changed texts are unnatural, and 'her' "
        "always becomes 'him'."
    )
    return figures, tables, [says], [note]


def _unlabelled(record):
    return {name: x for name, x in record.items() if name != "label"}


def _gap(before, after):
    """Returns the largest change of a score, or of the number that is predicted."""
    if "scores" not in before:
        return abs(before["score"] - after["score"])
    return max(abs(x - after["scores"][name]) for name, x in before["scores"].items())


def _name(prediction):
    for name in ("label", "labels"):
        if name in prediction:
            value = prediction[name]
            return value if isinstance(value, str) else ", ".join(value)
    return f"{prediction['score']:.2f}"


def _text(record, fields):
    return " | ".join(record[name] for name in fields if name in record)


def measure_slices(subject, config):
    task = subject.task
    if not any(subject.truths):
        raise ValueError(
            "slice_columns compare the predictions of a classifier with labels; the "
            f"task is {task.name}, and the data have "
            f"{'labels' if any(subject.truths) else 'no labels'}."
        )
    positive = config.positive_label or task.labels[-1]
    if positive not in task.labels:
        raise ValueError(
            f"positive_label must be among {', '.join(task.labels)}; received "
            f"{config.positive_label!r}."
        )
    truth = np.array(subject.truths)
    predictions = subject.model.predict(list(map(_unlabelled, subject.records)))
    predicted = np.array([prediction["label"] for prediction in predictions])
    figures, tables = {}, []
    for column, groups in subject.groups.items():
        own = slices.by_group(truth, predicted, groups, positive)
        gaps = slices.differences(truth, predicted, groups, positive, seed=subject.seed)
        figures[column] = {"groups": own} | gaps
        rows = []
        for group, found in own.items():
            row = [group, found["records"]]
            for name in slices.RATES:
                row += shown(found[name]) if found[name] else ["", ""]
            rows.append(row)
        head = ["group", "records"]
        for name in slices.RATES:
            head += [name.replace("_", " "), "95 %"]
        says = ", ".join(
            f"{name.replace('_', ' ')} {gap['value']:.3f} "
            "(95 %: {:.3f} to {:.3f})".format(*gap["interval_95"])
            for name, gap in gaps.items()
        )
        tables.append(Table(f"By {column} (selected: {positive})", head, rows, says))
    return figures, tables, [table.note for table in tables], []
