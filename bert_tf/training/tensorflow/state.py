"""What an interrupted run goes on from, and the best weights so far."""

import logging
import pathlib
import shutil

import tensorflow as tf

_log = logging.getLogger(__name__)


class Checkpoints:
    """Training states in `checkpoints/` of the output folder, the newest few of them.

    Variables are kept by path: a list would be restored by place, whatever the places
    mean by then.

    Args:
        output_dir: `pathlib.Path`.
        weights: {path: variable} of the model, those that train.
        limit: how many states are kept.
        parts: {name: {name: variable}}, all else that must go on.
    """

    def __init__(self, output_dir, weights, *, limit, **parts):
        folder = output_dir / "checkpoints"
        self._state = tf.train.Checkpoint(model=weights, **parts)
        self._manager = tf.train.CheckpointManager(
            self._state, folder, max_to_keep=limit
        )
        self._best = tf.train.Checkpoint(model=weights)
        self._best_path = str(folder / "best")

    def restore(self):
        """Restores the newest whole state, if there is one.

        Raises:
            ValueError: there are some, all of them damaged.
        """
        paths = self._manager.checkpoints[::-1]
        for path in paths:
            try:
                self._state.restore(path).assert_consumed()
                return
            # The reader calls a file that is too short an IndexError.
            except (tf.errors.OpError, IndexError) as error:
                reason = getattr(error, "message", str(error)).splitlines()[0]
                _log.warning("checkpoint %s is damaged (%s).", path, reason)
        if paths:
            raise ValueError(
                f"no checkpoint in {self._manager.directory} is whole; remove the "
                "output_dir and begin anew."
            )

    def save(self, step):
        self._manager.save(checkpoint_number=step)

    def keep_best(self):
        """Writes down the weights of now."""
        self._best.write(self._best_path)

    def load_best(self):
        self._best.read(self._best_path).assert_consumed()


def forget_state(output_dir):
    """Removes the training state of a run that has ended."""
    shutil.rmtree(pathlib.Path(output_dir) / "checkpoints", ignore_errors=True)
