"""Adapters do not change outputs when they are added or merged."""

import keras
import numpy as np
import tiny

from bert_tf.models.lora import add_adapters, merge_adapters
from bert_tf.training import selection

BATCH = {"input_ids": np.array([[2, 7, 11, 3], [2, 5, 3, 0]])}
BATCH["input_mask"] = np.minimum(BATCH["input_ids"], 1)


def adapted(seed=1, **changes):
    """Returns a tiny classifier with adapters that change its outputs."""
    model = tiny.classifier(**changes)
    before = model(BATCH).numpy()
    add_adapters(model, rank=4, alpha=6.0)
    np.testing.assert_array_equal(model(BATCH), before)
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if "lora_kernel_" in weight.path:
            weight.assign(random.normal(0.0, 0.5, weight.shape))
    assert np.abs(model(BATCH) - before).max() > 0.1
    return model


def test_adapters_of_query_and_value_train_with_the_head():
    model = adapted()
    selection.select(model, adapters_only=True)
    adapters = {
        f"bert/encoder/layer_{layer}/attention/self/{name}/lora_kernel_{part}": shape
        for layer in range(2)
        for name in ("query", "value")
        for part, shape in (("a", (21, 4)), ("b", (4, 21)))
    }
    trained = {weight.path: tuple(weight.shape) for weight in model.trainable_weights}
    heads = trained.keys() - adapters.keys()
    assert {path: trained[path] for path in adapters} == adapters
    assert heads == {
        *("bert/pooler/dense/kernel", "bert/pooler/dense/bias"),
        *("classifier/kernel", "classifier/bias"),
    }


def test_merging_keeps_the_outputs():
    model = adapted()
    plain = merge_adapters(model, tiny.classifier(seed=2))
    np.testing.assert_allclose(plain(BATCH), model(BATCH), atol=1e-5)
    kernel, a, b, before = (
        keras.ops.convert_to_numpy(weight)
        for weight in (
            plain.backbone.encoder_layers[1].self_attention.query.kernel,
            model.backbone.encoder_layers[1].self_attention.query.lora_kernel_a,
            model.backbone.encoder_layers[1].self_attention.query.lora_kernel_b,
            tiny.classifier().backbone.encoder_layers[1].self_attention.query.kernel,
        )
    )
    np.testing.assert_allclose(kernel, before + 1.5 * a @ b, atol=1e-6)


def test_merging_is_float32_under_any_policy():
    expected = merge_adapters(adapted(), tiny.classifier(seed=2))
    half = merge_adapters(adapted(dtype="mixed_bfloat16"), tiny.classifier(seed=2))
    for weight, other in zip(half.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(weight, other, err_msg=weight.path)
