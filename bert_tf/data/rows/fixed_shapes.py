"""Packs examples into batches of one fixed shape, because XLA compiles for each shape.

Shapes: B slots for examples, L tokens of an example, R rows, S tokens of a row.
"""

from bert_tf.data.rows.packing import first_fit, lay
from bert_tf.ground import lazy

tf = lazy("tensorflow")

_TOKEN_FEATURES = ("input_ids", "segment_ids")


def fix_shapes(batches, *, rows, row_length, slots):
    """Packs batches into rows of one shape; an example without room waits for the next.

    Args:
        batches: endless `tf.data.Dataset` of framed examples, as `pack` takes them. None
            may be longer than a row.
        rows, row_length: R and S. R·S must exceed the average number of tokens of a
            batch.
        slots: B. It must exceed the number of examples of a batch, so that waiting
            examples find a place.

    Returns:
        `tf.data.Dataset` of the features of `pack`, all of fixed shape, and `weight`,
        float32 [B], 0 for an empty slot. Iteration raises InvalidArgumentError for an
        example longer than a row, or if more than 8·B examples wait.

    Raises:
        ValueError: the examples are windows of texts, see `frame_long`.
    """

    @tf.autograph.experimental.do_not_convert
    def lay_batch(waiting, batch):
        batch = {
            name: tf.concat([_join_ragged(value), batch[name]], axis=0)
            for name, value in waiting.items()
        }
        lengths = tf.cast(batch["input_ids"].row_lengths(), tf.int32)
        tf.debugging.assert_less_equal(lengths, row_length, "example longer than a row")
        # Examples that waited are placed first, so that none waits forever.
        num_waiting = tf.size(waiting["input_ids"][1])
        row, start = first_fit(lengths, tf.constant([row_length]), first=num_waiting)
        row, start = row[0], start[0]
        fits = row < rows
        fits &= tf.cumsum(tf.cast(fits, tf.int32)) <= slots
        left, taken = tf.dynamic_partition(
            tf.range(tf.size(fits)), tf.cast(fits, tf.int32), 2
        )
        tf.debugging.assert_less_equal(
            tf.size(left), 8 * slots, f"{rows} rows of {row_length} are too few"
        )
        chosen = {name: tf.gather(value, taken) for name, value in batch.items()}
        laid = lay(chosen, tf.gather(row * row_length + start, taken), rows, row_length)
        laid.setdefault("weight", tf.ones(tf.shape(taken)))
        for name in laid.keys() & (chosen.keys() | {"first_token", "weight"}):
            if name not in _TOKEN_FEATURES:
                laid[name] = _pad(laid[name], slots)
        waiting = {
            name: _split_ragged(tf.gather(value, left)) for name, value in batch.items()
        }
        return waiting, laid

    if "record" in batches.element_spec:
        raise ValueError(
            "rows of one shape cannot keep the windows of a text in one batch; use "
            "long_text=truncate."
        )
    none_waiting = {
        name: _split_ragged(_make_empty(spec))
        for name, spec in batches.element_spec.items()
    }
    return batches.scan(none_waiting, lay_batch)


def _make_empty(spec):
    """Returns a tensor, or ragged tensor, without examples."""
    if isinstance(spec, tf.RaggedTensorSpec):
        values = tf.zeros([0], spec.dtype)
        return tf.RaggedTensor.from_row_lengths(values, tf.zeros([0], tf.int64))
    return tf.zeros([0, *spec.shape[1:]], spec.dtype)


def _split_ragged(value):
    """Returns (values, lengths) of a ragged tensor, because `scan` keeps plain tensors."""
    if isinstance(value, tf.RaggedTensor):
        return value.values, value.row_lengths()
    return value


def _join_ragged(value):
    """Returns the ragged tensor that `_split_ragged` has split."""
    if isinstance(value, tuple):
        return tf.RaggedTensor.from_row_lengths(*value)
    return value


def _pad(values, slots):
    """Pads [N, …] with zeros to [slots, …]."""
    padding = [[0, slots - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
    return tf.ensure_shape(tf.pad(values, padding), [slots, *values.shape[1:]])


def stack(batches):
    """Stacks micro-batches of one shape."""
    import numpy as np

    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
