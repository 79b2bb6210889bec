"""Examples into rows: `[CLS] A [SEP] B [SEP]` is written here, and nowhere else.

All of it is TensorFlow graph, so that training and serving run the same lines.

Shapes: B examples, L pieces of an example, T pieces of all examples, R rows, S tokens a
row.
"""

import tensorflow as tf

# Shorter rows hold too few examples to fill well.
SHORTEST_ROW = 32
# A token costs about 24·H² operations in dense layers and 4·S·H in attention, whose
# softmax and dropout come on top: as much again at S about 2,048 where H is 384 to 768.
ROW_LENGTH_OF_EQUAL_COST = 2048


def frame(pieces, pair_pieces=None, *, cls_id, sep_id, max_seq_length, head_tail=False):
    """Writes `[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]` (Devlin et al., 2019, 3).

    Args:
        pieces, pair_pieces: int32 ragged [B, (L)]; one text, or the two of a pair.
        max_seq_length: longest example with its special pieces; the rest is cut off.
        head_tail: cut out of the midst of a text instead: see `keep_ends`.

    Returns:
        dict with `input_ids` and `segment_ids` (1 from B on), int32 ragged [B, (L)].
    """
    count, cut = pieces.nrows(), keep_ends if head_tail else truncate

    def column(piece_id):
        filled = tf.fill([count], tf.constant(piece_id, tf.int32))
        return tf.RaggedTensor.from_uniform_row_length(filled, 1, nrows=count)

    if pair_pieces is None:
        first = cut(pieces, max_seq_length - 2)
        input_ids = tf.concat([column(cls_id), first, column(sep_id)], axis=1)
        segment_ids = tf.zeros_like(input_ids.values)
    else:
        first_length, second_length = pair_lengths(
            pieces.row_lengths(), pair_pieces.row_lengths(), max_seq_length - 3
        )
        first = cut(pieces, first_length)
        second = cut(pair_pieces, second_length)
        input_ids = tf.concat(
            [column(cls_id), first, column(sep_id), second, column(sep_id)], axis=1
        )
        examples, places = places_of(input_ids)
        second_begins = tf.gather(first.row_lengths() + 2, examples)
        segment_ids = tf.cast(places >= second_begins, tf.int32)
    return {"input_ids": input_ids, "segment_ids": input_ids.with_values(segment_ids)}


def truncate(pieces, lengths):
    """Keeps the first `lengths` (int64 [B], or one for all) pieces of each example."""
    kept = tf.minimum(pieces.row_lengths(), tf.cast(lengths, tf.int64))
    return _keep(pieces, kept, kept)


