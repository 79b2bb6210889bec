"""Where training and evaluation data come from: two files, or a TFDS data set."""

import functools

from bert_tf.data.readers import read_table
from bert_tf.data.tfds import read_tfds


def read_tables(source, *, label_separator=None, **options):
    """Returns the training table, and the evaluation table or None.

    What is guessed of the first (columns, what stands between labels) holds for the
    second.

    Args:
        source: has `train_file` and `eval_file`, or `tfds`, `tfds_data_dir`,
            `tfds_train_split` and `tfds_eval_split`; "" for nothing.
        label_separator, options: as in `read_table`.
    """
    if source.tfds:
        data_dir = source.tfds_data_dir or None
        read = functools.partial(read_tfds, source.tfds, data_dir=data_dir)
        first, second = source.tfds_train_split, source.tfds_eval_split
    else:
        read = functools.partial(read_table, label_separator=label_separator)
        first, second = source.train_file, source.eval_file
    train = read(first, **options)
    return train, read(second, columns=train.columns, **options) if second else None
