"""BERT and its heads."""

POOLINGS = ("mean", "cls", "max")  # How the states of a text become one vector.
