"""Low-rank adapters (Hu et al., 2022): W + alpha/rank · A·B, where only A and B train.

As in the paper, they adapt the query and value kernels, by `keras.layers.Dense.enable_lora`.
"""

from keras import ops


def add_adapters(model, rank, alpha):
    """Adds adapters to a built model with a `backbone`; its outputs stay the same.

    Args:
        model: built Keras model.
        rank: columns of A and rows of B.
        alpha: scale of the update, which is alpha/rank · A·B.
    """
    for layer in _adapted_layers(model):
        layer.enable_lora(rank, lora_alpha=alpha)


def merge_adapters(model, plain):
    """Copies a model's weights, with the adapters merged, into a model without adapters.

    Args:
        model: model with adapters.
        plain: the same model without adapters; its outputs become those of `model`.

    Returns:
        `plain`.
    """
    arrays = {weight.path: ops.convert_to_tensor(weight) for weight in model.weights}
    for layer in _adapted_layers(model):
        a, b = layer.lora_kernel_a, layer.lora_kernel_b
        # `layer.kernel` is the merged kernel, but in the compute dtype of the layer.
        update = ops.matmul(arrays[a.path], arrays[b.path])
        kernel = a.path.removesuffix("lora_kernel_a") + "kernel"
        arrays[kernel] += layer.lora_alpha / layer.lora_rank * update
    for weight in plain.weights:
        weight.assign(arrays[weight.path])
    return plain


def has_adapters(model):
    """Returns whether a model has adapters."""
    return any(layer.lora_enabled for layer in _adapted_layers(model))


def adapted_kernels(model):
    """Returns the paths of the kernels that have adapters, and so do not train."""
    return {
        layer.lora_kernel_a.path.removesuffix("lora_kernel_a") + "kernel"
        for layer in _adapted_layers(model)
        if layer.lora_enabled
    }


def _adapted_layers(model):
    for layer in getattr(model, "backbone", model).encoder_layers:
        yield layer.self_attention.query
        yield layer.self_attention.value
