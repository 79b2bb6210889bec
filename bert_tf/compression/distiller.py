"""A student and its frozen teachers as one Keras model, so that a step computes both.

Shapes: R rows, S tokens a row, T = R·S, H hidden size.
"""

import contextlib

import keras
from keras import ops


class Distiller(keras.Model):
    """Computes a student, and in training its teachers for the same rows.

    The teachers are variables that do not train. They are no weights of this model, so
    that they are neither selected for training, nor saved, nor counted.

    Args:
        student: built model of the task.
        teachers: list of the same; none if only the student is computed.
        pairs: [(student's, teacher's)], for each teacher a list of hidden states to
            compare: 0 is the embeddings, 1 the output of the first layer.
        hidden: whether hidden states are compared. Where the teacher's are wider or
            narrower, a projection without bias is learnt.
        attention: whether attention is compared; the mean of all heads if the teacher has
            more or fewer of them.

    Call arguments:
        batch: packed rows.

    Returns:
        what the student returns. In training with teachers: dict with `student` and
        `teachers`, a list, what they return; and `hidden` and `attention`, lists of
        (student's, teacher's), see `soft_losses`, both empty if they are not compared.
    """

    def __init__(self, student, teachers, *, pairs=(), hidden=False, attention=False):
        super().__init__(dtype=student.dtype_policy, name="distiller")
        self.student, self.teachers = student, list(teachers)
        self.pairs, self.hidden, self.attention = list(pairs), hidden, attention
        self.projections = []
        own = student.backbone.config
        for number, teacher in enumerate(self.teachers):
            teacher.trainable = False
            width = teacher.backbone.config.hidden_size
            if not hidden or width == own.hidden_size:
                continue
            projection = keras.layers.Dense(
                width,
                use_bias=False,
                kernel_initializer=keras.initializers.TruncatedNormal(
                    stddev=own.initializer_range
                ),
                dtype=self.dtype_policy,
                name=f"projection_{number}",
            )
            with keras.name_scope("distillation"):
                projection.build((None, own.hidden_size))
            self.projections.append(projection)
        self.built = True

    @property
    def backbone(self):
        """The student's encoder, which is the one that adapters are added to."""
        return self.student.backbone

    @property
    def weights(self):
        projected = [weight for layer in self.projections for weight in layer.weights]
        return [*self.student.weights, *projected]

    def call(self, batch, training=None):
        if not (training and self.teachers):
            return self.student(batch, training=training)
        with self._watched(self.backbone) as own:
            outputs = {"student": self.student(batch, training=True), "teachers": []}
        outputs |= {"hidden": [], "attention": []}
        projections = iter(self.projections)
        # Adversarial training changes the words of the student alone.
        unchanged = {n: x for n, x in batch.items() if n != "word_perturbation"}
        for teacher, pairs in zip(self.teachers, self.pairs):
            with self._watched(teacher.backbone) as others:
                outputs["teachers"].append(teacher(unchanged, training=False))
            if self.hidden:
                own_width, width = (
                    model.backbone.config.hidden_size for model in (self, teacher)
                )
                project = next(projections) if own_width != width else lambda x: x
                outputs["hidden"] += [
                    (
                        project(_flat(own["hidden_states"][mine], own_width)),
                        _flat(others["hidden_states"][theirs], width),
                    )
                    for mine, theirs in pairs
                ]
            if self.attention:
                heads = {m.backbone.config.num_attention_heads for m in (self, teacher)}
                view = _mean_head if len(heads) > 1 else lambda x: x
                outputs["attention"] += [
                    (
                        view(own["attention_probabilities"][mine - 1]),
                        view(others["attention_probabilities"][theirs - 1]),
                    )
                    for mine, theirs in pairs
                    if mine and theirs
                ]
        return outputs

    @contextlib.contextmanager
    def _watched(self, backbone):
        """Yields a dict that gets what the backbone computes within the block.

        A head asks its backbone for the last layer alone. Values that are not used here
        are never computed.
        """
        values, compute = {}, backbone.compute
        options = {"probabilities": True} if self.attention else {}

        def record(*arguments, **given):
            outputs = compute(*arguments, **given | options)
            values.update(outputs)
            return outputs

        backbone.compute = record
        try:
            yield values
        finally:
            del backbone.compute


def _mean_head(probabilities):
    """Returns the mean over heads, [R, 1, S, S], of [R, heads, S, S]."""
    return ops.mean(probabilities, axis=1, keepdims=True)


def _flat(states, width):
    """Returns hidden states, [R, S, H], as [T, H]."""
    return ops.reshape(states, (-1, width))
