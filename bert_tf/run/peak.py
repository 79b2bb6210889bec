"""Counts the operations of pretraining, to compare them with the machine's speed."""


def operations_per_token(config, masked_share):
    """Returns the operations of dense layers and the MLM head per token of training.

    The forward pass counts once, the backward pass twice. Two things do not count: the
    last layer after its attention, which is computed for hidden tokens only; and the
    products inside attention, a few percent at 128 tokens.

    Args:
        config: `BertConfig`.
        masked_share: fraction of the tokens that is hidden.
    """
    hidden = config.hidden_size
    layers = [
        (n * config.attention_head_size, inner) for n, inner in config.layer_shapes
    ]
    attention = sum(3 * hidden * width for width, _ in layers)
    rests = [hidden * width + 2 * hidden * inner for width, inner in layers]
    head = hidden**2 + hidden * config.vocab_size
    encoder = attention + sum(rests[:-1])
    return 6 * (encoder + masked_share * (rests[-1] + head))
