"""A task whose losses come from teachers, too: knowledge distillation.

Hinton et al., 2015; Jiao et al., 2020, "TinyBERT". The teachers compute the student's own
packed rows, once, in the student's training step.

Shapes: W examples, N items that have a loss, T tokens of all rows.
"""

import dataclasses

import numpy as np

from bert_tf.checkpoints import weights as named_weights
from bert_tf.compression import soft_losses, students
from bert_tf.ground import lazy
from bert_tf.tasks.rows import choose_stream
from bert_tf.tasks.wrapper import TaskWrapper

distiller = lazy("bert_tf.compression.distiller")
ops = lazy("keras.ops")


@dataclasses.dataclass(frozen=True)
class Weighing:
    """How much each loss counts.

    Attributes:
        temperature: logits of student and teachers are divided by it.
        alpha: fraction of the teachers' loss; that of the labels has the rest.
        hidden, attention: weights of the losses of hidden states and of attention.
        layer_map: text, see `students.map_layers`.
    """

    temperature: float = 2.0
    alpha: float = 0.5
    hidden: float = 0.0
    attention: float = 0.0
    layer_map: str = ""

    @property
    def needs_teachers(self):
        """Whether any loss comes from the teachers."""
        return self.alpha > 0 or self.hidden > 0 or self.attention > 0


