"""What several commands share: a trained model, columns, a run that may be finished."""

import dataclasses
import logging
import pathlib

from bert_tf.ground import at_least, require, setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions
from bert_tf.training import journal
from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.workers import watched

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, init=False)
class ModelConfig(TakesOptions):
    """Which trained model to use, and how; base of the configurations that need one."""

    model: str = setting("", "Model folder.", section="model")
    per_device_eval_batch_size: int = setting(128, "Examples computed at once.")
    bf16: bool = setting(False, "Compute in bfloat16.")

    def __post_init__(self):
        require(self, "model")
        at_least(self, "per_device_eval_batch_size", 1)

    def load_model(self, task=""):
        """Returns the `Model`, for a task other than that of its training if named."""
        return Model(
            self.model,
            task=task,
            batch_size=self.per_device_eval_batch_size,
            bf16=self.bf16,
            **self.options,
        )


def unless_finished(output_dir, flags, distribution, work):
    """Returns the metrics of a run, computed by `work` unless the run is finished.

    Args:
        output_dir: folder of the run.
        flags: {name: value}, all settings of the run.
        distribution: as in `make_strategy`.
        work: function(strategy) -> metrics.

    Raises:
        ValueError: the folder holds another run, or the strategy cannot be made.
        ConnectionError: one of several workers is lost.
    """
    output_dir = pathlib.Path(output_dir)
    finished = journal.finished_metrics(output_dir, flags)
    if finished is not None:
        _log.warning(
            "%s is finished already; choose another output_dir to train again.",
            output_dir,
        )
        return finished
    # Workers must connect before TensorFlow computes anything.
    strategy = make_strategy(distribution)
    with watched(output_dir):
        return work(strategy)


def columns_asked(config):
    """Returns the columns that the user named, None for each to be detected."""
    return {
        name: getattr(config, name) or None
        for name in ("text_column", "text_pair_column", "label_column")
    }
