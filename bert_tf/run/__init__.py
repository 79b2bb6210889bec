"""The verbs. Scripts and notebooks parse and call these."""

from bert_tf.predictor import Model
from bert_tf.run.finetuning import FinetuneConfig, finetune
from bert_tf.run.prediction import (
    EvaluateConfig,
    PredictConfig,
    as_line,
    evaluate,
    predict,
)
from bert_tf.training.config import TrainConfig

__all__ = [
    "EvaluateConfig",
    "FinetuneConfig",
    "Model",
    "PredictConfig",
    "TrainConfig",
    "as_line",
    "evaluate",
    "finetune",
    "predict",
]
