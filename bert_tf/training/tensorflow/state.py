"""Checkpoints of a run, and the best weights so far."""

import json
import logging

import tensorflow as tf

from bert_tf.disk import literal, remove, writing
from bert_tf.ground import reason, write_text
from bert_tf.training.run_folder import read_numbers, saved_steps

_log = logging.getLogger(__name__)

# The reader raises an IndexError for a file that is too short, and an AssertionError or a
# ValueError for variables of other names or shapes.
_DAMAGE = (tf.errors.OpError, IndexError, OSError, AssertionError, ValueError)


class Checkpoints:
    """The newest few training states of a run, in `checkpoints/` of its output folder.

    The tensors of a checkpoint are `ckpt-N.index` and `ckpt-N.data-*`, its numbers
    `ckpt-N.json`. The numbers are written last, so that a checkpoint that has them is
    complete; no other file says which checkpoints there are. Variables are kept by path,
    because a list would be restored by position, which another version of the model may
    order differently.

    Args:
        output_dir: `pathlib.Path`.
        weights: {path: variable}, the weights of the model that train.
        limit: number of checkpoints that are kept.
        parts: {name: {name: variable}}, all other tensors that a resumed run needs.
    """

    def __init__(self, output_dir, weights, *, limit, **parts):
        self._folder, self._limit = output_dir / "checkpoints", limit
        self._state = tf.train.Checkpoint(model=weights, **parts)
        self._best = tf.train.Checkpoint(model=weights)
        tensors = tf.nest.flatten([weights, parts])
        self._sizes = [sum(map(_bytes, group)) for group in (weights.values(), tensors)]

    def restore(self):
        """Restores the newest undamaged checkpoint, if there is one.

        Returns:
            The numbers that `save` received; {} without a checkpoint.

        Raises:
            ValueError: there are checkpoints, but all of them are damaged.
        """
        steps = saved_steps(self._folder)[::-1]
        for step in steps:
            try:
                numbers = read_numbers(self._folder / f"ckpt-{step}.json", step)
                _read(self._state, self._folder / f"ckpt-{step}")
                return numbers
            except _DAMAGE as error:
                path = self._folder / f"ckpt-{step}"
                _log.warning("checkpoint %s is damaged (%s).", path, reason(error))
        if steps:
            raise ValueError(
                f"no checkpoint in {self._folder} is whole; start anew with "
                "--overwrite_output_dir, or choose another output_dir."
            )
        return {}

    def save(self, step, numbers):
        """Writes a checkpoint, and removes the oldest ones over the limit.

        Args:
            step: number of the checkpoint.
            numbers: dict that JSON can hold.

        Raises:
            WriteError: it cannot be written; those before it stay.
        """
        path = self._folder / f"ckpt-{step}.json"
        path.unlink(missing_ok=True)  # Of a damaged checkpoint of the same step.
        self._write(self._state, f"ckpt-{step}", self._sizes[1])
        write_text(path, json.dumps(numbers, allow_nan=False) + "\n")
        # A step beyond this one was found to be damaged.
        steps = [saved for saved in saved_steps(self._folder) if saved <= step]
        kept = {f"ckpt-{saved}" for saved in steps[-self._limit :]} | {"best"}
        for path in self._folder.iterdir():
            if path.name.split(".")[0] not in kept:
                remove(path)

    def keep_best(self):
        """Writes the weights that the model holds now as the best ones."""
        self._write(self._best, "best", self._sizes[0])

    def has_best(self):
        """Returns whether the weights that `keep_best` wrote are there, all of them."""
        try:
            with literal(self._folder) as folder:
                reader = tf.train.load_checkpoint(str(folder / "best"))
                for name in reader.get_variable_to_shape_map():
                    reader.get_tensor(name)
        except _DAMAGE:
            return False
        return True

    def load_best(self):
        """Loads the weights that `keep_best` wrote; returns whether they were whole."""
        try:
            _read(self._best, self._folder / "best")
        except _DAMAGE as error:
            path = self._folder / "best"
            _log.warning("the best weights, %s, are damaged (%s).", path, reason(error))
            self.restore()  # Some of the weights may have been replaced.
            return False
        return True

    def _write(self, checkpoint, name, size):
        path = self._folder / name
        with writing(path, size):
            self._folder.mkdir(exist_ok=True)
            try:
                checkpoint.write(str(path))
            except tf.errors.OpError:
                for part in self._folder.glob(f"{name}_temp"):
                    remove(part)
                raise


def _read(checkpoint, path):
    with literal(path.parent) as folder:
        checkpoint.read(str(folder / path.name)).assert_consumed()


def _bytes(variable):
    return variable.shape.num_elements() * variable.dtype.size
