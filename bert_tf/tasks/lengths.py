"""How long the examples of records are, before they are cut to `max_seq_length`."""

import copy
import dataclasses

import numpy as np

from bert_tf.ground import count

# More text takes longer than a user wants to wait for one line.
CHARACTERS = 10_000_000
_AT_ONCE = 1_000_000  # Characters tokenized at a time; few texts at a time take longer.
_UNCUT = 2**20  # Tokens.
_LIMITS = ("max_seq_length", "max_target_length")  # In the order of `Options.longest`.


def example_lengths(task, columns, characters=CHARACTERS, feature="input_ids"):
    """Returns the lengths of examples in tokens, with [CLS] and [SEP], if nothing cuts them.

    Args:
        task: `Task` whose options have `long_text`.
        columns: {name: array [N, …]}, as `Task.columns` returns them.
        characters: the records that begin after so many characters are left out.
        feature: "target_ids" for the lengths of targets.

    Returns:
        int64 [examples]; and the number of records that they belong to.
    """
    uncut = copy.copy(task)
    limits = dict.fromkeys(_LIMITS[: len(task.options.longest)], _UNCUT)
    uncut.options = dataclasses.replace(task.options, long_text="truncate", **limits)
    texts = [x for x in columns.values() if x.dtype == object]
    sizes = np.array([sum(map(_count_characters, row)) for row in zip(*texts)])
    begins = np.cumsum(sizes) - sizes
    records = int(np.sum(begins < characters))
    parts = np.searchsorted(begins, np.arange(0, characters, _AT_ONCE))
    lengths = []
    for part in map(slice, parts, [*parts[1:], records]):
        if part.start >= part.stop:
            continue
        examples = uncut.examples({name: x[part] for name, x in columns.items()})
        framed = uncut.features(uncut.inputs(examples))
        lengths.append(np.asarray(framed[feature].row_lengths()))
    return np.concatenate([[], *lengths]).astype(np.int64), records


def _count_characters(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return sum(map(_count_characters, value))
    return len(value) if isinstance(value, str) else 0


def describe_cuts(task, columns, positions):
    """Returns a line on the examples that `max_seq_length` cuts; "" if it cuts none.

    Another sentence is on the targets that `max_target_length` cuts.

    Args:
        task, columns: as in `example_lengths`.
        positions: longest example that the model can read, in tokens.
    """
    options = task.options
    if getattr(options, "long_text", "windows") == "windows":
        return ""
    total, sentences = len(next(iter(columns.values()))), []
    # A target is read without its last token.
    sides = (("input_ids", "example", 0), ("target_ids", "target", 1))
    sides = sides[: 2 if "target" in columns else 1]
    for (feature, noun, shift), limit in zip(sides, _LIMITS):
        lengths, records = example_lengths(task, columns, feature=feature)
        most, longest = getattr(options, limit), lengths.max(initial=0) - shift
        cut = int(np.sum(lengths - shift > most))
        if not cut:
            continue
        first = "" if records == total else "the first "
        advice = f"--{limit}={longest} keeps them whole"
        if longest > positions:
            advice = f"the model reads up to {positions} tokens"
            if not task.decodes:
                advice = "--long_text=windows reads all of them"
        sentences.append(
            f"{limit}={most} cuts {cut:,} of {first}{count(len(lengths), noun)} "
            f"({cut / len(lengths):.1%}); {advice}."
        )
    return " ".join(sentences)
