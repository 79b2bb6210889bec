"""Low-rank adapters (Hu et al., 2022): W + alpha/rank · A·B, of which A and B train.

As in the paper on query and value, by Keras' own `Dense.enable_lora`.
"""

from keras import ops


def add_adapters(model, rank, alpha):
    """Adds adapters to a built model that has a `backbone`; they begin as no change."""
    for dense in _adapted(model):
        dense.enable_lora(rank, lora_alpha=alpha)


def merge_adapters(model, plain):
    """Copies a model's weights into one without adapters, in which they are merged.

    Args:
        model: with adapters.
        plain: the same model without; its outputs become those of `model`.

    Returns:
        `plain`.
    """
    arrays = {weight.path: ops.convert_to_tensor(weight) for weight in model.weights}
    for dense in _adapted(model):
        a, b = dense.lora_kernel_a, dense.lora_kernel_b
        # By hand: `dense.kernel` comes in the type that the layer computes in.
        update = ops.matmul(arrays[a.path], arrays[b.path])
        kernel = a.path.removesuffix("lora_kernel_a") + "kernel"
        arrays[kernel] += dense.lora_alpha / dense.lora_rank * update
    for weight in plain.weights:
        weight.assign(arrays[weight.path])
    return plain


def _adapted(model):
    for layer in model.backbone.encoder_layers:
        yield layer.self_attention.query
        yield layer.self_attention.value
