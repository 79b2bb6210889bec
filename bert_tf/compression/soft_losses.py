"""Losses of a student against its teachers, unreduced, in keras.ops.

Hinton et al., 2015, "Distilling the knowledge in a neural network"; Jiao et al., 2020,
"TinyBERT".

Shapes: N items, C outputs of an item, T tokens of all rows, H hidden size, R rows, M
heads, S tokens of a row.
"""

from bert_tf.ground import lazy

ops = lazy("keras.ops")

# A probability below it counts as this one, so that its logarithm is finite.
_LEAST = 1e-9


def compare(soft, student, teachers, temperature):
    """Returns the loss of each item, float32 [N].

    Several teachers count as one that predicts the mean of their probabilities: each is a
    forecast, and their logits, whose scales differ, are not. Numbers are averaged as they
    are.

    Args:
        soft: "softmax" or "sigmoid": T² times the divergence KL(teacher ‖ student) at
            temperature T; of sigmoids, the mean over the C labels. "square": the mean
            squared difference, in which T has no part.
        student: float [N, C], logits, or numbers.
        teachers: list of the same.
        temperature: logits are divided by it.
    """
    student, *teachers = (ops.cast(x, "float32") for x in (student, *teachers))
    if soft == "square":
        return ops.mean(ops.square(student - _mean(teachers)), axis=-1)
    student, teachers = student / temperature, [x / temperature for x in teachers]
    if soft == "softmax":
        wanted = _mean([ops.softmax(x, axis=-1) for x in teachers])
        loss = diverge(wanted, ops.log_softmax(student, axis=-1))
    else:
        wanted = _mean([ops.sigmoid(x) for x in teachers])
        yes, no = ops.log_sigmoid(student), ops.log_sigmoid(-student)
        sides = ops.stack([wanted, 1.0 - wanted], axis=-1)  # [N, C, 2]
        loss = ops.mean(diverge(sides, ops.stack([yes, no], axis=-1)), axis=-1)
    return temperature**2 * loss


def compare_margins(student, teachers):
    """Returns the squared difference of margins, float32 [N], as Margin-MSE.

    Hofstaetter et al., 2020, "Improving Efficient Neural Ranking Models with
    Cross-Architecture Knowledge Distillation". A margin is the logit of the first text
    minus that of another; the mean is over the C - 1 others. The margins of several
    teachers are averaged.

    Args:
        student: float [N, C], logits.
        teachers: list of the same.
    """
    student, *teachers = (_float(x) for x in (student, *teachers))
    differences = student - _mean(teachers)
    return ops.mean(ops.square(differences[:, :1] - differences[:, 1:]), axis=-1)


def diverge(wanted, logs):
    """Returns KL(wanted ‖ exp(logs)) in nats over the last axis; 0 · log 0 is 0."""
    own = ops.log(ops.maximum(wanted, _LEAST))
    return ops.sum(wanted * (ops.where(wanted > 0, own, 0.0) - logs), axis=-1)


def compare_states(pairs):
    """Returns the mean squared difference of hidden states of each token, float32 [T].

    Args:
        pairs: list of (student's, teacher's), float [T, H], of which the mean is taken.
    """
    return _mean(
        [
            ops.mean(ops.square(_float(own) - _float(wanted)), axis=-1)
            for own, wanted in pairs
        ]
    )


def compare_attention(pairs):
    """Returns the divergence of the attention of each token, float32 [R·S].

    It is KL(teacher ‖ student) over the tokens attended to, as in MiniLM (Wang et al.,
    2020), the mean over heads and pairs. TinyBERT compares scores before the softmax; in
    packed rows most of these are masks.

    Args:
        pairs: list of (student's, teacher's) probabilities, [R, M, S, S].
    """
    losses = []
    for own, wanted in pairs:
        logs = ops.log(ops.maximum(_float(own), _LEAST))
        by_head = diverge(_float(wanted), logs)
        losses.append(ops.reshape(ops.mean(by_head, axis=1), (-1,)))
    return _mean(losses)


def _float(values):
    return ops.cast(values, "float32")


def _mean(values):
    return sum(values[1:], values[0]) / len(values)
