"""The encoder of BERT as a plain Keras model (Devlin et al., 2019).

Shapes: R rows, S tokens a row, T = R·S, B examples, L layers, N heads, H hidden size.
A row holds one example or several: attention stays within an example, so the outputs
are those of one example a row.
"""

import keras
from keras import ops

from bert_tf.config import BertConfig
from bert_tf.layers.attention import attention_bias
from bert_tf.layers.dropout import fold_in
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.heads import Pooler
from bert_tf.layers.transformer import EncoderLayer


def as_rows(batch):
    """Reads a classic padded batch as rows of one example each.

    Args:
        batch: dict with `input_ids`, int32 [B, S], and optionally `input_mask` (1 where
            there is a token; all ones where absent) and `segment_ids` (0 where absent).
            A batch that has `sequence_ids` holds rows already and comes back unchanged.

    Returns:
        dict with `input_ids, segment_ids, position_ids, sequence_ids`, int32 [R, S],
        and `first_token`, int32 [B].
    """
    if "sequence_ids" in batch:
        return batch
    input_ids = ops.convert_to_tensor(batch["input_ids"], dtype="int32")
    examples, length = ops.shape(input_ids)
    input_mask = batch.get("input_mask")
    segment_ids = batch.get("segment_ids")
    return {
        **batch,
        "input_ids": input_ids,
        "segment_ids": ops.zeros_like(input_ids)
        if segment_ids is None
        else ops.cast(segment_ids, "int32"),
        "position_ids": ops.zeros_like(input_ids) + ops.arange(length, dtype="int32"),
        # The example's number, as in packed rows.
        "sequence_ids": (ops.arange(examples, dtype="int32")[:, None] + 1)
        * (
            ops.ones_like(input_ids)
            if input_mask is None
            else ops.cast(input_mask, "int32")
        ),
        "first_token": ops.arange(examples, dtype="int32") * length,
    }


