"""The mean over the windows of a long text, which the encoder reads one by one."""

from keras import ops


def mean_of_windows(outputs, rows):
    """Averages the outputs of the windows of each text.

    Args:
        outputs: float [W, C], one row for each of W windows.
        rows: dict. With windows it has `record`, int32 [W], the non-decreasing index of
            the text of each window, -1 for padding; and `records`, int32 [B], one
            entry for each text: its length is B. A text has at least one window.

    Returns:
        float [B, C], 0 for an entry of `records` without a window; `outputs` itself if
        `rows` has no windows.
    """
    if "record" not in rows:
        return outputs
    # A compiler has to know the number of texts, and it knows shapes, not values.
    count, record = ops.shape(rows["records"])[0], rows["record"]
    sums = ops.segment_sum(outputs, record, num_segments=count)
    ones = ops.ones_like(outputs[:, :1])
    windows = ops.segment_sum(ones, record, num_segments=count)
    return sums / ops.maximum(windows, 1)
