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
    hidden, inner = config.hidden_size, config.intermediate_size
    layers = config.num_hidden_layers
    attention, rest = 3 * hidden**2, hidden**2 + 2 * hidden * inner
    head = hidden**2 + hidden * config.vocab_size
    encoder = layers * attention + (layers - 1) * rest
    return 6 * (encoder + masked_share * (rest + head))