class BertBackbone(keras.Model):
    """Rows of tokens in, a state for every token out.

    Args:
        config: `BertConfig`.
        dtype: a Keras policy: "float32", "bfloat16", "mixed_bfloat16"; None takes the
            global one.
        gradient_checkpointing: True to keep each layer's input alone for the backward
            pass, which computes the rest again (Chen et al., 2016, "Training deep nets
            with sublinear memory cost"): a third more time for a fraction of the memory.
            Needs `dropout_seed`, so that the same values drop again.

    Call arguments:
        batch: dict of rows (`input_ids, segment_ids, position_ids, sequence_ids`, int32
            [R, S]; `first_token`, int32 [B], flat indices into T) or a classic padded
            batch (`input_ids, input_mask, segment_ids`), see `as_rows`. `dropout_seed`,
            int32 [2], makes dropout a function of it; without, each layer draws its own.

    Returns:
        dict with `sequence_output`, float [R, S, H], and `pooled_output`, float [B, H].

    Example:
        >>> backbone = BertBackbone(BertConfig.from_size("tiny"))
        >>> backbone({"input_ids": np.array([[101, 7592, 102]])})["pooled_output"].shape
        TensorShape([1, 128])
    """

    def __init__(
        self, config, *, dtype=None, gradient_checkpointing=False, name="bert"
    ):
        super().__init__(dtype=dtype, name=name)
        self.config = config
        self.gradient_checkpointing = gradient_checkpointing
        self.embeddings = Embeddings(
            config.vocab_size,
            config.hidden_size,
            max_position_embeddings=config.max_position_embeddings,
            type_vocab_size=config.type_vocab_size,
            dropout=config.hidden_dropout_prob,
            epsilon=config.layer_norm_eps,
            initializer_range=config.initializer_range,
            dtype=self.dtype_policy,
            name="embeddings",
        )
        self.encoder_layers = [
            EncoderLayer(
                config.hidden_size,
                config.num_attention_heads,
                config.intermediate_size,
                activation=config.hidden_act,
                hidden_dropout=config.hidden_dropout_prob,
                attention_dropout=config.attention_probs_dropout_prob,
                epsilon=config.layer_norm_eps,
                initializer_range=config.initializer_range,
                dtype=self.dtype_policy,
                name=f"layer_{number}",
            )
            for number in range(config.num_hidden_layers)
        ]
        self.pooler = Pooler(
            config.hidden_size,
            initializer_range=config.initializer_range,
            dtype=self.dtype_policy,
            name="pooler",
        )
        # Built here, so that a variable's path never depends on who calls first.
        self.build(None)

    def build(self, _):
        self.embeddings.build(None)
        with keras.name_scope("encoder"):
            for layer in self.encoder_layers:
                layer.build(None)
        self.pooler.build(None)

    def call(self, batch, training=None):
        everything = self.compute(as_rows(batch), training=training)
        return {name: everything[name] for name in ("sequence_output", "pooled_output")}

    def compute(self, rows, training=None, at=None):
        """Returns every intermediate of `rows`; what nobody uses is never computed.

        Args:
            rows: dict, see `as_rows`.
            at: int32 [Q], flat indices of tokens, for `output_at`.

        Returns:
            dict with `sequence_output` [R, S, H], `pooled_output` [B, H],
            `hidden_states` (the embeddings, then each layer's output) [L + 1][R, S, H]
            and `attention_probabilities` [L][R, N, S, S] (None in training with gradient
            checkpointing); with `at` also `output_at` [Q, H], the output of those tokens
            alone, for less than all of them cost.
        """
        shape = ops.shape(rows["input_ids"])
        seed = rows.get("dropout_seed")
        bias = attention_bias(rows["sequence_ids"])
        flat = {
            name: ops.reshape(rows[name], (-1,))
            for name in ("input_ids", "position_ids", "segment_ids")
        }
        hidden = self.embeddings(**flat, seed=fold_in(seed, 0), training=training)
        states, probabilities = [hidden], []
        for number, layer in enumerate(self.encoder_layers, start=1):
            # Each layer folds in a few numbers of its own.
            arguments = {"seed": fold_in(seed, 16 * number), "training": training}
            before = hidden
            if self.gradient_checkpointing and training:
                hidden, links = _forgetful(layer, arguments)(hidden, bias), None
            else:
                hidden, links = layer(hidden, bias, **arguments)
            states.append(hidden)
            probabilities.append(links)
        # Whoever wants only the pooled output (and compiles) does not pay for the last
        # layer at all other tokens, a seventh of a six-layer model.
        first, _ = layer(before, bias, at=rows["first_token"], **arguments)
        rows_of_states = [
            ops.reshape(state, (*shape, self.config.hidden_size)) for state in states
        ]
        everything = {
            "sequence_output": rows_of_states[-1],
            "pooled_output": self.pooler(first),
            "hidden_states": rows_of_states,
            "attention_probabilities": probabilities,
        }
        if at is not None:
            everything["output_at"], _ = layer(
                before, bias, at=at, few=False, **arguments
            )
        return everything

    def with_intermediates(self):
        """Returns a `keras.Model` of the same layers that gives all of `compute`'s dict.

        It takes what the backbone takes, and trains the same variables.
        """
        return _Intermediates(self)

    def get_config(self):
        return {
            "config": self.config.to_dict(),
            "dtype": self.dtype_policy.name,
            "gradient_checkpointing": self.gradient_checkpointing,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"config": BertConfig.from_dict(config["config"])})


def _forgetful(layer, arguments):
    """A layer's output as a function that keeps nothing for its gradient but its inputs.

    Raises:
        ValueError: dropout without a seed: computed again, it would drop other values.
    """
    if arguments["seed"] is None:
        raise ValueError(
            "gradient_checkpointing computes layers twice, and dropout must drop the "
            "same values: give dropout_seed, int32 [2], with each batch."
        )
    return keras.remat(lambda hidden, bias: layer(hidden, bias, **arguments)[0])


class _Intermediates(keras.Model):
    def __init__(self, backbone):
        super().__init__(
            dtype=backbone.dtype_policy, name=f"{backbone.name}_intermediates"
        )
        self.backbone = backbone

    def call(self, batch, training=None):
        return self.backbone.compute(as_rows(batch), training=training)
