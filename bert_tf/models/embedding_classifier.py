"""A classifier that reads embeddings, as few-shot training makes them (Tunstall et al., 2022).

Shapes: B texts, P texts of a record, H hidden size, C labels.
"""

import keras
from keras import ops

from bert_tf.layers.dropout import fold_in
from bert_tf.models.backbone import as_rows
from bert_tf.models.embedding import means, unit_length
from bert_tf.models.finetuning import Classifier, token_states
from bert_tf.models.windows import mean_of_windows


@keras.saving.register_keras_serializable(package="bert_tf")
class EmbeddingClassifier(Classifier):
    """One dense layer over the mean of a text's tokens, scaled to length 1.

    Args:
        backbone: `BertBackbone`.
        num_labels: C, the number of classes.

    Call arguments:
        batch: what the backbone takes: texts, or their windows, see `mean_of_windows`;
            and perhaps `texts`, int32 [records, P], the texts of a record to compare.

    Returns:
        logits, float32 [B, C]; or, with `texts`, a dict of `embeddings`, float32
        [records, P, H].

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig
        >>> from bert_tf.models.embedding_classifier import EmbeddingClassifier
        >>> backbone = BertBackbone(BertConfig.from_size("tiny"))
        >>> model = EmbeddingClassifier(backbone, num_labels=3)
        >>> model({"input_ids": np.array([[101, 7592, 102]])}).shape
        TensorShape([1, 3])
    """

    architectures = ("EmbeddingClassifier",)
    # The mean of the tokens does not pass through the pooler.
    unused_scopes = ("bert/pooler/",)

    def call(self, batch, training=None):
        rows = as_rows(batch)
        vectors = self.embed(rows, training=training)
        if "texts" in rows:
            return {"embeddings": ops.take(vectors, rows["texts"], axis=0)}
        seed = fold_in(rows.get("dropout_seed"), 1)
        vectors = self.dropout(vectors, seed=seed, training=training)
        return ops.cast(self.classifier(vectors), "float32")

    def embed(self, batch, training=None):
        """Returns the embeddings of texts, float32 [B, H]."""
        rows = as_rows(batch)
        states = token_states(self.backbone, rows, training)
        return unit_length(mean_of_windows(means(states, rows), rows))
