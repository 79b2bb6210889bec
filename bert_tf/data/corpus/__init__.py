"""Turns raw text into a store of tokenized sentences, and a store into pretraining examples.

Examples are single texts or sentence pairs. They are drawn and masked when they are read.
"""
