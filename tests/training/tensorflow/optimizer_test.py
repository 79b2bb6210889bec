"""AdamW and LAMB against the papers, line by line in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_tf.training.tensorflow.distribution import make_strategy
from bert_tf.training.tensorflow.optimizer import AdamW

SHAPES = {
    "bert/encoder/layer_0/output/dense/kernel": (3, 5),
    "bert/encoder/layer_0/output/dense/bias": (5,),
    "bert/encoder/layer_0/output/LayerNorm/gamma": (5,),
    "bert/encoder/layer_0/output/LayerNorm/beta": (5,),
    "bert/embeddings/word_embeddings": (7, 5),
}
DECAYED = {path for path in SHAPES if path.endswith(("kernel", "word_embeddings"))}
OPTIONS = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.1}
STEPS = 7


def rate(step):
    return 0.1 / (tf.cast(step, tf.float32) + 1.0)


def values(seed):
    random = np.random.default_rng(seed)
    return {
        path: random.normal(size=shape).astype(np.float32)
        for path, shape in SHAPES.items()
    }


def follow_paper(
    weights,
    gradients,
    *,
    beta_1,
    beta_2,
    epsilon,
    weight_decay,
    rate_factors=None,
    scale_to_weight=False,
):
    """Loshchilov and Hutter, 2019, algorithm 2; its α is 1, its η the learning rate.

    Or You et al., 2020, algorithm 2; its φ is the identity.
    """
    weights = {path: value.astype(float) for path, value in weights.items()}
    m = {path: np.zeros(shape) for path, shape in SHAPES.items()}
    v = {path: np.zeros(shape) for path, shape in SHAPES.items()}
    for t, gradient in enumerate(gradients, start=1):
        for path, g in gradient.items():
            decay = weight_decay if path in DECAYED else 0.0
            m[path] = beta_1 * m[path] + (1 - beta_1) * g
            v[path] = beta_2 * v[path] + (1 - beta_2) * g**2
            m_hat, v_hat = m[path] / (1 - beta_1**t), v[path] / (1 - beta_2**t)
            step = m_hat / (np.sqrt(v_hat) + epsilon) + decay * weights[path]
            rate_of_path = 0.1 / t * (rate_factors or {}).get(path, 1.0)
            if scale_to_weight and path in DECAYED:
                norms = np.linalg.norm(weights[path]), np.linalg.norm(step)
                rate_of_path *= norms[0] / norms[1] if all(norms) else 1.0
            weights[path] = weights[path] - rate_of_path * step
    return weights


def optimise(strategy, weights, gradients, scale=1.0, **options):
    """Weights and optimizer after an update with each of the gradients."""
    with strategy.scope():
        variables = {path: tf.Variable(value) for path, value in weights.items()}
        optimizer = AdamW(variables, schedule=rate, **options)

    @tf.function
    def update(gradient):
        strategy.run(optimizer.apply, args=(gradient, scale))

    for gradient in gradients:
        update({path: tf.constant(value) for path, value in gradient.items()})
    return {path: variable.numpy() for path, variable in variables.items()}, optimizer


def assert_close(received, expected, tolerance=1e-6):
    for path, value in expected.items():
        np.testing.assert_allclose(received[path], value, atol=tolerance, err_msg=path)


@pytest.fixture(scope="module")
def gradients():
    return [values(10 + step) for step in range(STEPS)]


@pytest.mark.parametrize("distribution", ["one_device", "mirrored"])
def test_adamw_is_that_of_the_paper(distribution, gradients):
    strategy = make_strategy(distribution)
    weights, optimizer = optimise(strategy, values(1), gradients, **OPTIONS)
    assert_close(weights, follow_paper(values(1), gradients, **OPTIONS))
    assert optimizer.step.numpy() == STEPS


@pytest.mark.parametrize("distribution", ["one_device", "mirrored"])
def test_lamb_is_that_of_the_paper(distribution, gradients):
    strategy, options = make_strategy(distribution), OPTIONS | {"scale_to_weight": True}
    weights, _ = optimise(strategy, values(1), gradients, **options)
    assert_close(weights, follow_paper(values(1), gradients, **options))


def test_lamb_moves_a_weight_of_zeros(gradients):
    start = values(1) | {
        "bert/embeddings/word_embeddings": np.zeros((7, 5), np.float32)
    }
    options = OPTIONS | {"scale_to_weight": True}
    weights, _ = optimise(make_strategy("one_device"), start, gradients[:1], **options)
    assert_close(weights, follow_paper(start, gradients[:1], **options))
    assert np.abs(weights["bert/embeddings/word_embeddings"]).min() > 0.01


def test_each_weight_has_its_own_rate(gradients):
    factors = {path: 0.5**number for number, path in enumerate(list(SHAPES)[1:], 1)}
    options = OPTIONS | {"rate_factors": factors}
    weights, _ = optimise(make_strategy("one_device"), values(1), gradients, **options)
    assert_close(weights, follow_paper(values(1), gradients, **options))


@pytest.mark.parametrize("distribution", ["one_device", "mirrored"])
def test_averages_of_the_weights(distribution, gradients):
    strategy = make_strategy(distribution)
    weights, optimizer = optimise(
        strategy, values(1), gradients, ema_decay=0.4, **OPTIONS
    )
    averages = {path: value.astype(float) for path, value in values(1).items()}
    for n in range(1, STEPS + 1):
        decay = min(0.4, (1 + n) / (10 + n))  # From the sixth on it is 0.4.
        after = follow_paper(values(1), gradients[:n], **OPTIONS)
        for path, average in averages.items():
            averages[path] = decay * average + (1 - decay) * after[path]
    with optimizer.averaged():
        assert_close({p: v.numpy() for p, v in optimizer.variables.items()}, averages)
    np.testing.assert_equal(
        {path: variable.numpy() for path, variable in optimizer.variables.items()},
        weights,
    )


def test_equals_keras_if_all_weights_decay(gradients):
    paths = DECAYED
    # Keras adds epsilon to the uncorrected root; so small, it makes no difference.
    options = OPTIONS | {"epsilon": 1e-9}
    ours, _ = optimise(
        tf.distribute.get_strategy(),
        {path: value for path, value in values(1).items() if path in paths},
        [{path: step[path] for path in paths} for step in gradients],
        **options,
    )
    variables = {path: keras.Variable(values(1)[path]) for path in paths}
    optimizer = keras.optimizers.AdamW(**options)
    for number, step in enumerate(gradients):
        optimizer.learning_rate = 0.1 / (number + 1)
        optimizer.apply_gradients([(step[path], variables[path]) for path in paths])
    theirs = {path: variable.numpy() for path, variable in variables.items()}
    assert_close(ours, theirs, 1e-5)


def test_clipping_scales_the_gradient(gradients):
    strategy = make_strategy("one_device")
    weights, _ = optimise(strategy, values(1), gradients, scale=0.01, **OPTIONS)
    small = [{path: 0.01 * g for path, g in step.items()} for step in gradients]
    assert_close(weights, follow_paper(values(1), small, **OPTIONS))


def test_a_weight_without_gradient_stays(gradients):
    idle = "bert/embeddings/word_embeddings"
    rest = [{path: g for path, g in step.items() if path != idle} for step in gradients]
    weights, _ = optimise(make_strategy("one_device"), values(1), rest, **OPTIONS)
    np.testing.assert_array_equal(weights[idle], values(1)[idle])
    assert_close(weights, follow_paper(values(1), rest, **OPTIONS))


def test_the_state_holds_step_and_moments(gradients):
    _, optimizer = optimise(make_strategy("one_device"), values(1), gradients[:1])
    state = optimizer.state()
    assert int(state["step"]) == 1
    for path, gradient in gradients[0].items():
        np.testing.assert_allclose(state["means"][path], 0.1 * gradient, rtol=1e-5)
        np.testing.assert_allclose(
            state["squares"][path], 0.001 * gradient**2, rtol=1e-4
        )
