"""Pretraining: predict masked tokens, and whether text B follows text A (Devlin et al., 2019).

Shapes: R rows, S tokens a row, B examples, P masked tokens of an example, M masked tokens of
all examples, V vocabulary size, H hidden size, K predictions for a masked token.
"""

import keras
from keras import ops

from bert_tf.layers.heads import NextSentenceHead
from bert_tf.models.backbone import as_rows
from bert_tf.models.parts import make_token_head
from bert_tf.models.with_head import ModelWithHead, unused_scopes


@keras.saving.register_keras_serializable(package="bert_tf")
class BertPretrainer(ModelWithHead):
    """The encoder with both heads of pretraining: masked tokens and next sentence.

    Args:
        backbone: `BertBackbone`.

    Call arguments:
        batch: what the backbone takes, rows or a classic padded batch, and
            `masked_lm_positions`: int32 [M], flat indices into R·S; or int32 [B, P],
            positions in each example, as in Google's TFRecords.

    Returns:
        dict with `masked_lm_logits`, float32 [M, V] (with [B, P] positions, M =
        B·P), and `next_sentence_logits`, float32 [B, 2] (0: B follows A). DistilBERT
        and ELECTRA have no head of next sentences.

    Raises:
        ValueError: a batch without `masked_lm_positions`.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, BertPretrainer
        >>> model = BertPretrainer(BertBackbone(BertConfig.from_size("tiny")))
        >>> batch = {"input_ids": np.array([[101, 103, 102]]),
        ...          "masked_lm_positions": np.array([[1]])}
        >>> model(batch)["masked_lm_logits"].shape
        TensorShape([1, 30522])
    """

    architectures = ("BertForPreTraining", "BertForMaskedLM")

    def __init__(self, backbone, *, name="pretraining"):
        super().__init__(backbone, name=name)
        config = backbone.config
        self.predictions = make_token_head(config, self.dtype_policy)
        self.seq_relationship = None
        if config.architecture.has_pooler:
            self.seq_relationship = NextSentenceHead(
                config.hidden_size,
                initializer_range=config.initializer_range,
                dtype=self.dtype_policy,
            )
        with keras.name_scope("cls"):  # The published scope.
            self.predictions.build(None)
            if self.seq_relationship:
                self.seq_relationship.build(None)
        self.built = True

    @property
    def unused_scopes(self):
        """Scopes of weights that no folder of the architecture has."""
        return unused_scopes(self.backbone)

    def call(self, batch, training=None):
        if "masked_lm_positions" not in batch:
            raise ValueError(
                "the batch has no masked_lm_positions, so there is nothing to predict; "
                f"received {', '.join(sorted(batch))}. Call the backbone for hidden "
                "states alone."
            )
        rows = as_rows(batch)
        positions = ops.convert_to_tensor(rows["masked_lm_positions"], dtype="int32")
        if len(positions.shape) == 2:
            positions = positions + rows["first_token"][:, None]
        # The heads need only first and masked tokens, a sixth of all. So the last layer
        # is computed for these alone.
        first_token = ops.convert_to_tensor(rows["first_token"])
        at = ops.concatenate([first_token, ops.reshape(positions, (-1,))], axis=0)
        states = self.backbone.compute(rows, training=training, at=at)["output_at"]
        examples = ops.shape(first_token)[0]
        outputs = {
            "masked_lm_logits": self.predictions(
                states[examples:],
                ops.convert_to_tensor(self.backbone.embeddings.word_table),
            )
        }
        if self.seq_relationship:
            pooled = self.backbone.pooler(states[:examples])
            outputs["next_sentence_logits"] = self.seq_relationship(pooled)
        return outputs


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskFiller(ModelWithHead):
    """The most probable tokens for each [MASK], by the pretrained masked-LM head.

    Only the K best of the V logits of a masked token leave the device.

    Args:
        backbone: `BertBackbone`.
        vocab_size: predictions are among the first so many ids, since the word table
            may have more rows than the vocabulary. Probabilities are over all rows.
        top_k: K.

    Call arguments:
        batch: what the backbone takes, and `mask_places`, int32 [B, P]: the positions of
            the masked tokens in each example; -1 where an example has fewer than P.

    Returns:
        dict of [B, P, K], the most probable first: `ids`, int32, and `probabilities`,
        float32; both are 0 where `mask_places` is -1.

    Example:
        >>> import numpy as np
        >>> from bert_tf import BertBackbone, BertConfig, MaskFiller
        >>> backbone = BertBackbone(BertConfig.from_size("tiny"))
        >>> model = MaskFiller(backbone, vocab_size=30522, top_k=2)
        >>> ids, places = np.array([[101, 103, 102]]), np.array([[1]])
        >>> model({"input_ids": ids, "mask_places": places})["ids"].shape
        TensorShape([1, 1, 2])
    """

    architectures = BertPretrainer.architectures

    def __init__(self, backbone, vocab_size, top_k, *, name="fill_mask"):
        super().__init__(backbone, name=name)
        self.vocab_size = vocab_size
        self.top_k = top_k
        self.pretrainer = BertPretrainer(backbone)
        self.built = True

    @property
    def unused_scopes(self):
        """Scopes of weights that no folder of the architecture has."""
        return unused_scopes(self.backbone)

    def call(self, batch, training=None):
        rows = as_rows(batch)
        places = ops.convert_to_tensor(rows["mask_places"], dtype="int32")
        positions = ops.reshape(places + rows["first_token"][:, None], (-1,))
        masked = _masked(ops.reshape(places, (-1,)) >= 0)  # [M] into B·P.
        logits = self.pretrainer(
            rows | {"masked_lm_positions": ops.take(positions, masked)},
            training=training,
        )["masked_lm_logits"]
        probabilities, ids = ops.top_k(
            ops.softmax(logits)[:, : self.vocab_size], self.top_k
        )
        examples, most = ops.shape(places)

        def spread(values):
            every = ops.scatter(
                ops.cast(masked, "int32")[:, None],
                values,
                (examples * most, self.top_k),
            )
            every = ops.reshape(every, (examples, most, self.top_k))
            return ops.where(places[:, :, None] >= 0, every, ops.zeros_like(every))

        return {
            "ids": spread(ops.cast(ids, "int32")),
            "probabilities": spread(probabilities),
        }

    def _arguments(self):
        return {"vocab_size": self.vocab_size, "top_k": self.top_k}

    @classmethod
    def _complete(cls, arguments, folder, arrays, name):
        return {"vocab_size": len(folder.vocab), "top_k": 5} | arguments


def _masked(is_masked):
    """Returns the indices of masked tokens, from bool [B·P]; all indices under JAX.

    JAX compiles for shapes, so the number of indices must not depend on values.
    """
    if keras.backend.backend() == "tensorflow":
        return ops.nonzero(is_masked)[0]
    return ops.arange(is_masked.shape[0])
