"""BERT as a decoder: it reads a text from left to right and the states of a source.

Shapes: R rows, SQ target tokens a row, TQ = R·SQ, S source tokens a row, T = R·S, V
vocabulary size, H hidden size.
"""

import keras
from keras import ops

from bert_tf.checkpoints.encoder_decoder import spread
from bert_tf.layers.attention import causal_bias, cross_bias
from bert_tf.layers.decoder import DecoderLayer
from bert_tf.layers.dropout import fold_in
from bert_tf.models import saving
from bert_tf.models.parts import (
    make_embeddings,
    make_layers,
    make_token_head,
    recompute,
)

# Parts of the encoder have lower numbers for their dropout.
_SEED = 16384


class BertDecoder(keras.Model):
    """Embeddings, decoder layers and the head that predicts the next token.

    The head is that of masked words; its table is that of the embeddings.

    Args:
        config: `BertConfig` of the decoder.
        encoder: `BertBackbone` whose embeddings and layers the decoder shares
            ("bertshare"); None for embeddings and layers of its own. A decoder with fewer
            layers shares those that `spread` chooses.
        gradient_checkpointing: as of `BertBackbone`.
        dtype: Keras policy; None means the global policy.
    """

    def __init__(
        self,
        config,
        *,
        encoder=None,
        gradient_checkpointing=False,
        dtype=None,
        name="decoder",
    ):
        super().__init__(dtype=dtype, name=name)
        self.config = config
        self.folder = None  # `ModelFolder` that it came from, if any.
        self.shared = encoder is not None
        self.gradient_checkpointing = gradient_checkpointing
        if self.shared:
            self.embeddings = encoder.embeddings
            layers = encoder.encoder_layers
            inner = [layers[n] for n in spread(len(layers), config.num_hidden_layers)]
        else:
            self.embeddings = make_embeddings(config, self.dtype_policy)
            inner = make_layers(config, self.dtype_policy)
        self.decoder_layers = [
            DecoderLayer(layer, name=f"layer_{number}")
            for number, layer in enumerate(inner)
        ]
        self.predictions = make_token_head(config, self.dtype_policy)
        # Built later, variables would take the scope of whoever calls the model first.
        self.build(None)

    def build(self, _):
        if not self.shared:
            self.embeddings.build(None)
        for layer in self.decoder_layers:
            if not self.shared:
                layer.inner.build(None)
            layer.build(None)
        with keras.name_scope("cls"):  # The published scope of the head.
            self.predictions.build(None)

    def call(self, rows, memory, training=None):
        return self.logits(self.states(rows, memory, training=training))

    def states(self, rows, memory, training=None):
        """Returns the state of each target token, float [TQ, H].

        Args:
            rows: dict of int32 [R, SQ] `target_input_ids, target_position_ids,
                target_sequence_ids`; of `sequence_ids`, int32 [R, S], of the source; and
                perhaps `dropout_seed`, int32 [2].
            memory: float [T, H], states of the source's tokens.
        """
        target_ids = rows["target_sequence_ids"]
        bias = causal_bias(target_ids)
        memory_bias = cross_bias(target_ids, rows["sequence_ids"])
        seed = fold_in(rows.get("dropout_seed"), _SEED)
        hidden = self.embed(
            ops.reshape(rows["target_input_ids"], (-1,)),
            ops.reshape(rows["target_position_ids"], (-1,)),
            seed=fold_in(seed, 0),
            training=training,
        )
        for number, layer in enumerate(self.decoder_layers, start=1):
            options = {"seed": fold_in(seed, 16 * number), "training": training}
            if self.gradient_checkpointing and training:
                layer = recompute(layer, options)
                options = {}
            hidden = layer(hidden, bias, memory, memory_bias, **options)
        return hidden

    def embed(self, input_ids, position_ids, seed=None, training=None):
        """Returns the embeddings of tokens, float [TQ, H], from int32 [TQ]."""
        return self.embeddings(
            input_ids,
            position_ids,
            ops.zeros_like(input_ids),
            seed=seed,
            training=training,
        )

    def logits(self, states):
        """Returns the logits of the next token, float32 [TQ, V]."""
        table = ops.convert_to_tensor(self.embeddings.word_table)
        return self.predictions(states, table)

    def save_assets(self, path):
        """Keeps the vocabulary in a .keras file; called by `model.save`."""
        saving.save_vocabulary(path, self.folder)

    def load_assets(self, path):
        """Restores what `save_assets` kept."""
        self.folder = saving.load_vocabulary(path, self.config)
