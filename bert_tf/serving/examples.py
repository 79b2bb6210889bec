"""Inputs to try on the page of the trial server, and to compare an export on.

A page shows those fields of an example that the model has.
"""

from bert_tf.tasks.fill_mask import MASK

TEXTS = (
    {"text": "Where is my parcel?", "text_pair": "When will my order arrive?"},
    {
        "text": "I was charged twice and want my money back.",
        "text_pair": "Nobody paid anything.",
    },
    {
        "text": "A wonderful film, from the first scene to the last.",
        "text_pair": "The film was good.",
    },
)
NAMES = (
    {"text": "Ada Lovelace met Charles Babbage in London in 1833."},
    {"text": "The Danube flows from Germany to the Black Sea."},
    {"text": "Toyota and the United Nations opened an office in Nairobi."},
)
_CONTEXT = (
    "The Eiffel Tower was built in Paris from 1887 to 1889 by the company of Gustave "
    "Eiffel. It is 330 metres tall and is painted every seven years."
)
QUESTIONS = (
    {"question": "When was the tower built?", "context": _CONTEXT},
    {"question": "How tall is the Eiffel Tower?", "context": _CONTEXT},
    {"question": "Who built it?", "context": _CONTEXT},
)
CHOICES = (
    {
        "question": "She opens the umbrella because",
        "choices": ["it rains.", "she sleeps.", "the soup is hot."],
    },
    {
        "question": "What do plants need to grow?",
        "choices": ["music", "light and water", "shoes", "a passport"],
    },
)
PASSAGES = (
    {
        "query": "How tall is the Eiffel Tower?",
        "passages": [
            "The Eiffel Tower was built in Paris from 1887 to 1889.",
            "The tower is 330 metres tall and is painted every seven years.",
            "The Danube flows from Germany to the Black Sea.",
        ],
    },
    {
        "query": "Where is my parcel?",
        "passages": [
            "You can return an article within 30 days.",
            "The number in your confirmation shows where an order is.",
        ],
    },
)
MASKS = (
    {"text": f"Paris is the {MASK} of France."},
    {"text": f"The cat {MASK} on the {MASK}."},
    {"text": f"He works as a {MASK} in a hospital."},
)


def sample_texts(texts, pairs):
    """Returns inputs of `serving_default` made of sentences: texts, or pairs."""
    following = texts[1:] + texts[:1]
    return {"text": texts} | ({"text_pair": following} if pairs else {})


def sample_questions(texts, pairs):
    """Returns questions with contexts of eight sentences."""
    contexts = [" ".join((texts * 2)[n : n + 8]) for n in range(len(texts))]
    return {"question": texts[1:] + texts[:1], "context": contexts}


def sample_choices(texts, pairs):
    """Returns questions with four choices each."""
    choices = [(texts * 2)[n + 1 : n + 5] for n in range(len(texts))]
    return {"question": texts, "choices": choices}


def sample_passages(texts, pairs):
    """Returns queries with four passages each."""
    choices = sample_choices(texts, pairs)
    return {"query": texts, "passages": choices["choices"]}


def sample_masks(texts, pairs):
    """Returns texts whose first word is masked."""
    words = (text.split() for text in texts)
    return {"text": [" ".join([MASK, *rest]) for _, *rest in words]}
