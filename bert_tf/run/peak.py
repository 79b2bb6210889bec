"""How much of what the machine could multiply, pretraining does."""


def operations_per_token(config, masked_share):
    """Returns the operations of dense layers and the MLM head in training, a token.

    Forward once, backward twice. What is not computed does not count: the last layer
    behind its attention, for tokens that nobody asks. Attention's own products, a few
    percent at 128 tokens, are left out.

    Args:
        config: `BertConfig`.
        masked_share: of the tokens that are hidden.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    layers = config.num_hidden_layers
    attention, rest = 3 * hidden**2, hidden**2 + 2 * hidden * inner
    head = hidden**2 + hidden * config.vocab_size
    encoder = layers * attention + (layers - 1) * rest
    return 6 * (encoder + masked_share * (rest + head))
