"""Inputs to try on the page of the trial server.

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
MASKS = (
    {"text": f"Paris is the {MASK} of France."},
    {"text": f"The cat {MASK} on the {MASK}."},
    {"text": f"He works as a {MASK} in a hospital."},
)
