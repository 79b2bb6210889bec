"""The mean over the windows of a long text, which the encoder reads one by one."""

from keras import ops


def mean_of_windows(outputs, rows):
    """Averages the outputs of the windows of each text.

    Args:
        outputs: float [W, C], one row for each of W windows.
        rows: dict. With windows it has `record`, int32 [W], the non-decreasing index of
            the text of each window, and `num_records`, int32 scalar B. Each text has at
            least one window.

    Returns:
        float [B, C]; `outputs` itself if `rows` has no windows.
    """
    if "record" not in rows:
        return outputs
    count, record = rows["num_records"], rows["record"]
    sums = ops.segment_sum(outputs, record, num_segments=count)
    ones = ops.ones_like(outputs[:, :1])
    return sums / ops.segment_sum(ones, record, num_segments=count)
