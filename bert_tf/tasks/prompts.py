"""Prompts: texts such as "query: " that a model folder puts before the texts of a record.

They tell an embedder what a text is for (Wang et al., 2022, "Text Embeddings by
Weakly-Supervised Contrastive Pre-training"). They are put before the text as
sentence-transformers puts them, before it is tokenized.
"""

import dataclasses

from bert_tf.ground import quote, quote_all
from bert_tf.tasks.options import remembered

# The prompt of what is searched: the first of these that a folder has.
DOCUMENTS = ("document", "passage", "corpus")
QUERY = "query"


@dataclasses.dataclass(frozen=True)
class Prompts:
    """The prompts of a model folder.

    Args:
        texts: {name: prompt}.
        default: name of the prompt of texts for which none is named; "" for no prompt.
        included: whether the pooling reads the tokens of the prompt.
    """

    texts: dict = dataclasses.field(default_factory=dict)
    default: str = ""
    included: bool = True

    @classmethod
    def restore(cls, settings):
        """Returns the prompts that the settings of a model folder hold.

        Raises:
            ValueError: one of them is no string; there is no such default.
        """
        texts = remembered(settings, "prompts", dict, {})
        for name in texts:
            remembered(texts, name, str)
        default = remembered(settings, "default_prompt_name", str, "")
        if default and default not in texts:
            raise ValueError(
                f"bert_tf in config.json: default_prompt_name is {quote(default)}, but "
                f"prompts has {quote_all(texts)}."
            )
        return cls(texts, default, remembered(settings, "include_prompt", bool, True))

    def settings(self):
        """Returns what a model folder remembers: the arguments, where they say anything."""
        values = {
            "prompts": self.texts,
            "default_prompt_name": self.default,
            "include_prompt": None if self.included else False,
        }
        return {name: x for name, x in values.items() if x or x is False}

    def choose(self, names, sides):
        """Returns the prompt of each text of a record, a list of strings.

        Args:
            names: name of a prompt; two with a comma between are for first texts and for
                the others, and the second may be empty, for none. "" means the default
                prompt; so do two names for single texts.
            sides: number of texts of a record.

        Raises:
            ValueError: there is no such prompt; its tokens would not be pooled.
        """
        chosen = self._split(names)
        if not 0 < len(chosen) <= sides:
            chosen = [self.default]
        prompts = [self.texts.get(name, "") for name in chosen]
        if any(prompts) and not self.included:
            raise ValueError(
                "the pooling of the model leaves out the tokens of prompts "
                "(include_prompt: false in 1_Pooling/config.json), which bert_tf does not "
                f"compute; received the prompt {quote(next(filter(None, prompts)))}."
            )
        return prompts[:1] + [prompts[-1]] * (sides - 1)

    def for_search(self, names):
        """Returns the names of the prompts of queries and of what is searched; "" for none.

        Args:
            names: as of `choose`. A single name is for the queries; "" means the prompts
                of the folder that have a well-known name, such as "query".
        """
        query, *document = self._split(names) or [self._first_of(QUERY)]
        return query, document[0] if document else self._first_of(*DOCUMENTS)

    def _first_of(self, *names):
        return next((name for name in names if name in self.texts), "")

    def _split(self, names):
        """Returns the names of one or two prompts; [] for ""."""
        chosen = [names] if names in self.texts or not names else names.split(",")
        for name in filter(None, chosen):
            if name not in self.texts:
                known = quote_all(self.texts)
                raise ValueError(
                    "prompt_name must be a prompt of the model folder, which has "
                    f"{known}; received {quote(name)}."
                )
        if len(chosen) > 2:
            raise ValueError(
                "prompt_name must be a name, or two with a comma between, for the first "
                f"and the other texts; received {quote(names)}."
            )
        return chosen if names else []
