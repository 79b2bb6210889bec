"""The states of tokens, from chosen layers, as features for other models."""

import keras
from keras import ops

from bert_tf.models.backbone import as_rows
from bert_tf.models.finetuning import at_places
from bert_tf.models.with_head import ModelWithHead


@keras.saving.register_keras_serializable(package="bert_tf")
class TokenStates(ModelWithHead):
    """The states of the tokens of each example (Devlin et al., 2019, 5.3).

    Args:
        backbone: `BertBackbone`.
        layers: numbers of hidden states: 0 is the embeddings, 1 the output of the first
            layer, -1 that of the last.

    Call arguments:
        batch: what the backbone takes, and `places`, int32 [B, K], as of
            `TokenClassifier`.

    Returns:
        dict with `hidden_states`, float32 [B, K, layers, H].

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, TokenStates
        >>> model = TokenStates(BertBackbone(BertConfig.from_size("tiny")), [0, -1])
        >>> batch = {"input_ids": np.array([[101, 7592, 102]]), "places": np.array([[1]])}
        >>> model(batch)["hidden_states"].shape
        TensorShape([1, 1, 2, 128])
    """

    has_head = False
    # Only pooled outputs pass through the pooler.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, layers, *, name="features"):
        super().__init__(backbone, name=name)
        # Keras keeps the name `layers` for sublayers.
        self.layer_numbers = list(layers)
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = self.backbone.compute(rows, training=training)["hidden_states"]
        chosen = ops.stack([states[number] for number in self.layer_numbers], axis=2)
        tokens = ops.reshape(chosen, (-1, *chosen.shape[2:]))
        return {"hidden_states": at_places(tokens, rows)}

    def _arguments(self):
        return {"layers": self.layer_numbers}

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        return {"layers": [-1]} | arguments
