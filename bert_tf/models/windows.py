"""A long text goes in windows through the encoder; what a head says of it is their mean."""

from keras import ops


def mean_of_windows(outputs, rows):
    """Turns outputs of windows into those of the texts they were cut from.

    Args:
        outputs: float [W, C], one for each window.
        rows: dict that has, where windows are, `record`, int32 [W], rising, whose each
            is, and `num_records`, B, int32 scalar; each record has one at least.

    Returns:
        float [B, C]; the outputs themselves where no text was cut.
    """
    if "record" not in rows:
        return outputs
    count, record = rows["num_records"], rows["record"]
    sums = ops.segment_sum(outputs, record, num_segments=count)
    ones = ops.ones_like(outputs[:, :1])
    return sums / ops.segment_sum(ones, record, num_segments=count)