def keep_ends(pieces, lengths):
    """Keeps `lengths` pieces of each example: a quarter from its begin, the rest its end.

    Reviews say what they think at both ends (Sun et al., 2019, "How to fine-tune BERT
    for text classification?", 5.3.1: 128 and 382 of 510).
    """
    kept = tf.minimum(pieces.row_lengths(), tf.cast(lengths, tf.int64))
    return _keep(pieces, kept, kept // 4)


def _keep(pieces, kept, head):
    """Keeps the first `head` and the last `kept` - `head` pieces, int64 [B]."""
    examples, places = places_of(pieces)
    left_out = tf.gather(pieces.row_lengths() - kept, examples)
    head = tf.gather(head, examples)
    values = tf.boolean_mask(
        pieces.values, (places < head) | (places >= head + left_out)
    )
    return tf.RaggedTensor.from_row_lengths(values, kept, validate=False)


def pair_lengths(first, second, budget):
    """Shares `budget` pieces between two texts, cutting the longer one first.

    The rule of Hugging Face's `longest_first`: where both must be cut, each gets half,
    and an odd one goes to the longer, or to the second of two equals.

    Args:
        first, second: int64 [B], pieces each text has.
        budget: pieces both may have together.

    Returns:
        int64 [B] and int64 [B], pieces each text keeps.
    """
    budget = tf.cast(budget, tf.int64)
    short, long = tf.minimum(first, second), tf.maximum(first, second)
    fits = first + second <= budget
    short_kept = tf.where(fits, short, tf.minimum(short, budget // 2))
    long_kept = tf.where(fits, long, budget - short_kept)
    first_is_long = first > second
    return (
        tf.where(first_is_long, long_kept, short_kept),
        tf.where(first_is_long, short_kept, long_kept),
    )


def pack(example, *, row_length=None, rows=None):
    """Lays a batch of examples into rows.

    Args:
        example: dict with `input_ids`, `segment_ids`, int32 ragged [B, (L)]; anything
            else belongs to the examples and comes back as it is.
        row_length: S; by default what makes the batch cheapest, see `row_lengths`. Too
            short is an InvalidArgumentError.
        rows: R, padded with empty rows, for fixed shapes; by default as many as needed.
            Too few is an InvalidArgumentError.

    Returns:
        dict with int32 [R, S] `input_ids`, `segment_ids`, `position_ids` (from 0 in
        each example) and `sequence_ids` (1 + the example's number in the batch; 0 is
        padding), and int32 [B] `first_token`, flat indices into R·S.
    """
    lengths = tf.cast(example["input_ids"].row_lengths(), tf.int32)
    if row_length is None:
        choices = row_lengths(lengths)
    else:
        choices = tf.constant([row_length])
        tf.debugging.assert_less_equal(lengths, row_length, "example longer than a row")
    row, start = first_fit(lengths, choices)  # [K, B]
    needed = tf.reduce_max(tf.pad(row + 1, [[0, 0], [1, 0]], constant_values=1), axis=1)
    tokens = tf.cast(needed * choices, tf.int64)
    costs = tokens * tf.cast(choices + ROW_LENGTH_OF_EQUAL_COST, tf.int64)
    cheapest = tf.argmin(costs)
    row, start, needed = row[cheapest], start[cheapest], needed[cheapest]
    if row_length is None:
        row_length = choices[cheapest]
    if rows is None:
        rows = needed
    return lay(example, row * row_length + start, rows, row_length)


def lay(example, first_token, rows, row_length):
    """Writes each example where `first_token`, int32 [B], says; see `pack`."""
    input_ids, segment_ids = example["input_ids"], example["segment_ids"]
    examples, places = places_of(input_ids)
    places = tf.cast(places, tf.int32)
    tokens = tf.stack(
        [
            input_ids.values,
            segment_ids.values,
            places,
            tf.cast(examples, tf.int32) + 1,
        ],
        axis=1,
    )  # [T, 4]
    indices = tf.gather(first_token, examples) + places  # [T]
    flat = tf.scatter_nd(indices[:, None], tokens, [rows * row_length, 4])
    laid = tf.unstack(tf.reshape(flat, [rows, row_length, 4]), axis=-1)
    names = ("input_ids", "segment_ids", "position_ids", "sequence_ids")
    return example | dict(zip(names, laid)) | {"first_token": first_token}


def row_lengths(lengths):
    """Returns eight row lengths to choose from, int32 [8]: the longest example to twice it.

    Multiples of 8. Examples of nearly equal length leave much of a row that is not a
    multiple of theirs; which one is, only trying tells.
    """
    longest = tf.reduce_max(tf.pad(lengths, [[0, 1]], constant_values=SHORTEST_ROW))
    return (longest * tf.range(7, 15) + 55) // 56 * 8


def first_fit(lengths, row_lengths, first=0):
    """Gives each example, longest first, the first row that has room for it.

    First-fit decreasing needs at most 11/9 of the fewest rows possible (Johnson, 1973).

    Args:
        lengths: int32 [B], none above any of `row_lengths`.
        row_lengths: int32 [K], values of S, each tried by itself.
        first: how many examples, from the first on, choose before all others.

    Returns:
        int32 [K, B] row and int32 [K, B] place in the row at which each example begins.
    """
    count, trials = tf.size(lengths), tf.range(tf.size(row_lengths))
    waits = tf.cast(tf.range(count) >= first, tf.int32)
    by_length = tf.argsort(lengths, direction="DESCENDING", stable=True)
    order = tf.gather(by_length, tf.argsort(tf.gather(waits, by_length), stable=True))
    ordered = tf.gather(lengths, order)

    def place(number, free, chosen, begins):
        length = ordered[number]
        row = tf.argmax(tf.cast(free >= length, tf.int32), 1, output_type=tf.int32)
        room = tf.gather(free, row, batch_dims=1)  # [K]
        free = tf.tensor_scatter_nd_sub(
            free, tf.stack([trials, row], 1), tf.fill(tf.shape(trials), length)
        )
        return (
            number + 1,
            free,
            chosen.write(number, row),
            begins.write(number, row_lengths - room),
        )

    def results():
        return tf.TensorArray(tf.int32, size=count, element_shape=row_lengths.shape)

    _, _, chosen, begins = tf.while_loop(
        lambda number, *_: number < count,
        place,
        (0, tf.tile(row_lengths[:, None], [1, count]), results(), results()),
    )
    inverse = tf.math.invert_permutation(order)
    chosen, begins = (
        tf.transpose(tf.gather(result.stack(), inverse)) for result in (chosen, begins)
    )
    return chosen, begins


def places_of(pieces):
    """Returns each piece's example and its place in it, int64 [T] and int64 [T]."""
    examples = pieces.value_rowids()
    begins = tf.gather(pieces.row_starts(), examples)
    return examples, tf.range(tf.size(examples, tf.int64)) - begins
