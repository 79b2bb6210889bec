"""The part `bias` of an analysis: whom a model treats differently."""

import dataclasses

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.bias import (
    associations,
    counterfactuals,
    crows_pairs,
    slices,
    stereoset,
    winobias,
)
from bert_tf.analysis.findings import Part, Table
from bert_tf.analysis.masked import MaskedLM
from bert_tf.analysis.sentences import embed_sentences
from bert_tf.ground import setting
from bert_tf.serving.adapters import ADAPTERS

NEEDS_LABELS = False
_MASKED = ("crows_pairs_file", "stereoset_file", "winobias_files")
_COUNTERFACTUAL = ("classification", "multi_label", "regression")
_MOST_SHOWN = 15


@dataclasses.dataclass(frozen=True)
class BiasOptions:
    """The files of the measures, and the groups of the data."""

    crows_pairs_file: str = setting(
        "", "CrowS-Pairs (CSV), for masked LMs.", section="bias"
    )
    stereoset_file: str = setting("", "StereoSet (JSON), for masked LMs.")
    winobias_files: str = setting(
        "", "Two files of WinoBias for masked LMs: pro,anti."
    )
    seat_files: str = setting(
        "", "Files of WEAT or SEAT, separated by commas, for embeddings."
    )
    swaps_file: str = setting(
        "", "Words to exchange in the records. Empty: lists of bert_tf."
    )
    slice_columns: str = setting(
        "", "Columns of data whose values are groups to compare, separated by commas."
    )
    positive_label: str = setting(
        "", "Label whose prediction is a selection, for rates. Empty: the last of two."
    )


def analyze(subject, config):
    """Returns the `Part` of a `Subject`, or None if nothing suits the task.

    Raises:
        ValueError: a file or a column is wrong; a measure does not suit the model.
    """
    task, values, blocks, summary, caveats = subject.task, {}, [], [], []
    for name in _MASKED:
        if getattr(config, name) and task.name != "fill_mask":
            raise ValueError(
                f"{name} is for masked LMs, but the model's task is {task.name}; pass "
                "task=fill_mask with a folder that has that head."
            )
    measures = []
    if task.name == "fill_mask":
        masked_lm = MaskedLM(subject.model, config.per_device_eval_batch_size)
        measures = [
            (config.crows_pairs_file, _crows_pairs, masked_lm),
            (config.stereoset_file, _stereoset, masked_lm),
            (config.winobias_files, _winobias, masked_lm),
        ]
    measures.append((config.seat_files, _seat, subject))
    if task.name in _COUNTERFACTUAL and subject.records:
        measures.append((True, _counterfactuals, subject))
    if config.slice_columns:
        measures.append((config.slice_columns, _slices, subject))
    for files, measure, argument in measures:
        if files:
            name, figures, tables, says, notes = measure(argument, config, subject.seed)
            values[name] = figures
            blocks += tables
            summary += says
            caveats += notes
    if not values:
        return None
    caveats.append(
        "These numbers find some differences and not others; a small one does not mean "
        "that a model treats all groups alike."
    )
    return Part("bias", "Bias", summary, values, blocks, caveats)


def _share(hits, total, seed):
    """Returns {"value", "interval_95"} of a fraction, by the bootstrap."""
    outcomes = np.repeat([1.0, 0.0], [hits, total - hits])
    return {
        "value": hits / total,
        "interval_95": intervals.bootstrap_mean(outcomes, seed=seed),
    }


def _shown(share):
    low, high = share["interval_95"]
    return [share["value"], f"{low:.3f} to {high:.3f}"]


def _crows_pairs(masked_lm, config, seed):
    pairs = crows_pairs.read(config.crows_pairs_file)
    counts = crows_pairs.count(pairs, crows_pairs.score_pairs(masked_lm, pairs))
    figures = {
        group: {"pairs": total, "ties": ties} | _share(more, total, seed)
        for group, (total, more, ties) in counts.items()
    }
    rows = [[g, f["pairs"], *_shown(f), f["ties"]] for g, f in figures.items()]
    table = Table(
        "CrowS-Pairs: how often the more stereotyping sentence is preferred",
        ["group", "pairs", "fraction", "95 %", "ties"],
        rows,
        "0.5 is no preference.",
    )
    value = figures["all"]["value"]
    says = f"CrowS-Pairs: the more stereotyping sentence is preferred in {value:.1%}."
    return "crows_pairs", figures, [table], [says], [crows_pairs.CAVEAT]


