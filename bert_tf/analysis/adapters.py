"""What each task is analysed for; nothing else in this package tests the name of a task."""

import dataclasses

from bert_tf.analysis.explain import targets


@dataclasses.dataclass(frozen=True)
class Adapter:
    """How a task is analysed; the defaults suit tasks of which nothing is.

    Attributes:
        target: `Target`, what is explained of a prediction; None for nothing.
        bias: names of the measures of `bias.part.MEASURES` that suit the task.
        classifies: whether each record has one label with a probability, which can be
            attacked and calibrated.
        guesses: whether layers can be asked for the token of a [MASK].
        embeds: whether predictions are embeddings.
        answers: whether predictions are parts of a context, to which irrelevant sentences
            can be added.
    """

    target: targets.Target | None = None
    bias: tuple = ("associations",)
    classifies: bool = False
    guesses: bool = False
    embeds: bool = False
    answers: bool = False


_OF_GROUPS = ("associations", "counterfactuals")
ADAPTERS = {
    "classification": Adapter(targets.LABEL, (*_OF_GROUPS, "slices"), classifies=True),
    "multi_label": Adapter(targets.ONE_OF_SEVERAL, _OF_GROUPS),
    "regression": Adapter(targets.NUMBER, _OF_GROUPS),
    "token_classification": Adapter(targets.TAG),
    "question_answering": Adapter(targets.SPAN, answers=True),
    "fill_mask": Adapter(
        targets.TOKEN,
        ("crows_pairs", "stereoset", "winobias", "associations"),
        guesses=True,
    ),
    "similarity": Adapter(embeds=True),
}


def find_adapter(task):
    """Returns the `Adapter` of a `Task`."""
    return ADAPTERS.get(task.name, Adapter())
