"""BERT in TensorFlow and Keras: from text to a fine-tuned model, exported for serving."""

import importlib

from bert_tf import quiet

__version__ = "0.1.0"

_PUBLIC = {
    "AnalyzeConfig": "analysis.analyzing",
    "Bert2Bert": "models.seq2seq",
    "BertBackbone": "models.backbone",
    "BertConfig": "config",
    "BertPretrainer": "models.pretraining",
    "BertTokenizer": "tokenization",
    "ChoiceScorer": "models.finetuning",
    "Classifier": "models.finetuning",
    "CompressConfig": "compression.compressing",
    "ConvertConfig": "run.converting",
    "DistillConfig": "compression.distilling",
    "Embedder": "models.embedding",
    "EvaluateConfig": "run.prediction",
    "ExportConfig": "serving.exporting",
    "FinetuneConfig": "run.finetuning",
    "IndexConfig": "retrieval.indexing",
    "MaskFiller": "models.pretraining",
    "Model": "predictor",
    "PredictConfig": "run.prediction",
    "PretrainConfig": "run.pretraining",
    "PruneConfig": "compression.plan",
    "SearchConfig": "retrieval.settings",
    "Searcher": "retrieval.searching",
    "SpanPredictor": "models.finetuning",
    "TokenClassifier": "models.finetuning",
    "TokenStates": "models.features",
    "TrainConfig": "training.config",
    "analyze": "analysis.analyzing",
    "compress": "compression.compressing",
    "convert": "run.converting",
    "distill": "compression.distilling",
    "evaluate": "run.prediction",
    "explain": "analysis.explain.explaining",
    "export": "serving.exporting",
    "finetune": "run.finetuning",
    "index": "retrieval.indexing",
    "predict": "run.prediction",
    "pretrain": "run.pretraining",
    "prune": "compression.stages",
    "search": "retrieval.searching",
}
__all__ = list(_PUBLIC)

quiet.hide_start()


def __dir__():
    return [*__all__, *(name for name in globals() if name.startswith("__"))]


def __getattr__(name):
    # Imported on first use: `import bert_tf` alone does not wait for TensorFlow.
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_PUBLIC[name]}")
    return getattr(module, name)
