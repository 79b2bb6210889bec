"""Frames texts as `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`, and cuts long ones.

A ragged array is a `tf.RaggedTensor`, in the graph, too, or a `Ragged` of NumPy. A function
returns the kind that it is given.

Shapes: B examples, L tokens of an example, T tokens of all examples.
"""

from bert_tf.tokenization.arrays import operations


def frame(tokens, pair_tokens=None, *, cls_id, sep_id, max_seq_length, head_tail=False):
    """Frames texts as `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]` (Devlin et al., 2019, 3).

    Args:
        tokens, pair_tokens: int32 ragged [B, (L)], the tokens of the texts A and B.
        cls_id, sep_id: ids of [CLS] and [SEP].
        max_seq_length: most tokens of an example, with special tokens. Longer texts are
            cut.
        head_tail: False cuts off the end of a long text; True cuts out its middle, see
            `keep_ends`.

    Returns:
        dict with `input_ids` and `segment_ids`, int32 ragged [B, (L)]. The segment is 1
        for the tokens of B and the [SEP] after it, and 0 before.
    """
    xp = operations(tokens)
    count, cut = tokens.nrows(), keep_ends if head_tail else truncate

    def column(token_id):
        ids = xp.fill([count], xp.constant(token_id, xp.int32))
        return xp.RaggedTensor.from_uniform_row_length(ids, 1, nrows=count)

    if pair_tokens is None:
        first = cut(tokens, max_seq_length - 2)
        input_ids = xp.concat([column(cls_id), first, column(sep_id)], axis=1)
        segment_ids = xp.zeros_like(input_ids.values)
    else:
        first_length, second_length = pair_lengths(
            tokens.row_lengths(), pair_tokens.row_lengths(), max_seq_length - 3
        )
        first = cut(tokens, first_length)
        second = cut(pair_tokens, second_length)
        input_ids = xp.concat(
            [column(cls_id), first, column(sep_id), second, column(sep_id)], axis=1
        )
        examples, places = places_of(input_ids)
        second_begins = xp.gather(first.row_lengths() + 2, examples)
        segment_ids = xp.cast(places >= second_begins, xp.int32)
    return {"input_ids": input_ids, "segment_ids": input_ids.with_values(segment_ids)}


def truncate(tokens, lengths):
    """Keeps the first `lengths` tokens of each example; int64 [B], or one for all."""
    xp = operations(tokens)
    kept = xp.minimum(tokens.row_lengths(), xp.cast(lengths, xp.int64))
    return _keep(tokens, kept, kept)


def keep_ends(tokens, lengths):
    """Keeps `lengths` tokens of each example, a quarter from its start, the rest from its end.

    Reviews state their opinion at both ends (Sun et al., 2019, "How to fine-tune BERT
    for text classification?", 5.3.1: 128 and 382 of 510 tokens).
    """
    xp = operations(tokens)
    kept = xp.minimum(tokens.row_lengths(), xp.cast(lengths, xp.int64))
    return _keep(tokens, kept, kept // 4)


def _keep(tokens, kept, head):
    """Keeps the first `head` and the last `kept` - `head` tokens, int64 [B]."""
    xp = operations(tokens)
    examples, places = places_of(tokens)
    dropped = xp.gather(tokens.row_lengths() - kept, examples)
    head = xp.gather(head, examples)
    values = xp.boolean_mask(
        tokens.values, (places < head) | (places >= head + dropped)
    )
    return xp.RaggedTensor.from_row_lengths(values, kept, validate=False)


def pair_lengths(first, second, budget):
    """Returns how many tokens two texts keep, int64 [B] and [B]; the longer is cut first.

    This is the rule of Hugging Face's `longest_first`: if both must be cut, each keeps
    half. An odd token goes to the longer text, or to the second of two equally long ones.

    Args:
        first, second: int64 [B], number of tokens of each text.
        budget: most tokens of both together.
    """
    xp = operations(first)
    budget = xp.cast(budget, xp.int64)
    short, long = xp.minimum(first, second), xp.maximum(first, second)
    fits = first + second <= budget
    short_kept = xp.where(fits, short, xp.minimum(short, budget // 2))
    long_kept = xp.where(fits, long, budget - short_kept)
    first_is_long = first > second
    return (
        xp.where(first_is_long, long_kept, short_kept),
        xp.where(first_is_long, short_kept, long_kept),
    )


def places_of(tokens):
    """Returns the example of each token and its place in the example, int64 [T] and [T]."""
    xp = operations(tokens.values)
    examples = tokens.value_rowids()
    begins = xp.gather(tokens.row_starts(), examples)
    return examples, xp.range(xp.size(examples, xp.int64)) - begins
