"""A tiny parallel corpus, which a tiny model learns to translate in a few hundred updates.

Sources are words of `tiny_folder`; a target has their translations in reverse order.
"""

import dataclasses
import pathlib

import numpy as np
import tiny_folder

WORDS = {
    "a": "ein",
    "the": "der",
    "it": "es",
    "is": "ist",
    "was": "war",
    "very": "sehr",
    "film": "Film",
    "good": "gut",
    "bad": "schlecht",
}
CONFIG = dataclasses.replace(
    tiny_folder.CONFIG, hidden_size=32, num_attention_heads=4, intermediate_size=64
)


def pairs(count, seed, longest=5):
    """Returns sources and their targets, two lists of strings."""
    random = np.random.default_rng(seed)
    sources = [
        list(random.choice(list(WORDS), random.integers(2, longest + 1)))
        for _ in range(count)
    ]
    return (
        [" ".join(words) + "." for words in sources],
        [" ".join(WORDS[word] for word in reversed(words)) + "." for words in sources],
    )


def write(folder, name, count, seed):
    """Writes two line-aligned files; returns what `train_file` takes."""
    paths = [pathlib.Path(folder, f"{name}.{language}") for language in ("en", "de")]
    for path, lines in zip(paths, pairs(count, seed)):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return ",".join(map(str, paths))
