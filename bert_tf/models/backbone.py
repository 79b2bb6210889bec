"""The encoder of BERT as a Keras model (Devlin et al., 2019).

Shapes: R rows, S tokens a row, T = R·S, B examples, L layers, N heads, H hidden size.
A row holds one or more examples. Tokens attend only within their example, so the outputs
equal those of one example a row.
"""

import keras
from keras import ops

from bert_tf.checkpoints import folder as folders
from bert_tf.config import BertConfig
from bert_tf.layers import attention_kernels
from bert_tf.layers.attention import attention_bias
from bert_tf.layers.dropout import fold_in
from bert_tf.models import saving
from bert_tf.models.parts import (
    make_embeddings,
    make_layers,
    make_pooler,
    make_projection,
    recompute,
)


def as_rows(batch):
    """Converts a padded batch to rows of one example each.

    Args:
        batch: dict with `input_ids`, int [B, S], and optionally `input_mask` (1 for
            tokens, 0 for padding; default 1) and `segment_ids` (default 0). A batch with
            `sequence_ids` already holds rows and is returned unchanged.

    Returns:
        dict with `input_ids, segment_ids, position_ids, sequence_ids`, int32 [R, S],
        and `first_token`, int32 [B].
    """
    if "sequence_ids" in batch:
        return batch
    input_ids = ops.convert_to_tensor(batch["input_ids"], dtype="int32")
    examples, length = ops.shape(input_ids)
    input_mask, segment_ids = batch.get("input_mask"), batch.get("segment_ids")
    if input_mask is None:
        input_mask = ops.ones_like(input_ids)
    if segment_ids is None:
        segment_ids = ops.zeros_like(input_ids)
    numbers = ops.arange(examples, dtype="int32")[:, None] + 1
    return {
        **batch,
        "input_ids": input_ids,
        "segment_ids": ops.cast(segment_ids, "int32"),
        "position_ids": ops.zeros_like(input_ids) + ops.arange(length, dtype="int32"),
        "sequence_ids": numbers * ops.cast(input_mask, "int32"),
        "first_token": ops.arange(examples, dtype="int32") * length,
    }


