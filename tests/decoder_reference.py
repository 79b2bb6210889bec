"""BERT as a decoder in NumPy, one example and one target token at a time.

As `reference`: float64, without rows, padding, masks or caches. Rothe et al., 2020, 2.
"""

import math

import numpy as np
from reference import ACTIVATIONS, normalize, softmax


def decode(weights, config, memory, target_ids):
    """Returns the logits of the token after each target token, [L, V].

    Args:
        weights: {path: array}, those under `decoder/`.
        config: `BertConfig` of the decoder.
        memory: float [S, H], states of the source.
        target_ids: int [L].
    """
    weights = {path: np.asarray(value, float) for path, value in weights.items()}
    epsilon = config.layer_norm_eps

    def norm(scope, x):
        scaled = normalize(x, epsilon)
        return scaled * weights[f"{scope}/gamma"] + weights[f"{scope}/beta"]

    tables, head = "decoder/embeddings", "decoder/cls/predictions"
    table = weights[f"{tables}/word_embeddings"]
    hidden = norm(
        f"{tables}/LayerNorm",
        table[target_ids]
        + weights[f"{tables}/position_embeddings"][: len(target_ids)]
        + weights[f"{tables}/token_type_embeddings"][0],
    )
    for number in range(config.num_hidden_layers):
        scope = f"decoder/layer_{number}"
        hidden = decode_layer(weights, config, scope, hidden, memory)
    transformed = dense(weights, f"{head}/transform/dense", hidden)
    transformed = ACTIVATIONS[config.hidden_act](transformed)
    transformed = norm(f"{head}/transform/LayerNorm", transformed)
    return transformed @ table.T + weights[f"{head}/output_bias"]


def decode_layer(weights, config, scope, hidden, memory):
    """Returns the outputs of a decoder layer, [L, H], for its inputs."""
    heads = config.num_attention_heads

    def output(name, values, residual):
        values = dense(weights, f"{scope}/{name}/dense", values) + residual
        normed = normalize(values, config.layer_norm_eps)
        gamma, beta = (
            weights[f"{scope}/{name}/LayerNorm/{x}"] for x in ("gamma", "beta")
        )
        return normed * gamma + beta

    def attend(name, query, states):
        query, key, value = (
            dense(weights, f"{scope}/{name}/self/{part}", x)
            for part, x in (("query", query), ("key", states), ("value", states))
        )
        size = query.shape[-1] // heads
        parts = [np.s_[:, size * head : size * (head + 1)] for head in range(heads)]
        return np.concatenate(
            [
                softmax(query[part] @ key[part].T / math.sqrt(size)) @ value[part]
                for part in parts
            ],
            axis=1,
        )

    outputs = []
    for place in range(len(hidden)):  # A token sees itself and those before it.
        own = hidden[[place]]
        context = attend("attention", own, hidden[: place + 1])
        attended = output("attention/output", context, own)
        context = attend("crossattention", attended, memory)
        crossed = output("crossattention/output", context, attended)
        expanded = dense(weights, f"{scope}/intermediate/dense", crossed)
        expanded = ACTIVATIONS[config.hidden_act](expanded)
        outputs.append(output("output", expanded, crossed)[0])
    return np.stack(outputs)


def dense(weights, scope, x):
    return x @ weights[f"{scope}/kernel"] + weights[f"{scope}/bias"]
