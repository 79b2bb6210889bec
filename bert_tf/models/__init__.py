"""BERT and its heads."""

from bert_tf.checkpoints.dense_modules import check as check_dense
from bert_tf.ground import one_of

__all__ = ["POOLINGS", "check_dense", "check_pooling"]

POOLINGS = ("mean", "cls", "max")  # How the states of a text become one vector.


def check_pooling(pooling):
    """Returns a pooling: one of `POOLINGS`, or several with commas between.

    Raises:
        ValueError: it is another, or one occurs twice.
    """
    names = pooling.split(",") if isinstance(pooling, str) else [pooling]
    if len(set(names)) == len(names) and not set(names) - set(POOLINGS):
        return pooling
    return one_of("pooling", pooling, POOLINGS)
