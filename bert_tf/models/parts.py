"""What several models are made of, from a `BertConfig`."""

import keras

from bert_tf.layers import attention_kernels, initial
from bert_tf.layers.dense import dense
from bert_tf.layers.embeddings import Embeddings
from bert_tf.layers.heads import MaskedLMHead, Pooler
from bert_tf.layers.transformer import EncoderLayer


def choose_attention(chosen, options):
    """Returns how attention is computed, see `BertBackbone`.

    Args:
        chosen: "" for what suits the length of the examples and the engine.
        options: `Options` of the task.
    """
    return chosen or attention_kernels.choose(options.longest[0])


def without_initial_weights():
    """Makes new weights 0 in a block, for models whose weights all come from a file."""
    return initial.left_out()


def make_embeddings(config, dtype):
    """Returns the `Embeddings` of a `BertConfig`."""
    return Embeddings(
        config.vocab_size,
        config.embedding_width,
        max_position_embeddings=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size * config.architecture.has_segments,
        dropout=config.hidden_dropout_prob,
        epsilon=config.layer_norm_eps,
        initializer_range=config.initializer_range,
        dtype=dtype,
        name="embeddings",
    )


def make_projection(config, dtype):
    """Returns the dense layer that widens ELECTRA's embeddings; None where they are wide."""
    if config.embedding_width == config.hidden_size:
        return None
    return dense(
        config.hidden_size,
        config.initializer_range,
        dtype=dtype,
        name="embeddings_project",
    )


def make_pooler(config, dtype):
    """Returns the `Pooler` of a `BertConfig`."""
    kind = config.architecture
    return Pooler(
        config.hidden_size,
        initializer_range=config.initializer_range,
        activation=kind.pooler_act,
        dropout=config.head_dropout_prob if kind.drops_before_pooler else 0.0,
        dtype=dtype,
        name="pooler",
    )


def make_layers(config, dtype):
    """Returns the layers of a `BertConfig`, a list of `EncoderLayer`."""
    return [
        EncoderLayer(
            config.hidden_size,
            heads,
            intermediate_size,
            head_size=config.attention_head_size,
            activation=config.hidden_act,
            hidden_dropout=config.hidden_dropout_prob,
            attention_dropout=config.attention_probs_dropout_prob,
            epsilon=config.layer_norm_eps,
            initializer_range=config.initializer_range,
            dtype=dtype,
            name=f"layer_{number}",
        )
        for number, (heads, intermediate_size) in enumerate(config.layer_shapes)
    ]


def make_token_head(config, dtype):
    """Returns the `MaskedLMHead` of a `BertConfig`, which a decoder has, too."""
    return MaskedLMHead(
        config.vocab_size,
        config.hidden_size,
        embedding_size=config.embedding_width,
        activation=config.architecture.token_act or config.hidden_act,
        epsilon=config.layer_norm_eps,
        initializer_range=config.initializer_range,
        dtype=dtype,
    )


def recompute(layer, options):
    """Returns a layer that stores only its inputs for its gradient.

    Args:
        layer: function that returns one tensor.
        options: `seed`, `training` and other keyword arguments of it.

    Raises:
        ValueError: there is no dropout seed, so the second computation would drop other
            values than the first.
    """
    if options["seed"] is None:
        raise ValueError(
            "gradient_checkpointing computes each layer twice, and dropout must drop the "
            "same values both times: give dropout_seed, int32 [2], with each batch."
        )
    return keras.remat(lambda *inputs: layer(*inputs, **options))
