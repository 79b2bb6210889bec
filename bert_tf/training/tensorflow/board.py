"""Curves for TensorBoard."""

import tensorflow as tf

from bert_tf.disk import writing

# What tf.summary.scalar writes; it would need the TensorBoard package.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)


class Board:
    """Writes scalars to an event file in a folder."""

    def __init__(self, folder):
        self._folder = folder
        with writing(folder):
            self._writer = tf.summary.create_file_writer(str(folder))

    def flush(self):
        with writing(self._folder):
            self._writer.flush()

    def close(self):
        with writing(self._folder):
            self._writer.close()

    def write(self, step, values):
        """Adds a point to the curve of each name in {name: float}."""
        with writing(self._folder), self._writer.as_default():
            for name, value in values.items():
                tf.summary.write(name, value, step=step, metadata=_SCALAR)
