"""Turns examples into packed rows, and arrays of examples into `tf.data` pipelines."""
