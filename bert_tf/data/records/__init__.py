"""Turns a user's files into records: dicts of strings and, for training, their labels."""
