"""Checkpoints of a run, and the best weights so far: their files, whatever the engine."""

import json
import logging

from bert_tf.disk import remove, writing
from bert_tf.ground import reason, write_text
from bert_tf.training.run_folder import read_numbers, saved_steps

_log = logging.getLogger(__name__)

# The file that each engine writes for a checkpoint: its ending names the engine.
_SUFFIXES = {"tensorflow": ".index", "jax": ".safetensors"}


class Checkpoints:
    """The newest few training states of a run, in `checkpoints/` of its output folder.

    An engine's subclass reads and writes the tensors of `ckpt-N`; its numbers are
    `ckpt-N.json`. The numbers are written last, so that a checkpoint that has them is
    complete; no other file says which checkpoints there are.

    Args:
        output_dir: `pathlib.Path`.
        limit: number of checkpoints that are kept.

    Attributes:
        engine: name of the engine, set by the subclass.
        damage: tuple of the exceptions that `read` raises for damaged tensors; set by the
            subclass.
    """

    engine = ""
    damage = (OSError, ValueError)

    def __init__(self, output_dir, *, limit):
        self.folder, self._limit = output_dir / "checkpoints", limit

    def read(self, path, best=False):
        """Reads all tensors of a checkpoint, or only the best weights, and uses them."""
        raise NotImplementedError

    def write(self, path, best=False):
        """Writes all tensors of a checkpoint, or only the weights of the model."""
        raise NotImplementedError

    def check(self, path):
        """Raises one of `damage` if the best weights are not whole; uses nothing."""
        raise NotImplementedError

    def size(self, best=False):
        """Returns the bytes that `write` writes."""
        raise NotImplementedError

    def restore(self):
        """Restores the newest undamaged checkpoint, if there is one.

        Returns:
            The numbers that `save` received; {} without a checkpoint.

        Raises:
            ValueError: there are checkpoints, but all of them are damaged, or another
                engine has written them.
        """
        steps = saved_steps(self.folder)[::-1]
        self._check_engine(steps)
        for step in steps:
            path = self.folder / f"ckpt-{step}"
            try:
                numbers = read_numbers(path.with_name(f"{path.name}.json"), step)
                self.read(path)
                return numbers
            except self.damage as error:
                _log.warning("checkpoint %s is damaged (%s).", path, reason(error))
        if steps:
            raise ValueError(
                f"no checkpoint in {self.folder} is whole; start anew with "
                "--overwrite_output_dir, or choose another output_dir."
            )
        return {}

    def _check_engine(self, steps):
        engines = {
            engine
            for engine, suffix in _SUFFIXES.items()
            for step in steps
            if (self.folder / f"ckpt-{step}{suffix}").exists()
        }
        if engines and self.engine not in engines:
            other = engines.pop()
            raise ValueError(
                f"the checkpoints in {self.folder} are {other}'s, which {self.engine} "
                f"cannot read; go on with --engine={other}, start anew with "
                "--overwrite_output_dir, or choose another output_dir."
            )

    def save(self, step, numbers):
        """Writes a checkpoint, and removes the oldest ones over the limit.

        Args:
            step: number of the checkpoint.
            numbers: dict that JSON can hold.

        Raises:
            WriteError: it cannot be written; those before it stay.
        """
        path = self.folder / f"ckpt-{step}.json"
        path.unlink(missing_ok=True)  # Of a damaged checkpoint of the same step.
        self._write(f"ckpt-{step}")
        write_text(path, json.dumps(numbers, allow_nan=False) + "\n")
        # A step beyond this one was found to be damaged.
        steps = [saved for saved in saved_steps(self.folder) if saved <= step]
        kept = {f"ckpt-{saved}" for saved in steps[-self._limit :]} | {"best"}
        for path in self.folder.iterdir():
            if path.name.split(".")[0] not in kept:
                remove(path)

    def keep_best(self):
        """Writes the weights that the model holds now as the best ones."""
        self._write("best", best=True)

    def has_best(self):
        """Returns whether the weights that `keep_best` wrote are there, all of them."""
        try:
            self.check(self.folder / "best")
        except self.damage:
            return False
        return True

    def load_best(self):
        """Loads the weights that `keep_best` wrote; returns whether they were whole."""
        path = self.folder / "best"
        try:
            self.read(path, best=True)
        except self.damage as error:
            _log.warning("the best weights, %s, are damaged (%s).", path, reason(error))
            self.restore()  # Some of the weights may have been replaced.
            return False
        return True

    def _write(self, name, best=False):
        path = self.folder / name
        with writing(path, self.size(best)):
            self.folder.mkdir(exist_ok=True)
            self.write(path, best)


class WithCheckpoints:
    """What all engines do with checkpoints: all workers read, and the chief writes.

    Args:
        workers: `Workers` of the engine.
    """

    def __init__(self, workers):
        self.workers, self.chief = workers, workers.chief
        self.gather, self.now = workers.gather, workers.now

    def open_checkpoints(self, output_dir):
        """Returns the engine's `Checkpoints` of a run."""
        raise NotImplementedError

    def restore(self, output_dir):
        self._checkpoints = self.open_checkpoints(output_dir)
        numbers = self._checkpoints.restore()
        self.workers.agree(numbers.get("step", 0), output_dir)
        return numbers

    def save(self, step, numbers):
        if self.chief:
            self._checkpoints.save(step, numbers)

    def keep_best(self):
        if self.chief:
            self._checkpoints.keep_best()

    def has_best(self):
        # Workers that disagree would count evaluations differently.
        return min(self.gather(self._checkpoints.has_best())) == 1.0

    def load_best(self):
        return not self.chief or self._checkpoints.load_best()
