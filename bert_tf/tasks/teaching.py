"""What a student learns of a teacher of the same task (Hinton et al., 2015).

Shapes: N items that have a loss, C outputs of an item.
"""


class Teaching:
    """The part of a `Task` that distillation needs; tasks override it.

    Attributes:
        soft: how outputs are compared: "softmax" (distributions over C labels), "sigmoid"
            (a yes or a no for each of C labels) or "square" (numbers). "" if a student
            cannot learn the task from a teacher.
        ranked_by: name of another task whose models can teach this one, by their scores of
            the texts of a record; "" if there is none.
    """

    soft = ""
    ranked_by = ""

    def soft_outputs(self, rows, outputs):
        """Returns {term: list of float [N, C]}, the outputs that are compared.

        Args:
            rows: dict of a batch of packed rows.
            outputs: what the model returns, by name.
        """
        return {self.name: [outputs["logits"]]}

    def soft_weights(self, rows):
        """Returns {term: float32 [N]}: weights that do not depend on labels."""
        return self.weights(rows)

    def label_blindly(self, record):
        """Returns an unlabelled record with a label that no loss reads.

        Raises:
            ValueError: without its label, the model cannot read a record of this task.
        """
        return record | {"label": self.labels[0]}

    def as_rankings(self, table):
        """Returns the `Table` that a teacher of the task `ranked_by` reads.

        Raises:
            ValueError: the records have nothing to rank.
        """
        raise NotImplementedError

    def ranking_logits(self, outputs):
        """Returns a list of float32 [N, C], logits of the texts that such a teacher scores."""
        raise NotImplementedError

    def complete(self, model):
        """Sets the weights that no gradient trains, before a model is scored."""

    def trained(self, model):
        """Returns the model to keep of the one that was trained."""
        return model
