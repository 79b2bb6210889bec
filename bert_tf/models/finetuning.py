"""Fine-tuning is one more layer (Devlin et al., 2019, figure 4): the heads side by side.

Shapes: B examples, H hidden size.
"""

import keras

from bert_tf.layers.dropout import Dropout, fold_in


class Classifier(keras.Model):
    """Dropout and one dense layer over the pooled first token.

    Args:
        backbone: `BertBackbone`.
        num_labels: classes.

    Call arguments:
        batch: what the backbone takes.

    Returns:
        logits, float32 [B, num_labels].
    """

    def __init__(self, backbone, num_labels, *, name="classification"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        config = backbone.config
        self.backbone = backbone
        self.dropout = Dropout(
            config.head_dropout_prob, dtype=self.dtype_policy, name="dropout"
        )
        self.classifier = keras.layers.Dense(
            num_labels,
            kernel_initializer=keras.initializers.TruncatedNormal(
                stddev=config.initializer_range
            ),
            dtype=self.dtype_policy,
            name="classifier",
        )
        self.classifier.build((None, config.hidden_size))
        self.built = True

    def call(self, batch, training=None):
        pooled = self.backbone(batch, training=training)["pooled_output"]
        seed = fold_in(batch.get("dropout_seed"), 1)
        logits = self.classifier(self.dropout(pooled, seed=seed, training=training))
        return keras.ops.cast(logits, "float32")
