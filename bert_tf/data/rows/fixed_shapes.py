"""Rows of one shape, for XLA and TPUs, which compile anew for each shape.

Shapes: B slots for examples, L pieces of an example, R rows, S tokens a row.
"""

import tensorflow as tf

from bert_tf.data.rows.packing import first_fit, lay

_OF_PIECES = ("input_ids", "segment_ids")


def fix_shapes(batches, *, rows, row_length, slots):
    """Lays batches into rows of one shape: what does not fit goes to the next batch.

    Args:
        batches: endless `tf.data.Dataset` of framed examples, as `pack` takes them; none
            longer than a row.
        rows, row_length: R and S; R·S above what a batch brings on average.
        slots: B, above the examples that a batch brings, so that those left over are
            made up for.

    Raises:
        ValueError: the examples are windows of texts, see `frame_long`.

    Returns:
        `tf.data.Dataset` of what `pack` gives, all of fixed shape, and `weight`, float32
        [B], 0 where a slot is empty. An example longer than a row, or more than 8·B
        left over, is an InvalidArgumentError.
    """

    @tf.autograph.experimental.do_not_convert
    def lay_batch(waiting, batch):
        batch = {
            name: tf.concat([_read(value), batch[name]], axis=0)
            for name, value in waiting.items()
        }
        lengths = tf.cast(batch["input_ids"].row_lengths(), tf.int32)
        tf.debugging.assert_less_equal(lengths, row_length, "example longer than a row")
        # Who waited chooses first: nobody waits for ever.
        late = tf.size(waiting["input_ids"][1])
        row, start = first_fit(lengths, tf.constant([row_length]), first=late)
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
            if name not in _OF_PIECES:
                laid[name] = _fill(laid[name], slots)
        waiting = {
            name: _write(tf.gather(value, left)) for name, value in batch.items()
        }
        return waiting, laid

    if "record" in batches.element_spec:
        raise ValueError(
            "the windows of a text belong in one batch, and rows of one shape part them; "
            "take long_text=truncate."
        )
    nobody = {
        name: _write(_none_of(part)) for name, part in batches.element_spec.items()
    }
    return batches.scan(nobody, lay_batch)


def _none_of(spec):
    """Returns an empty tensor, or ragged tensor, of a specification."""
    if isinstance(spec, tf.RaggedTensorSpec):
        values = tf.zeros([0], spec.dtype)
        return tf.RaggedTensor.from_row_lengths(values, tf.zeros([0], tf.int64))
    return tf.zeros([0, *spec.shape[1:]], spec.dtype)


def _write(value):
    """Ragged tensors as values and lengths: `scan` keeps plain tensors only."""
    if isinstance(value, tf.RaggedTensor):
        return value.values, value.row_lengths()
    return value


def _read(value):
    """Undoes `_write`."""
    if isinstance(value, tuple):
        return tf.RaggedTensor.from_row_lengths(*value)
    return value


def _fill(values, slots):
    """Pads [any, …] with zeros to [slots, …]."""
    padding = [[0, slots - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
    return tf.ensure_shape(tf.pad(values, padding), [slots, *values.shape[1:]])
