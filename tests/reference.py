"""BERT in NumPy, one example at a time: the expected values of the tests.

It computes in float64, without rows, padding or masks. Weights are {published path:
array}. Devlin et al., 2019; Vaswani et al., 2017; Hendrycks and Gimpel, 2016.

Shapes: L tokens, N heads, D head size, H = N·D.
"""

import math

import numpy as np

ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_new": lambda x: (
        0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "relu": lambda x: np.maximum(x, 0),
}


def encode(weights, config, input_ids, segment_ids=None):
    """Encodes one example.

    Args:
        weights: {path: array}.
        config: `BertConfig`.
        input_ids, segment_ids: int [L]; segments are 0 by default.

    Returns:
        dict with `hidden_states` [layers + 1][L, H], `attention_probabilities`
        [layers][N, L, L], `sequence_output` [L, H] and `pooled_output` [H].
    """
    weights = {path: np.asarray(value, float) for path, value in weights.items()}
    epsilon = config.layer_norm_eps

    def dense(scope, x):
        return x @ weights[f"{scope}/kernel"] + weights[f"{scope}/bias"]

    def layer_norm(scope, x):
        scaled = normalize(x, epsilon)
        return scaled * weights[f"{scope}/gamma"] + weights[f"{scope}/beta"]

    def attend(scope, x):
        query, key, value = (
            np.stack(
                np.split(dense(f"{scope}/{name}", x), config.num_attention_heads, -1)
            )
            for name in ("query", "key", "value")
        )  # [N, L, D]
        head_size = query.shape[-1]
        probabilities = softmax(query @ key.swapaxes(1, 2) / math.sqrt(head_size))
        return np.concatenate(list(probabilities @ value), -1), probabilities

    if segment_ids is None:
        segment_ids = np.zeros_like(input_ids)
    tables = "bert/embeddings"
    hidden = layer_norm(
        f"{tables}/LayerNorm",
        weights[f"{tables}/word_embeddings"][input_ids]
        + weights[f"{tables}/position_embeddings"][: len(input_ids)]
        + weights[f"{tables}/token_type_embeddings"][segment_ids],
    )
    states, attention = [hidden], []
    for number in range(config.num_hidden_layers):
        scope = f"bert/encoder/layer_{number}"
        context, probabilities = attend(f"{scope}/attention/self", hidden)
        attended = layer_norm(
            f"{scope}/attention/output/LayerNorm",
            dense(f"{scope}/attention/output/dense", context) + hidden,
        )
        expanded = dense(f"{scope}/intermediate/dense", attended)
        shrunk = dense(
            f"{scope}/output/dense", ACTIVATIONS[config.hidden_act](expanded)
        )
        hidden = layer_norm(f"{scope}/output/LayerNorm", shrunk + attended)
        states.append(hidden)
        attention.append(probabilities)
    return {
        "hidden_states": states,
        "attention_probabilities": attention,
        "sequence_output": hidden,
        "pooled_output": np.tanh(dense("bert/pooler/dense", hidden[0])),
    }


def classify(weights, config, input_ids, segment_ids=None):
    """Returns the logits of one example, [labels]."""
    pooled = encode(weights, config, input_ids, segment_ids)["pooled_output"]
    return pooled @ weights["classifier/kernel"] + weights["classifier/bias"]


def predict_masked(weights, config, input_ids, positions, segment_ids=None):
    """Returns the logits of the words at some positions, [P, V], by the tied table."""
    states = encode(weights, config, input_ids, segment_ids)["sequence_output"]
    scope = "cls/predictions/transform"
    kernel, bias = (weights[f"{scope}/dense/{name}"] for name in ("kernel", "bias"))
    dense = ACTIVATIONS[config.hidden_act](states[positions] @ kernel + bias)
    gamma, beta = (weights[f"{scope}/LayerNorm/{name}"] for name in ("gamma", "beta"))
    transformed = normalize(dense, config.layer_norm_eps) * gamma + beta
    table = weights["bert/embeddings/word_embeddings"]
    return transformed @ table.T + weights["cls/predictions/output_bias"]


def predict_next_sentence(weights, config, input_ids, segment_ids=None):
    """Returns the logits of "B follows A" and "B does not follow A", [2]."""
    pooled = encode(weights, config, input_ids, segment_ids)["pooled_output"]
    scope = "cls/seq_relationship"
    return weights[f"{scope}/output_weights"] @ pooled + weights[f"{scope}/output_bias"]


def normalize(x, epsilon):
    deviation = x - x.mean(-1, keepdims=True)
    return deviation / np.sqrt((deviation**2).mean(-1, keepdims=True) + epsilon)


def softmax(x):
    exponents = np.exp(x - x.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)