class Distillation(TaskWrapper):
    """A student's task, with teachers; what is not here is that of the task.

    Args:
        task: `Task` of the student.
        teachers: list of `Teacher`.
        weighing: `Weighing`.
        kept: as of `Student`.
    """

    def __init__(self, task, teachers, weighing, kept=()):
        super().__init__(task)
        self._teachers, self._weighing, self._kept = teachers, weighing, kept
        self._models = []

    @property
    def couples_examples(self):
        """Whether they are; no output's name, since losses read those of teachers, too."""
        return bool(self.task.couples_examples)

    # The model: the student, and in training its teachers.

    def build(self, backbone):
        """Returns a `Distiller`; the teachers are loaded once.

        Raises:
            ValueError: a teacher has no trained head; `layer_map` names a layer that a
                model does not have; attention cannot be compared.
        """
        weighing, layers = self._weighing, backbone.config.num_hidden_layers
        if weighing.attention and backbone.gradient_checkpointing:
            raise ValueError(
                "attention_weight needs the attention of each layer, which "
                "gradient_checkpointing does not keep; drop one of them."
            )
        pairs = [
            students.map_layers(
                weighing.layer_map, layers, teacher.folder.config.num_hidden_layers
            )
            for teacher in self._teachers
        ]
        if weighing.attention and not all(any(map(all, side)) for side in pairs):
            raise ValueError(
                f"layer_map={weighing.layer_map!r} names no layer of both models, whose "
                "attention could be compared; add one, or drop attention_weight."
            )
        student = self.task.build(backbone)
        if not self._models and (weighing.needs_teachers or self._kept):
            self._models = [
                teacher.build(backbone, self.task.labels) for teacher in self._teachers
            ]
        return distiller.Distiller(
            student,
            self._models if weighing.needs_teachers else [],
            pairs=pairs,
            hidden=weighing.hidden > 0,
            attention=weighing.attention > 0,
        )

    def load_start(self, model, path):
        """Loads the weights that the student starts from: a folder's, or a teacher's."""
        if not self._kept:
            self.task.load_start(model.student, path)
            return
        arrays = named_weights.read_model(self._models[0])
        chosen = named_weights.select_layers(arrays, self._kept)
        named_weights.assign(model.student, chosen)

    def infer(self, model, rows):
        return self.task.infer(model.student, rows)

    def trained(self, model):
        """Returns the student alone."""
        return model.student

    # Records without labels learn from the teachers alone.

    def examples(self, columns):
        """Returns the examples of the task; `labelled`, float32 [W], goes along, if given."""
        columns = dict(columns)
        labelled = columns.pop("labelled", None)
        examples = self.task.examples(columns)
        if labelled is None:
            return examples
        if "record" in examples:
            labelled = labelled[np.asarray(examples["record"])]
        return examples | {"labelled": labelled}

    def features(self, columns):
        columns = dict(columns)
        more = {name: columns.pop(name) for name in ("labelled",) if name in columns}
        return self.task.features(columns) | more

    def training_rows(self, examples, **plan):
        """Streams packed micro-batches; see `Task.training_rows`."""
        inputs = self.task.inputs(examples)
        if "labelled" not in examples:
            return self.task.training_rows(inputs, **plan)
        inputs |= {"labelled": examples["labelled"]}
        stream = choose_stream("training_rows", *self.task.options.longest)
        return stream(inputs, self.features, **plan)

    def evaluation_rows(self, examples, **plan):
        """Streams every example once; see `Task.evaluation_rows`."""
        known = {n: x for n, x in examples.items() if n != "labelled"}
        return self.task.evaluation_rows(known, **plan)

    # Losses: of the labels, of the teachers' outputs, of what is inside.

    def weights(self, rows):
        terms, weighing = {}, self._weighing
        if weighing.alpha < 1:
            terms |= {
                term: _keep_labelled(weight, rows)
                for term, weight in self.task.weights(rows).items()
            }
        if weighing.alpha > 0:
            soft = self.task.soft_weights(rows)
            terms |= {f"soft_{term}": weight for term, weight in soft.items()}
        tokens = ops.reshape(ops.cast(rows["sequence_ids"] > 0, "float32"), (-1,))
        for name in ("hidden", "attention"):
            if getattr(weighing, name) > 0:
                terms[name] = tokens
        return terms

    def losses(self, rows, outputs):
        """Returns the losses of the task, times 1 - alpha, and those of the teachers.

        Those of the outputs, times alpha, are called `soft_` and the name of the task's.
        `hidden` and `attention` have a loss for each token of the rows.
        """
        weighing = self._weighing
        if not weighing.needs_teachers:
            return self.task.losses(rows, outputs)
        student, losses = self.task.named(outputs["student"]), {}
        if weighing.alpha < 1:
            losses |= {
                term: (1.0 - weighing.alpha) * loss
                for term, loss in self.task.losses(rows, student).items()
            }
        if weighing.alpha > 0:
            losses |= self._soft_losses(rows, student, outputs["teachers"])
        if weighing.hidden:
            compared = soft_losses.compare_states(outputs["hidden"])
            losses["hidden"] = weighing.hidden * compared
        if weighing.attention:
            compared = soft_losses.compare_attention(outputs["attention"])
            losses["attention"] = weighing.attention * compared
        return losses

    def _soft_losses(self, rows, student, teachers):
        wanted = [
            teacher.task.soft_outputs(rows, teacher.task.named(outputs))
            for teacher, outputs in zip(self._teachers, teachers)
        ]
        losses = {}
        for term, sides in self.task.soft_outputs(rows, student).items():
            compared = [
                soft_losses.compare(
                    self.task.soft,
                    side,
                    [outputs[term][place] for outputs in wanted],
                    self._weighing.temperature,
                )
                for place, side in enumerate(sides)
            ]
            mean = sum(compared[1:], compared[0]) / len(compared)
            losses[f"soft_{term}"] = self._weighing.alpha * mean
        return losses


def _keep_labelled(weight, rows):
    """Returns the weights of items, [N], which are 0 for those of unlabelled examples."""
    if "labelled" not in rows:
        return weight
    by_example = ops.reshape(weight, (ops.shape(rows["labelled"])[0], -1))
    return ops.reshape(by_example * rows["labelled"][:, None], (-1,))


class PretrainingDistillation(Distillation):
    """Distillation of pretraining (Sanh et al., 2019, "DistilBERT").

    Its examples are drawn from a store, and all of them have labels. A student learns from
    the teachers' distributions over the vocabulary for the tokens that are masked.
    """

    def examples(self, store):
        return self.task.examples(store)

    def training_rows(self, store, **plan):
        return self.task.training_rows(store, **plan)

    def evaluation_rows(self, store, **plan):
        return self.task.evaluation_rows(store, **plan)
