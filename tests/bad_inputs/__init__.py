"""A generated tree of bad inputs, and the trials of the real scripts on it.

`mutations.py` damages bytes and JSON, `tree.py` writes the tree, `trials.py` lists the
commands, `forks.py` runs them, each in a process of its own, and says what is wrong with
how they ended.
"""
