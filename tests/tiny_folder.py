"""A pretrained model folder so small that fine-tuning it takes no time."""

import keras

from bert_tf.checkpoints import folder
from bert_tf.config import BertConfig
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer

VOCAB = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "?", "a", "the", "it"),
    *("is", "was", "very", "film", "good", "bad", "fine", "poor"),
]
# What fine-tuning with an evaluation file leaves behind.
FINETUNED_FILES = {
    "README.md",
    "config.json",
    "confusion_matrix.png",
    "flags.txt",
    "loss.png",
    "metrics.json",
    "metrics.jsonl",
    "model.safetensors",
    "tensorboard",
    "tokenizer_config.json",
    "vocab.txt",
}
CONFIG = BertConfig(
    vocab_size=len(VOCAB) + 2,
    hidden_size=12,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=14,
    max_position_embeddings=24,
    initializer_range=0.3,  # So narrow a model learns nothing from 0.02.
)


def write(path, config=CONFIG):
    """Writes an encoder without a head, the same each time."""
    _write(path, lambda encoder: encoder, "BertModel", config)


def write_pretrained(path, config=CONFIG):
    """Writes an encoder with both heads that it was pretrained with."""
    _write(path, BertPretrainer, "BertForPreTraining", config)


def _write(path, build, architecture, config=CONFIG):
    keras.utils.set_random_seed(3)
    parts = folder.ModelFolder(config, VOCAB, {"do_lower_case": True})
    folder.write(path, build(BertBackbone(config)), parts, architecture)
