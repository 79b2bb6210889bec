"""BERT as encoder and decoder (Rothe et al., 2020).

Shapes: R rows, SQ target tokens a row, S source tokens a row, V vocabulary size of the
target, H hidden size.
"""

import keras
from keras import ops

from bert_tf.models.decoder import BertDecoder
from bert_tf.models.with_head import ModelWithHead


@keras.saving.register_keras_serializable(package="bert_tf")
class Bert2Bert(ModelWithHead):
    """An encoder and a decoder that attends to its states.

    Args:
        backbone: `BertBackbone`, the encoder.
        decoder_config: `BertConfig` of the decoder, of the same `hidden_size`.
        shared: whether the decoder has the embeddings and layers of the encoder.

    Call arguments:
        batch: dict of packed rows of sources, see `BertBackbone`, and of targets: int32
            [R, SQ] `target_input_ids, target_position_ids, target_sequence_ids`.

    Returns:
        dict with `logits`, float32 [R·SQ, V], of the token after each target token.
    """

    architectures = ("EncoderDecoderModel",)

    def __init__(self, backbone, decoder_config, *, shared=False, name="seq2seq"):
        super().__init__(backbone, name=name)
        self.shared = shared
        self.decoder = BertDecoder(
            decoder_config,
            encoder=backbone if shared else None,
            dtype=self.dtype_policy,
        )
        self.built = True

    def call(self, batch, training=None):
        memory = self.encode(batch, training=training)
        return {"logits": self.decoder(batch, memory, training=training)}

    def encode(self, rows, training=None):
        """Returns the states of the source's tokens, float [R·S, H]."""
        states = self.backbone(rows, training=training)["sequence_output"]
        return ops.reshape(states, (-1, self.backbone.config.hidden_size))
