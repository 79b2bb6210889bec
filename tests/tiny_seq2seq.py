"""A tiny encoder with a decoder, and sources and targets for it, in rows and padded."""

import dataclasses

import numpy as np
import tiny

from bert_tf.models.seq2seq import Bert2Bert

# No size but the hidden size is that of the encoder.
DECODER = dataclasses.replace(
    tiny.CONFIG,
    vocab_size=61,
    num_hidden_layers=3,
    num_attention_heads=7,
    intermediate_size=31,
    max_position_embeddings=37,
)
SOURCES = [[2, 7, 11, 13, 3], [2, 5, 3], [2, 70, 71, 3], [2, 9, 10, 12, 14, 16, 3]]
TARGETS = [[2, 41, 3], [2, 17, 19, 23, 3], [2, 3], [2, 8, 6, 3]]
_ROWS = [(0, 1), (2,), (3,)]  # Which examples share a row.


def model(seed=1, shared=False, dtype="float32", config=None, **changes):
    """Returns a `Bert2Bert` with all weights random, those of biases, too."""
    config = config or (tiny.CONFIG if shared else DECODER)
    config = dataclasses.replace(config, **changes)
    backbone = tiny.backbone(seed, dtype, **changes)
    return tiny.fill(Bert2Bert(backbone, config, shared=shared), seed)


def rows(sources=SOURCES, targets=TARGETS, places=_ROWS):
    """Lays examples into rows; those of a row lie one after another on both sides."""
    inputs = [target[:-1] for target in targets]
    labels = [target[1:] for target in targets]
    numbers = range(len(sources))
    source_ids, position_ids, sequence_ids = (
        _lay([[part(n, i) for i in range(len(sources[n]))] for n in numbers], places)
        for part in (lambda n, i: sources[n][i], lambda n, i: i, lambda n, i: n + 1)
    )
    return {
        "input_ids": source_ids,
        "segment_ids": np.zeros_like(source_ids),
        "position_ids": position_ids,
        "sequence_ids": sequence_ids,
        "first_token": np.zeros(len(sources), np.int32),
        "target_input_ids": _lay(inputs, places),
        "target_labels": _lay(labels, places),
        "target_position_ids": _lay([list(range(len(x))) for x in inputs], places),
        "target_sequence_ids": _lay(
            [[n + 1] * len(inputs[n]) for n in numbers], places
        ),
    }


def padded(sources=SOURCES, targets=TARGETS):
    """Returns a padded batch of the same examples."""
    alone = [(number,) for number in range(len(sources))]
    input_ids = _lay(sources, alone)
    return {
        "input_ids": input_ids,
        "input_mask": np.minimum(input_ids, 1),
        "target_ids": _lay(targets, alone),
    }


def _lay(parts, places):
    """Returns int32 [R, S] of lists of numbers, 0 after the last."""
    joined = [[x for number in row for x in parts[number]] for row in places]
    array = np.zeros([len(places), 1 + max(map(len, joined))], np.int32)
    for row, values in zip(array, joined):
        row[: len(values)] = values
    return array
