"""Pretraining: guess the hidden pieces, and whether B followed A (Devlin et al., 2019).

Shapes: R rows, S tokens a row, B examples, P masked tokens an example, M of all
examples, V pieces, H hidden size, K guesses.
"""

import keras
from keras import ops

from bert_tf.layers.heads import MaskedLMHead, NextSentenceHead
from bert_tf.models.backbone import as_rows


class BertPretrainer(keras.Model):
    """The encoder with both heads that it was pretrained with.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: what the backbone takes, rows or a classic padded batch, and
            `masked_lm_positions`: int32 [M], flat indices into R·S; or int32 [B, P],
            places in each example, as in Google's records.

    Returns:
        dict with `masked_lm_logits`, float32 [M, V] (M = B·P, an example after the
        other), and `next_sentence_logits`, float32 [B, 2] (0: B follows A).

    Raises:
        ValueError: a batch without `masked_lm_positions`.

    Example:
        >>> model = BertPretrainer(BertBackbone(BertConfig.from_size("tiny")))
        >>> batch = {"input_ids": np.array([[101, 103, 102]]),
        ...          "masked_lm_positions": np.array([[1]])}
        >>> model(batch)["masked_lm_logits"].shape
        TensorShape([1, 30522])
    """

    def __init__(self, backbone, *, name="pretraining"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        config = backbone.config
        self.backbone = backbone
        self.predictions = MaskedLMHead(
            config.vocab_size,
            config.hidden_size,
            activation=config.hidden_act,
            epsilon=config.layer_norm_eps,
            initializer_range=config.initializer_range,
            dtype=self.dtype_policy,
        )
        self.seq_relationship = NextSentenceHead(
            config.hidden_size,
            initializer_range=config.initializer_range,
            dtype=self.dtype_policy,
        )
        with keras.name_scope("cls"):  # The published scope.
            self.predictions.build(None)
            self.seq_relationship.build(None)
        self.built = True

    def call(self, batch, training=None):
        if "masked_lm_positions" not in batch:
            raise ValueError(
                "the batch has no masked_lm_positions, and so nothing to guess; "
                f"received {', '.join(sorted(batch))}. For states alone call the "
                "backbone."
            )
        rows = as_rows(batch)
        positions = ops.convert_to_tensor(rows["masked_lm_positions"], dtype="int32")
        if len(positions.shape) == 2:
            positions = positions + rows["first_token"][:, None]
        # Only first and masked tokens are asked, a sixth of all: the last layer, too,
        # is computed for no other.
        first_token = ops.convert_to_tensor(rows["first_token"])
        at = ops.concatenate([first_token, ops.reshape(positions, (-1,))], axis=0)
        states = self.backbone.compute(rows, training=training, at=at)["output_at"]
        examples = ops.shape(first_token)[0]
        pooled = self.backbone.pooler(states[:examples])
        return {
            "masked_lm_logits": self.predictions(
                states[examples:],
                ops.convert_to_tensor(self.backbone.embeddings.word_table),
            ),
            "next_sentence_logits": self.seq_relationship(pooled),
        }


class MaskFiller(keras.Model):
    """The likeliest pieces for hidden ones: the pretrained model, asked.

    All V logits of a hidden piece stay where they are computed; K of them come out.

    Args:
        backbone: `BertBackbone`.
        num_pieces: guesses are among the first so many, as the word table may have more
            rows than there are pieces; probabilities are shares among all rows.
        top_k: K.

    Call arguments:
        batch: what the backbone takes, and `mask_places`, int32 [B, P]: where in each
            example a piece is hidden; -1 for no place.

    Returns:
        float32 [B, P, 2, K]: ids, the likeliest first (float32 holds them exactly), and
        their probabilities; zeros for no place.
    """

    def __init__(self, backbone, num_pieces, top_k, *, name="fill_mask"):
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.num_pieces = num_pieces
        self.top_k = top_k
        self.pretrainer = BertPretrainer(backbone)
        self.built = True

    def call(self, batch, training=None):
        rows = as_rows(batch)
        places = ops.convert_to_tensor(rows["mask_places"])
        positions = ops.reshape(places + rows["first_token"][:, None], (-1,))
        (hidden,) = ops.nonzero(ops.reshape(places, (-1,)) >= 0)  # [M] into B·P.
        logits = self.pretrainer(
            rows | {"masked_lm_positions": ops.take(positions, hidden)},
            training=training,
        )["masked_lm_logits"]
        probabilities, ids = ops.top_k(
            ops.softmax(logits)[:, : self.num_pieces], self.top_k
        )
        guesses = ops.stack([ops.cast(ids, "float32"), probabilities], axis=1)
        examples, most = ops.shape(places)
        every = ops.scatter(
            ops.cast(hidden, "int32")[:, None],
            guesses,
            (examples * most, 2, self.top_k),
        )
        return ops.reshape(every, (examples, most, 2, self.top_k))
