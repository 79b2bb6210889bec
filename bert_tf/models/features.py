"""The states of tokens, of chosen layers: what others build on."""

import keras
from keras import ops

from bert_tf.models.backbone import as_rows
from bert_tf.models.finetuning import of_examples


class TokenStates(keras.Model):
    """The states of the tokens of each example (Devlin et al., 2019, 5.3).

    Args:
        backbone: `BertBackbone`.
        layers: numbers of hidden states; 0 are the embeddings, 1 is the first layer's
            output, -1 the last one's.

    Call arguments:
        batch: what the backbone takes, and `places`, int32 [B, K], as `TokenClassifier`
            takes them.

    Returns:
        float32 [B, K, layers, H].
    """

    # Only pooled outputs go through it.
    unused_scopes = ("bert/pooler/",)

    def __init__(self, backbone, layers, *, name="features"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone
        self.layers_asked = list(layers)
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        states = self.backbone.compute(rows, training=training)["hidden_states"]
        asked = ops.stack([states[number] for number in self.layers_asked], axis=2)
        tokens = ops.reshape(asked, (-1, *asked.shape[2:]))
        return of_examples(tokens, rows)
