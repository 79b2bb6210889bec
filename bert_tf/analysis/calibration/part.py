"""The part `calibration` of an analysis: is a classifier as sure as it is right?"""

import dataclasses
import logging

import numpy as np

from bert_tf import intervals
from bert_tf.analysis.adapters import find_adapter
from bert_tf.analysis.calibration import measures
from bert_tf.analysis.embedding import embed_texts
from bert_tf.analysis.findings import Part, Picture, Table
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints.remembered import remember
from bert_tf.data.records.options import reader_arguments
from bert_tf.ground import setting
from bert_tf.report.canvas import drawing
from bert_tf.tasks.probabilities import softmax

NEEDS_LABELS = True
_log = logging.getLogger(__name__)
_FEWEST = 20  # Records, of which one half fits the temperature.
_MOST_TRAINING = 2_000  # Records for the distances.


@dataclasses.dataclass(frozen=True, init=False)
class CalibrationOptions:
    """What the model should not answer."""

    outside_file: str = setting(
        "",
        "Texts of another domain, to tell from data. Empty: not measured.",
        section="calibration",
    )
    save_temperature: bool = setting(
        False,
        "Remember the fitted temperature in the model folder, for all predictions and "
        "exports.",
    )


def analyze(subject, config):
    """Returns the `Part` of a `Subject`; None for other tasks than classification."""
    if not find_adapter(subject.task).classifies or not subject.records:
        return None
    if len(subject.records) < _FEWEST or not all(subject.truths):
        says = (
            f"calibration needs {_FEWEST} records with labels or more, of which one half "
            f"fits the temperature; received {len(subject.records)}"
        )
        if config.part != "all":
            raise ValueError(f"{says}.")
        _log.warning("%s; it is left out.", says)
        return None
    columns, outputs = subject.model.outputs_of(subject.table)
    logits, truth = outputs["logits"], np.asarray(columns["label"])
    drawn = np.random.default_rng(subject.seed).permutation(len(truth))
    fitted, held_out = np.array_split(drawn, 2)
    temperature = measures.fit_temperature(logits[fitted], truth[fitted])
    before = measures.scores(logits[held_out], truth[held_out])
    after = measures.scores(logits[held_out] / temperature, truth[held_out])
    change = intervals.bootstrap(
        lambda chosen: _ece_gain(logits, truth, held_out[chosen], temperature),
        len(held_out),
        resamples=1_000,
        seed=subject.seed,
    )
    shares = softmax(np.asarray(logits, np.float64))
    hits = shares.argmax(axis=1) == truth
    confidences = shares.max(axis=1)
    curve = measures.coverage(confidences, hits)
    draw_reliability(
        subject.folder / "reliability.png",
        measures.reliability(confidences, hits),
        curve,
    )
    total = temperature * subject.task.temperature
    part = Part(
        "calibration",
        "Calibration",
        [
            (
                f"On the held-out half, the expected calibration error is {before['ece']:.3f}, "
                f"and {after['ece']:.3f} with logits divided by {temperature:.2f}, which "
                "changes no prediction."
            ),
            (
                f"The surest half of the records has an accuracy of {curve[4]['accuracy']:.3f}, "
                f"all have {curve[-1]['accuracy']:.3f}."
            ),
        ],
        {
            "temperature": total,
            "before": before,
            "after": after,
            "ece_reduction_95": change,
            "coverage": curve,
        },
        [
            Picture(
                "reliability.png",
                "Accuracy against confidence, and against the fraction that is answered.",
            ),
            Table(
                f"Temperature {temperature:.3f}, fitted on one half, measured on the other",
                ["", *before],
                [["before", *before.values()], ["after", *after.values()]],
                "By how much the error falls, 95 %: {:.3f} to {:.3f}.".format(*change),
            ),
            Table(
                "Abstaining where the model is least sure",
                ["answered", "least confidence", "accuracy"],
                [list(row.values()) for row in curve],
            ),
        ],
        [
            "A temperature that suits these records need not suit texts of another kind.",
        ],
    )
    if config.outside_file:
        _tell_apart(part, subject, config, logits)
    if config.save_temperature:
        remember(folders.resolve(config.model), temperature=total)
        part.summary.append(
            f"The model folder divides its logits by {total:.3f} from now on."
        )
    return part


def _ece_gain(logits, truth, chosen, temperature):
    own, wanted = logits[chosen], truth[chosen]
    return (
        measures.scores(own, wanted)["ece"]
        - measures.scores(own / temperature, wanted)["ece"]
    )


def _tell_apart(part, subject, config, logits):
    """Adds how well records are told from those of another domain."""
    task = subject.task
    others = task.read(
        config.outside_file, with_labels=False, **_without_labels(config)
    )
    _, outputs = subject.model.outputs_of(others)
    found = {
        "confidence": (
            softmax(np.asarray(logits, np.float64)).max(axis=1),
            softmax(np.asarray(outputs["logits"], np.float64)).max(axis=1),
        ),
        "energy": (measures.energy(logits), measures.energy(outputs["logits"])),
    }
    if subject.training:
        records = subject.training.records[:_MOST_TRAINING]
        labels = [task.labels.index(record["label"]) for record in records]
        vectors = _embed(subject, [*records, *subject.records, *others.records])
        ends = np.cumsum([len(records), len(subject.records)])
        known, *sides = np.split(vectors, ends)
        near = measures.Mahalanobis(known, labels)
        found["mahalanobis"] = tuple(map(near.closeness, sides))
    figures = {name: measures.area_under_roc(*sides) for name, sides in found.items()}
    part.values["outside"] = {"records": len(others.records), "auroc": figures}
    part.blocks.append(
        Table(
            f"Telling the records from {len(others.records):,} of {others.path}",
            ["score", "area under the ROC curve"],
            [list(row) for row in figures.items()],
            "0.5 is chance, 1 is perfect. The Mahalanobis distance needs train_file.",
        )
    )
    best = max(figures, key=figures.get)
    part.summary.append(
        f"Texts of another domain are told apart best by {best}, with an area under the "
        f"ROC curve of {figures[best]:.3f}."
    )


def _without_labels(config):
    options = reader_arguments(config)
    options.pop("label_column", None)
    return options


def _embed(subject, records):
    texts = [
        " ".join(record[name] for name in ("text", "text_pair") if name in record)
        for record in records
    ]
    return embed_texts(subject.model, texts)


def draw_reliability(path, bins, curve):
    """Draws accuracy against confidence, and against the fraction that is answered.

    Args:
        path: PNG file to write.
        bins: as `measures.reliability` returns them.
        curve: as `measures.coverage` returns it.
    """
    with drawing(path, width=7.5, height=3.4) as figure:
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color="0.7", linestyle="--")
        most = max(row["records"] for row in bins)
        left.scatter(
            [row["confidence"] for row in bins],
            [row["accuracy"] for row in bins],
            s=[10 + 150 * row["records"] / most for row in bins],
            color="#1f77b4",
            alpha=0.8,
        )
        left.set_xlabel("confidence (larger: more records)")
        left.set_ylabel("accuracy")
        left.set_xlim(0, 1.02)
        left.set_ylim(0, 1.02)
        right.plot(
            [row["coverage"] for row in curve],
            [row["accuracy"] for row in curve],
            color="#d95f02",
            marker=".",
        )
        right.set_xlabel("fraction that is answered, the surest first")
        right.set_ylabel("accuracy of the answers")
        right.set_xlim(0, 1.02)
        for axes in (left, right):
            axes.grid(visible=True)
