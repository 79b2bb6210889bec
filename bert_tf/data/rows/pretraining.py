"""Masked, packed rows from the examples of a store, in NumPy for every engine.

Shapes: B examples, L tokens of an example, M masked tokens of all examples.
"""

import numpy as np

from bert_tf.data.corpus.masking import NOT_MASKED
from bert_tf.data.rows.packing import pack
from bert_tf.tokenization.framing import places_of
from bert_tf.tokenization.ragged import Ragged


def draw_texts(examples, begin, end):
    """Draws examples [begin, end) of a store.

    Args:
        examples: `Examples`.

    Returns:
        dict with `first` and `second`, int32 `Ragged` [B, (L)], `label`, int32 [B], and
        `mask_seed`, int64 [B].
    """
    batch = [examples[place] for place in range(begin, end)]
    return {
        "first": _join([example.first for example in batch]),
        "second": _join([example.second for example in batch]),
        "label": np.array([example.label for example in batch], np.int32),
        "mask_seed": np.array([example.mask_seed for example in batch], np.int64),
    }


def _join(texts):
    tokens = np.concatenate(texts).astype(np.int32)
    return Ragged.from_row_lengths(tokens, [len(text) for text in texts])


def masked_rows(example, row_length=None):
    """Packs masked examples.

    Args:
        example: dict with `input_ids`, `segment_ids` and `masked_lm_ids`, int32 `Ragged`
            [B, (L)], the last `NOT_MASKED` where a token is not masked. Other features
            are returned unchanged.
        row_length: as of `pack`.

    Returns:
        The rows of `pack`, with `masked_lm_ids` of the masked tokens only, and
        `masked_lm_positions`, flat indices into the rows; int32 [M] and [M].
    """
    example = dict(example)
    ids = example.pop("masked_lm_ids")
    rows = pack(example, row_length=row_length)
    examples, places = places_of(ids)
    (masked,) = (ids.values != NOT_MASKED).nonzero()
    positions = rows["first_token"][examples[masked]] + places[masked]
    return rows | {
        "masked_lm_positions": positions.astype(np.int32),
        "masked_lm_ids": ids.values[masked],
    }


def training_maker(examples, features, *, batch_size, seed=0, row_length=None):
    """Returns function(number of a micro-batch of training) -> its rows.

    Args:
        examples: `Examples`.
        features: function from what `draw_texts` returns to what `masked_rows` takes.
        batch_size: number of examples of a micro-batch.
        seed: of dropout.
        row_length: as of `pack`.

    Returns:
        function; its rows are those of `masked_rows` with `dropout_seed`, int32 [2].
    """

    def make_rows(number):
        number = int(number)
        begin = number * batch_size
        example = features(draw_texts(examples, begin, begin + batch_size))
        dropout_seed = np.array([seed, number]).astype(np.int32)
        return masked_rows(example, row_length) | {"dropout_seed": dropout_seed}

    return make_rows


def held_out_maker(examples, features, *, batch_size, most=0, row_length=None):
    """Returns function(number of a batch) -> its rows, and the number of batches.

    They show held-out examples once.

    Args:
        examples, features, row_length: as of `training_maker`.
        batch_size: number of examples of a batch.
        most: largest number of examples, the first ones of the first epoch, which is in
            random order; 0 means the whole epoch.
    """
    count = examples.epoch_size()
    count = min(most or count, count)

    def make_rows(number):
        begin = int(number) * batch_size
        end = min(begin + batch_size, count)
        return masked_rows(features(draw_texts(examples, begin, end)), row_length)

    return make_rows, -(-count // batch_size)