@keras.saving.register_keras_serializable(package="bert_tf")
class BertBackbone(keras.Model):
    """Computes a state for every token, the encoder of BERT without a task head.

    Args:
        config: `BertConfig`.
        dtype: Keras policy such as "float32", "bfloat16" or "mixed_bfloat16"; None means
            the global policy.
        gradient_checkpointing: True to store only the input of each layer for the
            backward pass, which computes the rest again (Chen et al., 2016, "Training
            deep nets with sublinear memory cost"). This takes a third more time and a
            fraction of the memory. Training then needs `dropout_seed`, so that both
            computations drop the same values.
        attention: "ops"; "by_example", which saves memory and time where examples are
            long, on TensorFlow; or a kernel of JAX, if `attention_probs_dropout_prob` is
            0: "splash" on a TPU, "cudnn" on a GPU in half precision.

    Call arguments:
        batch: dict of packed rows (`input_ids, segment_ids, position_ids, sequence_ids`,
            int32 [R, S]; `first_token`, int32 [B], flat indices into T), or a padded
            batch (`input_ids, input_mask, segment_ids`), see `as_rows`. The optional
            `dropout_seed`, int32 [2], determines all dropout masks; without it, each
            layer draws its own.

    Returns:
        dict with `sequence_output`, float [R, S, H], and `pooled_output`, float [B, H].
        In DistilBERT and ELECTRA, the second is what the first dense layer of a head of
        classification computes; an encoder without such a head has random weights there.

    Example:
        >>> import numpy as np
        >>> import bert_tf
        >>> config = bert_tf.BertConfig.from_size("tiny", vocab_size=200)
        >>> backbone = bert_tf.BertBackbone(config)
        >>> outputs = backbone({"input_ids": np.array([[101, 7, 102]])})
        >>> tuple(outputs["sequence_output"].shape), tuple(outputs["pooled_output"].shape)
        ((1, 3, 128), (1, 128))
    """

    def __init__(
        self,
        config,
        *,
        dtype=None,
        gradient_checkpointing=False,
        attention="ops",
        name="bert",
    ):
        super().__init__(dtype=dtype, name=name)
        attention_kernels.check(attention, config.attention_probs_dropout_prob)
        self.config = config
        self.folder = None  # `ModelFolder` that it came from, if any.
        self.gradient_checkpointing = gradient_checkpointing
        self.attention = attention
        self.embeddings = make_embeddings(config, self.dtype_policy)
        self.embeddings_project = make_projection(config, self.dtype_policy)
        self.encoder_layers = make_layers(config, self.dtype_policy)
        self.pooler = make_pooler(config, self.dtype_policy)
        # Built later, variables would take the scope of whoever calls the model first.
        self.build(None)

    @classmethod
    def from_pretrained(cls, name, *, dtype=None, gradient_checkpointing=False):
        """Returns an encoder with the weights of a model folder.

        Args:
            name: model folder, "minilm", or a published name such as
                "bert-base-uncased".
            dtype, gradient_checkpointing: as of the class.

        Raises:
            FileNotFoundError, ValueError: there is no such folder, or it is invalid.

        Example:
            >>> import bert_tf
            >>> backbone = bert_tf.BertBackbone.from_pretrained("bert")
            >>> tokenizer = bert_tf.BertTokenizer.from_pretrained("bert")
            >>> backbone(tokenizer(["It is a film."]))["pooled_output"].shape
            TensorShape([1, 12])
        """
        path = folders.resolve(name)
        folder = saving.without_head(folders.read(path), {})
        backbone = cls(
            folder.config, dtype=dtype, gradient_checkpointing=gradient_checkpointing
        )
        folders.load_weights(path, backbone)
        backbone.folder = folder
        return backbone

    def save_pretrained(self, path, *, tokenizer=None):
        """Writes a model folder without a head; see `ModelWithHead.save_pretrained`."""
        folder = saving.folder_of(self, tokenizer)
        saving.save(path, self, folder, "BertModel", folder.settings)

    def build(self, _):
        self.embeddings.build(None)
        if self.embeddings_project:
            self.embeddings_project.build((None, self.config.embedding_width))
        with keras.name_scope("encoder"):
            for layer in self.encoder_layers:
                layer.build(None)
        self.pooler.build(None)

    def call(self, batch, training=None):
        outputs = self.compute(as_rows(batch), training=training)
        return {name: outputs[name] for name in ("sequence_output", "pooled_output")}

    def compute(self, rows, training=None, at=None, probabilities=False):
        """Returns all outputs and intermediate values of the encoder.

        In a compiled function, values that nobody uses are never computed.

        Args:
            rows: dict, see `as_rows`.
            at: int32 [Q], flat indices of the tokens for `output_at`.
            probabilities: True if the caller wants them; a kernel returns none.

        Returns:
            dict with `sequence_output` [R, S, H], `pooled_output` [B, H],
            `hidden_states` (the embeddings, then the output of each layer) [L + 1][R, S,
            H] and `attention_probabilities` [L][R, N, S, S] (None in training with
            gradient checkpointing, and by a kernel). With `at` also `output_at` [Q, H],
            the last layer's output for these tokens, computed without that of the others.
        """
        shape = ops.shape(rows["input_ids"])
        seed = rows.get("dropout_seed")
        bias = attention_bias(rows["sequence_ids"])
        flat = {
            name: ops.reshape(rows[name], (-1,))
            for name in ("input_ids", "position_ids", "segment_ids")
        }
        for name in ("word_vectors", "word_perturbation"):
            if name in rows:
                flat[name] = ops.reshape(rows[name], (-1, self.config.embedding_width))
        hidden = self.embeddings(**flat, seed=fold_in(seed, 0), training=training)
        if self.embeddings_project:
            hidden = self.embeddings_project(hidden)
        kernel = "ops" if probabilities else self.attention
        attend = attention_kernels.make(
            kernel, rows["sequence_ids"], ops.shape(rows["first_token"])[0]
        )
        options = {"training": training, "attend": attend}
        states, by_layer = [hidden], []
        for number, layer in enumerate(self.encoder_layers, start=1):
            # Multiples of 16, because each layer folds in a few more numbers.
            arguments = options | {"seed": fold_in(seed, 16 * number)}
            last_input = hidden
            if self.gradient_checkpointing and training:
                recomputed = recompute(_without_probabilities(layer), arguments)
                hidden, attention = recomputed(hidden, bias), None
            else:
                hidden, attention = layer(hidden, bias, **arguments)
            states.append(hidden)
            by_layer.append(attention)
        # A compiled function that uses only the pooled output then skips the last layer
        # for all other tokens, a seventh of the time of a six-layer model.
        first_states, _ = layer(last_input, bias, at=rows["first_token"], **arguments)
        hidden_states = [
            ops.reshape(state, (*shape, self.config.hidden_size)) for state in states
        ]
        outputs = {
            "sequence_output": hidden_states[-1],
            "pooled_output": self.pooler(
                first_states, seed=fold_in(seed, 2), training=training
            ),
            "hidden_states": hidden_states,
            "attention_probabilities": by_layer,
        }
        if at is not None:
            outputs["output_at"], _ = layer(
                last_input, bias, at=at, few=False, **arguments
            )
        return outputs

    def with_intermediates(self):
        """Returns a `keras.Model` that returns the whole dict of `compute`.

        It has the inputs of the backbone, and shares its variables.
        """
        return _Intermediates(self)

    def get_config(self):
        return {
            "config": self.config.to_dict(),
            "dtype": self.dtype_policy.name,
            "gradient_checkpointing": self.gradient_checkpointing,
            "name": self.name,
            "frozen": saving.frozen(self),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        given = config | {"config": BertConfig.from_dict(config["config"])}
        frozen = given.pop("frozen", ())
        return saving.freeze(cls(**given), frozen)

    def save_assets(self, path):
        """Keeps the vocabulary in a .keras file; called by `model.save`."""
        saving.save_vocabulary(path, self.folder)

    def load_assets(self, path):
        """Restores what `save_assets` kept."""
        self.folder = saving.load_vocabulary(path, self.config)


def _without_probabilities(layer):
    return lambda *inputs, **options: layer(*inputs, **options)[0]


class _Intermediates(keras.Model):
    def __init__(self, backbone):
        name = f"{backbone.name}_intermediates"
        super().__init__(dtype=backbone.dtype_policy, name=name)
        self.backbone = backbone

    def call(self, batch, training=None):
        rows = as_rows(batch)
        return self.backbone.compute(rows, training=training, probabilities=True)
