"""What several verbs share: which trained model to load, and where records come from."""

import dataclasses
import os

from bert_tf.ground import at_least, one_of, require, setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions
from bert_tf.training.engine import ENGINES, HELP, select


@dataclasses.dataclass(frozen=True, init=False)
class ModelConfig(TakesOptions):
    """Which trained model to use, and how; base of the configurations that need one."""

    model: str = setting("", "Model folder.", section="model")
    per_device_eval_batch_size: int = setting(128, "Examples computed at once.")
    bf16: bool = setting(False, "Compute in bfloat16.")
    engine: str = setting("", HELP)

    def __post_init__(self):
        require(self, "model")
        one_of("engine", self.engine, ("", *ENGINES))
        at_least(self, "per_device_eval_batch_size", 1)

    def load_model(self, task=""):
        """Returns the `Model`, for a task other than that of its training if named."""
        select(self.engine)
        return Model(
            self.model,
            task=task,
            batch_size=self.per_device_eval_batch_size,
            bf16=self.bf16,
            **self.options,
        )


def check_source(config, part, data):
    """Checks that the records of a part come from one place.

    Args:
        config: has `train_file` or `eval_file`.
        part: "train" or "eval".
        data: records in memory, or None.

    Raises:
        TypeError: the file is no path.
        ValueError: there are both data and a file.
    """
    file = getattr(config, f"{part}_file")
    if not isinstance(file, str | os.PathLike):
        raise TypeError(
            f"{part}_file must be the path of a file; received {type(file).__name__}. "
            f"Records in memory are given as {part}_data, not in the configuration."
        )
    if file and data is not None:
        raise ValueError(
            f"the records come either from {part}_file ({file}) or from {part}_data; "
            "drop one."
        )
