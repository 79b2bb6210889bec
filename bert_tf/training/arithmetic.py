"""The arithmetic of an update, in keras.ops: the same lines for both engines.

Nothing here holds a state: tensors come in, and tensors are returned.
"""

import math
import re

from bert_tf.ground import lazy

ops = lazy("keras.ops")

# Biases and LayerNorm do not decay towards 0 (as in the code of Devlin et al.).
NO_DECAY = re.compile(r"LayerNorm|bias")


def learning_rate(config, total_steps, seconds):
    """Returns function(updates made) -> learning rate, float32.

    Args:
        config: `TrainConfig`.
        total_steps: updates of the whole run.
        seconds: function() -> training time so far, float32, which the learning rate of a
            run of `train_minutes` follows.
    """
    options = {"peak": config.learning_rate, "power": config.lr_decay_power}
    kind = config.lr_scheduler_type
    if not config.train_minutes:
        warmup = config.warmup_steps(total_steps)
        return learning_rate_schedule(kind, total=total_steps, warmup=warmup, **options)
    total = 60 * config.train_minutes
    warmup = config.warmup_ratio * total
    rate = learning_rate_schedule(kind, total=total, warmup=warmup, **options)
    return lambda updates: rate(seconds())


def learning_rate_schedule(kind, *, peak, total, warmup, power=1.0):
    """Returns function(position in the run) -> learning rate, float32.

    It rises linearly from 0 during the warm-up; then it follows `kind`.

    Args:
        kind: "linear", "polynomial" or "cosine" (all end at 0), or "constant".
        peak: learning rate after the warm-up.
        total: length of the run, in the unit of the position: updates or seconds.
        warmup: length of the warm-up.
        power: of the polynomial; 1 is linear, as in google-research/bert.
    """
    decays = {
        "linear": lambda progress: 1.0 - progress,
        "polynomial": lambda progress: (1.0 - progress) ** power,
        "cosine": lambda progress: 0.5 * (1.0 + ops.cos(math.pi * progress)),
        "constant": lambda progress: ops.ones_like(progress),
    }
    if kind not in decays:
        raise ValueError(
            f"lr_scheduler_type must be one of {', '.join(decays)}; received {kind!r}."
        )
    decay = decays[kind]

    def rate(position):
        position = ops.cast(position, "float32")
        rising = position / (warmup or 1)
        progress = (position - warmup) / ((total - warmup) or 1)
        falling = decay(ops.clip(progress, 0.0, 1.0))
        return peak * ops.where(position < warmup, rising, falling)

    return rate


def hyperparameters(beta_1, beta_2, epsilon):
    """Returns the numbers of Adam that `update_weight` takes, a list of five floats.

    1 - beta is computed here, because float32 would leave only four exact digits of it.
    """
    return [beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, epsilon]


def update_weight(
    weight,
    mean,
    square,
    gradient,
    *,
    scale,
    rate,
    decay,
    count,
    numbers,
    scale_to_weight=False,
):
    """Makes one step of AdamW, or of LAMB, for one weight; see `tensorflow.optimizer.AdamW`.

    Args:
        weight, mean, square: the weight, and the running means of its gradient and of the
            square of its gradient; float32 of one shape.
        gradient: float, of the same shape.
        scale: factor of the gradient, for clipping.
        rate: learning rate.
        decay: fraction of the weight that is subtracted per unit of learning rate.
        count: float32, number of this update, from 1.
        numbers: five float32 scalars; see `hyperparameters`.
        scale_to_weight: True for LAMB.

    Returns:
        the new weight, mean and square.
    """
    beta_1, rest_1, beta_2, rest_2, epsilon = numbers
    mean_correction = 1.0 - beta_1**count
    square_correction = 1.0 - beta_2**count
    gradient = scale * ops.cast(gradient, weight.dtype)
    mean = beta_1 * mean + rest_1 * gradient
    square = beta_2 * square + rest_2 * gradient**2
    root = ops.sqrt(square / square_correction) + epsilon
    step = mean / mean_correction / root + decay * weight
    if scale_to_weight:
        weight_norm, step_norm = norm([weight]), norm([step])
        ratio = weight_norm / step_norm
        both = ops.logical_and(weight_norm > 0.0, step_norm > 0.0)
        rate = rate * ops.where(both, ratio, 1.0)
    return weight - rate * step, mean, square


def average_decay(ema_decay, count):
    """Returns the decay of the averages in update `count`, float32.

    It begins small, as in TensorFlow's ExponentialMovingAverage, so that the first
    weights are soon forgotten.
    """
    return ops.minimum(ema_decay, (1.0 + count) / (10.0 + count))


def update_average(average, weight, decay):
    """Returns the exponential moving average of a weight after its update."""
    return average - (1.0 - decay) * (average - weight)


def weighted_terms(losses, weights, totals):
    """Returns {term: float32 scalar}: the weighted losses of a micro-batch, divided once.

    Args:
        losses, weights: {term: float32 [items]}.
        totals: {term: sum of its weights in the whole update}. A term without any weight
            has a loss of 0, not of 0 / 0.
    """
    return {
        term: ops.divide_no_nan(ops.sum(loss * weights[term]), totals[term])
        for term, loss in losses.items()
    }


def perturb(gradient, rows, epsilon):
    """Returns the change of word vectors that raises the loss most (Miyato et al., 2017).

    To first order, among all changes of an example's vectors, together, of norm epsilon.
    As this is epsilon · g / ‖g‖ of each example, factors of its loss do not matter.

    Args:
        gradient: float32 [R, S, H], of the loss by the word vectors of packed rows.
        rows: dict with `sequence_ids`, int32 [R, S], and `first_token`, int32 [B].
        epsilon: norm of the change of each example.

    Returns:
        float32 [R, S, H]; 0 for padding, and where the gradient is 0 or not finite.
    """
    numbers = ops.reshape(rows["sequence_ids"], (-1,))  # From 1; padding has 0.
    squares = ops.reshape(ops.sum(ops.square(gradient), axis=-1), (-1,))
    examples = ops.shape(rows["first_token"])[0]
    norms = ops.sqrt(ops.segment_sum(squares, numbers, num_segments=examples + 1))
    usable = ops.logical_and(norms > 0.0, ops.isfinite(norms))
    scales = ops.where(usable, epsilon / ops.where(usable, norms, 1.0), 0.0)
    scales = ops.take(scales, rows["sequence_ids"], axis=0)  # [R, S]
    scales = ops.where(rows["sequence_ids"] > 0, scales, 0.0)[..., None]
    # An infinite number times 0 is none.
    return ops.where(scales > 0.0, scales * gradient, 0.0)


def norm(arrays):
    """Returns the root of the sum of the squares of all numbers of some arrays."""
    return ops.sqrt(sum(ops.sum(ops.square(array)) for array in arrays))


def clip_scale(gradient_norm, max_grad_norm):
    """Returns the factor that brings gradients down to a norm; 1 if they are within it."""
    return ops.minimum(1.0, max_grad_norm / (gradient_norm + 1e-6))
