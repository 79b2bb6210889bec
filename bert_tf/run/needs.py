"""What several verbs share: which trained model to load."""

import dataclasses

from bert_tf.ground import at_least, require, setting
from bert_tf.predictor import Model
from bert_tf.tasks.options import TakesOptions


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
