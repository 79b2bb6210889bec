"""BERT and its heads."""

POOLINGS = ("mean", "cls")  # How the states of a text become one vector.
