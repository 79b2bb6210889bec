"""What a file scores, weighs and takes; and which of several files meets given limits."""

import dataclasses
import pathlib

from bert_tf import intervals, light
from bert_tf.compression.pruning import count_parameters
from bert_tf.ground import lazy
from bert_tf.run.comparison import Evaluation, paired_interval

exporting = lazy("bert_tf.serving.exporting")
layouts = lazy("bert_tf.checkpoints.layouts")

_RESAMPLES = 2_000  # Behind each interval.


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a file must keep; 0 is no limit.

    Attributes:
        size_mb: megabytes of the exported folder.
        drop: points (hundredths) of the metric below the given model.
        latency_ms: median milliseconds of one text.
    """

    size_mb: float
    drop: float
    latency_ms: float

    def kept_by(self, measured):
        """Whether a candidate, as `measure` returns it, keeps all limits."""
        values = (measured["size_mb"], measured["drop"], measured["p50_ms"])
        limits = (self.size_mb, self.drop, self.latency_ms)
        return all(not limit or value <= limit for value, limit in zip(values, limits))

    def __str__(self):
        units = {"size_mb": "MB", "drop": "points", "latency_ms": "ms"}
        parts = [
            f"max_{name}={getattr(self, name):g} {unit}"
            for name, unit in units.items()
            if getattr(self, name)
        ]
        return ", ".join(parts) or "no limits"


def evaluate(model, eval_file, arguments):
    """Returns the `Evaluation` of a `Predictor` on labelled records.

    Args:
        model: `Predictor`.
        eval_file, arguments: the records, and how to read them.
    """
    columns, outputs = model.outputs(eval_file, **arguments)
    score = model.task.score(columns, outputs)[model.task.metric]
    return Evaluation(model.task, columns, outputs, score)


def measure(folder, path, quantize, *, eval_file, arguments, reference):
    """Exports a model folder as a TFLite file of any length, and measures it.

    Args:
        folder: model folder.
        path: folder to write, unless it exists.
        quantize: as of `ExportConfig`.
        eval_file, arguments: as of `evaluate`.
        reference: `Evaluation` of the given model.

    Returns:
        dict with `score`, its `interval_95` over examples; `drop` in points, and
        `drop_interval_95`; `size_mb`, `parameters`, `p50_ms` and `p99_ms` of a text, and
        `texts_per_second` of 32.

    Raises:
        ArithmeticError: the file does not predict what the model does.
    """
    report = exporting.read_report(path)
    if not report:
        report = exporting.export(
            exporting.ExportConfig(
                model=str(folder),
                output_dir=str(path),
                format="tflite",
                quantize=quantize,
                dynamic_length=True,
            )
        )
    run = evaluate(light.Model(path), eval_file, arguments)
    draws = {"resamples": _RESAMPLES, "seed": 1}
    hits = run.hits()
    if hits is not None:
        interval = intervals.bootstrap_mean(hits, **draws)
    else:
        interval = intervals.bootstrap(run.score_of, run.size, **draws)
    low, high = paired_interval([reference], [run], **draws)
    arrays = layouts.read_arrays(pathlib.Path(folder))
    return {
        "score": run.score,
        "interval_95": interval,
        "drop": 100 * (reference.score - run.score),
        "drop_interval_95": [100 * low, 100 * high],
        "size_mb": report["size_bytes"] / 1e6,
        "parameters": count_parameters(arrays, scope=""),
        **{name: report[name] for name in ("p50_ms", "p99_ms", "texts_per_second")},
    }


def choose_best(measured, limits):
    """Returns the name of the smallest candidate that keeps all limits, or None.

    Of two whose sizes have the same three digits, the one with the higher score is best.

    Args:
        measured: {name: as `measure` returns it}.
        limits: `Limits`.
    """
    good = [name for name, values in measured.items() if limits.kept_by(values)]
    return min(good, key=lambda name: _rank(measured[name]), default=None)


def _rank(values):
    return float(f"{values['size_mb']:.3g}"), -values["score"]


def as_table(measured, metric, best):
    """Returns the candidates as a table for people, the best one marked."""
    head = f"{metric} (95 %)"
    lines = [
        f"  {'candidate':15}{head:>24}{'drop':>7}{'MB':>8}{'parameters':>13}{'p50 ms':>8}"
        + f"{'p99 ms':>8}{'texts/s':>9}"
    ]
    for name, values in measured.items():
        low, high = values["interval_95"]
        score = f"{values['score']:.4f} [{low:.3f}, {high:.3f}]"
        lines.append(
            f"{'*' if name == best else ' '} {name:15}{score:>24}{values['drop']:7.2f}"
            f"{values['size_mb']:8.1f}{values['parameters']:13,}{values['p50_ms']:8.1f}"
            f"{values['p99_ms']:8.1f}{values['texts_per_second']:9,.0f}"
        )
    return "\n".join(lines)
