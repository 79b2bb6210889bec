"""A BERT so small that tests take no time, and texts of numbers, which are token ids.

No two sizes are equal, so that a test fails if two axes are confused.
"""

import dataclasses

import keras
import numpy as np

from bert_tf.config import BertConfig
from bert_tf.ground import lazy
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.finetuning import Classifier
from bert_tf.tasks.classification import Classification
from bert_tf.tokenization.framing import frame
from bert_tf.tokenization.ragged import Ragged

tf = lazy("tensorflow")

CLS, SEP, LABELS = 2, 3, 5
CONFIG = BertConfig(
    vocab_size=83,
    hidden_size=21,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=29,
    max_position_embeddings=71,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)


def backbone(seed=1, dtype="float32", **changes):
    """Returns a backbone with all weights random, those of biases and LayerNorm, too."""
    return fill(BertBackbone(dataclasses.replace(CONFIG, **changes), dtype=dtype), seed)


def classifier(seed=1, dtype="float32", labels=LABELS, **changes):
    return fill(Classifier(backbone(seed, dtype, **changes), labels), seed)


def dropping(rate=0.3):
    """Returns the changes of the configuration that turn on every dropout."""
    return {"hidden_dropout_prob": rate, "attention_probs_dropout_prob": rate}


def fill(model, seed):
    """Sets all trainable weights to random values, and returns the model."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        values = random.normal(0.0, 0.3, weight.shape)
        weight.assign(values + weight.path.endswith("gamma"))
    return model


def arrays(model):
    """Returns {path: array} of the trainable weights."""
    return {
        weight.path: keras.ops.convert_to_numpy(weight)
        for weight in model.trainable_variables
    }


class Tokenizer:
    """Turns "7 11" into the token ids 7 and 11."""

    cls_id, sep_id = CLS, SEP

    def tokenize(self, texts):
        if isinstance(texts, np.ndarray):
            rows = [[int(token) for token in text.split()] for text in texts]
            tokens = np.array([token for row in rows for token in row], np.int32)
            return Ragged.from_row_lengths(tokens, list(map(len, rows)))
        return tf.strings.to_number(tf.strings.split(texts), tf.int32)


def features(columns):
    """Frames texts; all other columns go along."""
    example = frame(
        Tokenizer().tokenize(columns["text"]),
        cls_id=CLS,
        sep_id=SEP,
        max_seq_length=CONFIG.max_position_embeddings,
    )
    rest = {name: columns[name] for name in columns if name != "text"}
    return example | rest


def columns(count, seed=3, longest=40):
    """Returns texts of mixed length, and labels that depend on them."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    texts = [random.integers(5, CONFIG.vocab_size, length) for length in lengths]
    return {
        "text": np.array([" ".join(map(str, text)) for text in texts], dtype=object),
        "label": np.array([text[0] % LABELS for text in texts], dtype=np.int32),
    }


def ragged(rows):
    """Returns an int32 ragged tensor [B, (L)] of lists of ids."""
    flat = [piece for row in rows for piece in row]
    lengths = np.array([len(row) for row in rows], np.int64)
    return tf.RaggedTensor.from_row_lengths(np.array(flat, np.int32), lengths)


def pieces(columns):
    """Returns the framed token ids of each text, lists of int."""
    return [[CLS, *map(int, text.split()), SEP] for text in columns["text"]]


def task():
    """Returns a `Classification` of `LABELS` labels."""
    labels = [f"label {number}" for number in range(LABELS)]
    options = Classification.Options(max_seq_length=CONFIG.max_position_embeddings)
    return Classification(Tokenizer(), options, labels=labels)
