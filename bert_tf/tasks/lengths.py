"""How long the examples of records are, before they are cut to `max_seq_length`."""

import copy
import dataclasses

import numpy as np

from bert_tf.ground import count

# More text takes longer than a user wants to wait for one line.
CHARACTERS = 10_000_000
_AT_ONCE = 1_000_000  # Characters tokenized at a time; few texts at a time take longer.
_UNCUT = 2**20  # Tokens.


def example_lengths(task, columns, characters=CHARACTERS):
    """Returns the lengths of examples in tokens, with [CLS] and [SEP], if nothing cuts them.

    Args:
        task: `Task` whose options have `long_text`.
        columns: {name: array [N, …]}, as `Task.columns` returns them.
        characters: the records that begin after so many characters are left out.

    Returns:
        int64 [examples]; and the number of records that they belong to.
    """
    uncut = copy.copy(task)
    uncut.options = dataclasses.replace(
        task.options, max_seq_length=_UNCUT, long_text="truncate"
    )
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
        lengths.append(np.asarray(framed["input_ids"].row_lengths()))
    return np.concatenate([[], *lengths]).astype(np.int64), records


def _count_characters(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return sum(map(_count_characters, value))
    return len(value) if isinstance(value, str) else 0


def describe_cuts(task, columns, positions):
    """Returns a line on the examples that `max_seq_length` cuts; "" if it cuts none.

    Args:
        task, columns: as in `example_lengths`.
        positions: longest example that the model can read, in tokens.
    """
    options = task.options
    if getattr(options, "long_text", "windows") == "windows":
        return ""
    lengths, records = example_lengths(task, columns)
    most, longest = options.max_seq_length, lengths.max(initial=0)
    cut = int(np.sum(lengths > most))
    if not cut:
        return ""
    total = len(next(iter(columns.values())))
    first = "" if records == total else "the first "
    advice = f"--max_seq_length={longest} keeps them whole"
    if longest > positions:
        advice = "--long_text=windows reads all of them"
    return (
        f"max_seq_length={most} cuts {cut:,} of {first}{count(len(lengths), 'example')} "
        f"({cut / len(lengths):.1%}); {advice}."
    )