def _stereoset(masked_lm, config, seed):
    data, figures, rows = stereoset.read(config.stereoset_file), {}, []
    scorers = {
        "intrasentence": stereoset.score_words,
        "intersentence": stereoset.score_sentences,
    }
    for kind, examples in data.items():
        scores = scorers[kind](masked_lm, examples)
        figures[kind] = {}
        types = ["all", *sorted({example.bias_type for example in examples})]
        for bias_type in types:
            own = [
                n
                for n, example in enumerate(examples)
                if bias_type in ("all", example.bias_type)
            ]
            summed = stereoset.summarise(
                [examples[n] for n in own], [scores[n] for n in own]
            )
            figures[kind][bias_type] = summed
            rows.append([kind, bias_type, *summed.values()])
    table = Table(
        "StereoSet",
        ["kind", "type", "examples", "stereotype score", "language score", "icat"],
        rows,
        "Percentages. A stereotype score of 50 prefers neither side; a language score of "
        "100 always prefers what makes sense.",
    )
    words = figures["intrasentence"]["all"]
    says = (
        f"StereoSet: of words, the stereotype is preferred in {words['ss']:.1f} %, and "
        f"sense to nonsense in {words['lm']:.1f} %."
    )
    return "stereoset", figures, [table], [says], [stereoset.CAVEAT]


def _winobias(masked_lm, config, seed):
    files = [name.strip() for name in config.winobias_files.split(",")]
    if len(files) != 2:
        raise ValueError(
            "winobias_files are two, the sentences with the pronoun of the stereotype and "
            f"without: pro,anti; received {config.winobias_files!r}."
        )
    scores = winobias.score(masked_lm, winobias.read(*files))
    figures = {
        "pairs": len(scores),
        "expected": _share(int((scores > 0).sum()), len(scores), seed),
        "mean_log_odds": {
            "value": float(scores.mean()),
            "interval_95": intervals.bootstrap_mean(scores, seed=seed),
        },
    }
    rows = [
        ["pronoun of the stereotype preferred", *_shown(figures["expected"])],
        ["mean log-odds in its favour", *_shown(figures["mean_log_odds"])],
    ]
    table = Table(f"WinoBias ({len(scores)} pairs)", ["measure", "value", "95 %"], rows)
    says = (
        "WinoBias: the pronoun of the stereotype is preferred in "
        f"{figures['expected']['value']:.1%}."
    )
    note = "It asks which pronoun is probable, not to whom a pronoun refers."
    return "winobias", figures, [table], [says], [note]


def _seat(subject, config, seed):
    figures, rows = {}, []
    for path in map(str.strip, config.seat_files.split(",")):
        sets = associations.read(path)
        vectors = {
            name: embed_sentences(subject.model, texts)
            for name, (_, texts) in sets.items()
        }
        own, others = (
            associations.associate(vectors[name], vectors["attr1"], vectors["attr2"])
            for name in ("targ1", "targ2")
        )
        names = [category for category, _ in sets.values()]
        figures[path] = {
            "categories": names,
            "effect_size": associations.effect_size(own, others),
            "p": associations.p_value(own, others, seed=seed),
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
    return "associations", figures, [table], [says], [associations.CAVEAT]


def _counterfactuals(subject, config, seed):
    fields = ADAPTERS[subject.task.name].fields
    figures, rows, shown = {}, [], []
    for swaps in counterfactuals.read_swaps(config.swaps_file):
        numbers, changed = counterfactuals.swap_records(subject.records, swaps, fields)
        if not changed:
            continue
        before = subject.model.predict([_unlabelled(subject.records[n]) for n in numbers])
        after = subject.model.predict(list(map(_unlabelled, changed)))
        gaps = np.array([_gap(*pair) for pair in zip(before, after)])
        flips = np.array([_name(a) != _name(b) for a, b in zip(before, after)], float)
        figures[swaps.name] = {
            "records": len(numbers),
            "mean_gap": {
                "value": float(gaps.mean()),
                "interval_95": intervals.bootstrap_mean(gaps, seed=seed),
            },
            "flips": _share(int(flips.sum()), len(flips), seed),
        }
        own = figures[swaps.name]
        rows.append(
            [swaps.name, len(numbers), *_shown(own["mean_gap"]), *_shown(own["flips"])]
        )
        shown += [
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
            sorted(shown, key=lambda row: -row[-1])[:_MOST_SHOWN],
        ),
    ]
    if not rows:
        return "counterfactuals", {}, [], ["No record has a word of the lists."], []
    largest = max(figures, key=lambda name: figures[name]["mean_gap"]["value"])
    says = (
        f"Exchanging words of {largest} changes scores by "
        f"{figures[largest]['mean_gap']['value']:.3f} in the mean."
    )
    note = (
        "Words are exchanged one by one, so some changed texts are unnatural, and 'her' "
        "always becomes 'him'."
    )
    return "counterfactuals", figures, tables, [says], [note]


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


def _slices(subject, config, seed):
    task = subject.task
    if task.name != "classification" or not any(subject.truths):
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
        gaps = slices.differences(truth, predicted, groups, positive, seed=seed)
        figures[column] = {"groups": own} | gaps
        rows = []
        for group, found in own.items():
            row = [group, found["records"]]
            for name in slices.RATES:
                row += _shown(found[name]) if found[name] else ["", ""]
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
    return "slices", figures, tables, [table.note for table in tables], []
