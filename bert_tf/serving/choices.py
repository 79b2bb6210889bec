"""What a request may choose of a model, and what the model folder says where it does not.

So that a request can choose, the served model leaves out what depends on it: the prompt
before texts, the scaling of vectors to length 1, the sigmoid of scores.

Shapes: N records, C passages of a query, D numbers of an embedding.
"""

import dataclasses

import numpy as np

from bert_tf.ground import quote, quote_all
from bert_tf.serving.limits import Refused
from bert_tf.tasks.probabilities import sigmoid
from bert_tf.tasks.similarity_scores import unit_length


class Vectors:
    """Embeddings of which a request chooses the prompt, the width and the length.

    Args:
        task: `Similarity`. It is changed: it puts no prompt before texts.
        width: D, of the served model.
        scaled: whether the served model scales vectors to length 1.
    """

    def __init__(self, task, width, *, scaled=False):
        self.task, self.width, self.scaled = task, width, scaled
        self.prompts, self.prompt = task.prompts, task.prompt
        self.normalize, self.pooling = task.normalize, task.pooling
        task.put_before("")

    @classmethod
    def of_model(cls, task, model):
        """Returns the choices of an `Embedder`, which then does not scale vectors."""
        model.normalize = False
        return cls(task, model.dim or model.width)

    @classmethod
    def of_file(cls, task, model):
        """Returns the choices of a `light.Model`, whose file scales as it was exported."""
        (prediction,) = model.predict(["text"])
        return cls(task, len(prediction["embedding"]), scaled=task.normalize)

    def prepare(self, inputs):
        """Returns the inputs of a request that chooses nothing, {name: list}."""
        return {"text": self.put_prompt(inputs["text"])}

    def finish(self, outputs):
        """Returns the outputs of a request that chooses nothing, {name: list}."""
        vectors = self.scale(outputs["embedding"], self.normalize)
        return {"embedding": vectors.tolist()}

    def put_prompt(self, texts, name=""):
        """Returns texts behind the prompt of a name; "" for that of the model folder.

        Raises:
            Refused: the model folder has no such prompt, or it is not computed.
        """
        # Of two names, "query,passage", there is none for single texts.
        if name and name not in self.prompts.texts:
            raise Refused(
                400,
                "prompt_name must be a prompt of the model folder, which has "
                f"{quote_all(self.prompts.texts)}; received {quote(name)}.",
            )
        try:
            (prompt,) = self.prompts.choose(name, 1) if name else [self.prompt]
        except ValueError as error:
            raise Refused(400, str(error)) from None
        return [prompt + text for text in texts]

    def check_width(self, width):
        """Checks the number of dimensions that a request wants; None for all.

        Raises:
            Refused: the model has no such vectors.
        """
        widths = self.task.options.widths
        if width is None:
            return
        if widths and width not in widths:
            raise Refused(
                400,
                f"dimensions must be one of {', '.join(map(str, widths))}, for which the "
                f"model was trained; received {width}.",
            )
        if not 1 <= width <= self.width:
            raise Refused(
                400,
                f"dimensions must be from 1 to {self.width}, the numbers of an "
                f"embedding; received {width}.",
            )

    def check_scaling(self, normalize):
        """Checks whether vectors can be scaled to length 1, or not, as a request wants.

        Raises:
            Refused: vectors of their own lengths are wanted, which are not known.
        """
        if self.scaled and not normalize:
            raise Refused(
                400,
                "normalize must be true: the exported file scales vectors to length 1. "
                "Serve the model folder instead.",
            )

    def scale(self, vectors, normalize, width=None):
        """Returns the first numbers of vectors, float32 [N, width].

        Args:
            vectors: numbers [N, D], not scaled.
            normalize: whether they are then scaled to length 1.
            width: how many; None for all.
        """
        vectors = np.array(vectors, np.float32)[:, :width]
        return unit_length(vectors) if normalize else vectors


class Rankings:
    """Scores of passages of which a request chooses whether a sigmoid is applied.

    Args:
        task: `Reranking`. It is changed: its scores are logits.
    """

    def __init__(self, task):
        self.task, self.activation = task, task.activation
        task.options = dataclasses.replace(task.options, activation="identity")

    @classmethod
    def of_model(cls, task, model):
        """Returns the choices of a Keras model, or of a `light.Model`."""
        return cls(task)

    of_file = of_model

    def prepare(self, inputs):
        """Returns the inputs of a request that chooses nothing, {name: list}."""
        return inputs

    def finish(self, outputs):
        """Returns the outputs of a request that chooses nothing, {name: list}."""
        scores = self.scores(outputs["score"], raw=self.activation == "identity")
        return outputs | {"score": scores}

    def scores(self, logits, *, raw):
        """Returns scores of logits, lists [N][C]: the logits themselves if raw."""
        logits = np.array(logits, np.float32)
        return (logits if raw else sigmoid(logits)).tolist()
