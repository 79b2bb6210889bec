"""BERT as encoder and decoder (Rothe et al., 2020).

Shapes: R rows, SQ target tokens a row, S source tokens a row, V vocabulary size of the
target, H hidden size.
"""

import keras
from keras import ops

from bert_tf.config import BertConfig
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
        _check(backbone.config, decoder_config, shared)
        self.shared = shared
        self.decoder = BertDecoder(
            decoder_config,
            encoder=backbone if shared else None,
            gradient_checkpointing=backbone.gradient_checkpointing,
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

    def _arguments(self):
        return {"decoder_config": self.decoder.config.to_dict(), "shared": self.shared}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        decoder_config = BertConfig.from_dict(config["decoder_config"])
        given = config | {"decoder_config": decoder_config}
        return super().from_config(given, custom_objects)


def _check(encoder, decoder, shared):
    """Checks that a decoder fits an encoder, both `BertConfig`."""
    if decoder.hidden_size != encoder.hidden_size:
        raise ValueError(
            f"the decoder has hidden_size {decoder.hidden_size}, the encoder "
            f"{encoder.hidden_size}; they must be equal. Choose another model for one."
        )
    if not shared:
        return
    if decoder.vocab_size != encoder.vocab_size:
        raise ValueError(
            f"a decoder that shares the embeddings of its encoder (bertshare) has its "
            f"vocabulary, of {encoder.vocab_size} rows; received {decoder.vocab_size}. "
            "Use one vocabulary for sources and targets, or bert2bert."
        )
    if decoder.num_hidden_layers > encoder.num_hidden_layers:
        raise ValueError(
            f"a decoder that shares layers of its encoder (bertshare) has at most its "
            f"{encoder.num_hidden_layers}; received {decoder.num_hidden_layers}."
        )
