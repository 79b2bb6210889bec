"""A program for `training/jax/engine_test.py`: trains the cases under JAX, and reports as JSON.

Its argument is a folder, in which it writes {variant}.npz with the losses and the weights.
"""

import json
import logging
import pathlib
import sys

import both_engines as cases
import jax
import keras
import numpy as np

from bert_tf.models import lora
from bert_tf.training import selection
from bert_tf.training.jax.distribution import Devices, make_strategy
from bert_tf.training.jax.engine import Engine

FOLDER = pathlib.Path(sys.argv[1])


class Run:
    """A run of a few updates; it resumes what stands in its folder."""

    def __init__(self, name, devices=1, save_at=0, model=None, trains=True, **changes):
        micro_batches = cases.TRAINING.gradient_accumulation_steps // devices
        config = cases.changed(gradient_accumulation_steps=micro_batches, **changes)
        self.model = model or cases.make_model(config.dtype_policy)
        selection.select(
            self.model, freeze=config.freeze, adapters_only=config.lora_rank > 0
        )
        self.before = cases.weights_of(self.model)
        self.engine = Engine(
            self.model,
            cases.Task(),
            config,
            Devices(jax.devices()[:devices]),
            total_steps=cases.STEPS,
        )
        (FOLDER / name).mkdir(exist_ok=True)
        self.start = self.engine.restore(FOLDER / name).get("step", 0)
        if trains:
            self._train(save_at)

    def _train(self, save_at):
        self.engine.start(cases.stream, self.start)
        self.metrics, self.rates = [], []
        for step in range(self.start + 1, cases.STEPS + 1):
            metrics = self.engine.update(step)
            assert self.engine.stop_signals(["SIGTERM"]) == ["SIGTERM"]
            self.metrics.append({name: float(x) for name, x in metrics.items()})
            self.rates.append(self.engine.learning_rate())
            if save_at and step % save_at == 0:
                self.engine.save(step, {"step": step, "best_score": 0.5})
        self.engine.load_averages()
        self.weights = cases.weights_of(self.model)
        self.losses = [metrics["loss"] for metrics in self.metrics]

    def write(self, name):
        columns = {
            key: np.array([line[key] for line in self.metrics])
            for key in self.metrics[0]
        }
        np.savez(FOLDER / f"{name}.npz", rates=self.rates, **columns, **self.weights)


def differences(run, other):
    """Returns the largest differences of losses and of weights."""
    weights = [np.abs(run.weights[p] - other.weights[p]).max() for p in other.weights]
    losses = np.abs(np.subtract(run.losses, other.losses))
    return {"losses": float(losses.max()), "weights": float(max(weights))}


def same(run, other):
    return run.metrics == other.metrics[-len(run.metrics) :] and all(
        np.array_equal(run.weights[path], other.weights[path]) for path in other.weights
    )


class Messages(logging.Handler):
    def emit(self, record):
        messages.append(record.getMessage())


messages, report = [], {}
logging.getLogger("bert_tf").addHandler(Messages())
report["devices"] = [
    make_strategy(name).num_replicas_in_sync
    for name in ("auto", "one_device", "mirrored")
]
runs = {
    name: Run(name, save_at=2, **changes) for name, changes in cases.VARIANTS.items()
}
for name, run in runs.items():
    run.write(name)
averaged, base, plain = cases.VARIANTS["averages"], runs["averages"], runs["adamw"]
report["examples"] = base.metrics[0]["examples"]
report["tokens"] = base.metrics[0]["tokens"]
report["notes"] = base.engine.notes()
report["is_finite"] = base.engine.is_finite()
report["several"] = {
    devices: differences(Run(f"on_{devices}", devices, **averaged), base)
    for devices in (2, 4)
}
report["files"] = sorted(
    path.name for path in (FOLDER / "averages/checkpoints").iterdir()
)

# The last checkpoint is damaged in one bit, in the middle of its numbers.
path = FOLDER / "averages/checkpoints/ckpt-6.safetensors"
content = bytearray(path.read_bytes())
content[len(content) // 2] ^= 1
path.write_bytes(content)
resumed = Run("averages", **averaged)
report["resumed"] = {"start": resumed.start, "same": same(resumed, base)}
path.write_bytes(content[:-100])
report["torn"] = Run("averages", trains=False, **averaged).start
path.with_name("ckpt-4.json").write_text('{"step": 3}')
try:
    Run("averages", trains=False, **averaged)
except ValueError as error:
    report["none_whole"] = str(error)
report["messages"] = [text.replace(str(FOLDER), "") for text in messages]

engine = base.engine
report["best"] = [engine.has_best()]
with engine.averaged():
    kept = cases.weights_of(base.model)
    engine.keep_best()
report["best"].append(engine.has_best())
for weight in base.model.trainable_variables:
    weight.assign(0.0 * weight)
report["best"].append(engine.load_best())
restored = cases.weights_of(base.model)
report["best"].append(all(np.array_equal(kept[path], restored[path]) for path in kept))
path = FOLDER / "averages/checkpoints/best.safetensors"
path.write_bytes(path.read_bytes()[:-1])
report["best"].append(engine.has_best())

foreign = FOLDER / "foreign/checkpoints"
foreign.mkdir(parents=True)
(foreign / "ckpt-7.json").write_text('{"step": 7}')
(foreign / "ckpt-7.index").touch()
try:
    Run("foreign", trains=False)
except ValueError as error:
    report["foreign"] = str(error)

checkpointed = cases.make_model(gradient_checkpointing=True)
report["recomputed"] = differences(Run("recomputed", model=checkpointed), plain)
report["bf16"] = differences(Run("bf16", bf16=True), plain)
report["unreached"] = all(
    np.array_equal(plain.before[path], plain.weights[path])
    for path in plain.weights
    if "/pooler/" in path
)

adapted = cases.make_model()
lora.add_adapters(adapted, 2, 16.0)
adapted = Run("adapted", model=adapted, lora_rank=2)
report["adapted"] = {
    "trained": sorted(
        path
        for path, weight in adapted.weights.items()
        if not np.array_equal(weight, adapted.before[path])
    ),
    "losses": adapted.losses,
}
merged = lora.merge_adapters(adapted.model, cases.make_model())
ours, theirs = (
    jax.jit(lambda rows, model=model: model(rows)["logits"])(cases.make_rows(0))
    for model in (merged, adapted.model)
)
report["adapted"]["merged"] = float(np.abs(ours - theirs).max())
assert keras.backend.backend() == "jax"
report["tensorflow"] = "tensorflow" in sys.modules
print(json.dumps(report))
