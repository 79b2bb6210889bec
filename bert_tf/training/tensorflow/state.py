"""Checkpoints of a run, and the best weights so far."""

import json
import logging
import pathlib

import tensorflow as tf

from bert_tf.ground import write_text

_log = logging.getLogger(__name__)


class Checkpoints:
    """The newest few training states of a run, in `checkpoints/` of its output folder.

    The tensors of a checkpoint are `ckpt-N.index` and `ckpt-N.data-*`, its numbers
    `ckpt-N.json`. Variables are kept by path, because a list would be restored by
    position, which another version of the model may order differently.

    Args:
        output_dir: `pathlib.Path`.
        weights: {path: variable}, the weights of the model that train.
        limit: number of checkpoints that are kept.
        parts: {name: {name: variable}}, all other tensors that a resumed run needs.
    """

    def __init__(self, output_dir, weights, *, limit, **parts):
        self._folder = output_dir / "checkpoints"
        self._state = tf.train.Checkpoint(model=weights, **parts)
        self._manager = tf.train.CheckpointManager(
            self._state, self._folder, max_to_keep=limit
        )
        self._best = tf.train.Checkpoint(model=weights)

    def restore(self):
        """Restores the newest undamaged checkpoint, if there is one.

        Returns:
            The numbers that `save` received; {} without a checkpoint.

        Raises:
            ValueError: there are checkpoints, but all of them are damaged.
        """
        paths = self._manager.checkpoints[::-1]
        for path in paths:
            try:
                numbers = _read_numbers(path)
                self._state.restore(path).assert_consumed()
                return numbers
            # The reader raises an IndexError for a file that is too short.
            except (tf.errors.OpError, IndexError, OSError) as error:
                reason = getattr(error, "message", str(error)).splitlines()[0]
                _log.warning("checkpoint %s is damaged (%s).", path, reason)
        if paths:
            raise ValueError(
                f"no checkpoint in {self._folder} is whole; remove the output_dir and "
                "start again."
            )
        return {}

    def save(self, step, numbers):
        """Writes a checkpoint, and removes the oldest ones over the limit.

        Args:
            step: number of the checkpoint.
            numbers: dict that JSON can hold.
        """
        # Before the tensors, so that every checkpoint the manager lists has its numbers.
        self._folder.mkdir(exist_ok=True)
        write_text(self._folder / f"ckpt-{step}.json", json.dumps(numbers) + "\n")
        self._manager.save(checkpoint_number=step)
        kept = {pathlib.Path(path).name for path in self._manager.checkpoints}
        for path in self._folder.glob("ckpt-*.json"):
            if path.stem not in kept:
                path.unlink()

    def keep_best(self):
        """Writes the weights that the model holds now as the best ones."""
        self._best.write(str(self._folder / "best"))

    def load_best(self):
        """Loads the weights that `keep_best` wrote."""
        self._best.read(str(self._folder / "best")).assert_consumed()


def _read_numbers(path):
    """Returns the numbers of a checkpoint; an OSError if they are missing or damaged."""
    text = pathlib.Path(f"{path}.json").read_bytes()
    try:
        return json.loads(text)
    except ValueError as error:
        raise OSError(f"{path}.json is not JSON: {error}") from error
