"""BERT in TensorFlow and Keras: from text to a fine-tuned model, and out of the house."""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "BertConfig": "config",
    "BertTokenizer": "tokenization",
    "BertBackbone": "models.backbone",
    "BertPretrainer": "models.pretraining",
    "Classifier": "models.finetuning",
    "ConvertConfig": "run.converting",
    "FinetuneConfig": "run",
    "TrainConfig": "run",
    "Model": "predictor",
    "convert": "run.converting",
    "finetune": "run",
}
__all__ = list(_PUBLIC)


def __getattr__(name):
    # Lazily: whoever wants the version should not wait for TensorFlow.
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PUBLIC[name]}")
    return getattr(module, name)
