"""Turns examples into packed rows, and streams them: by `tf.data`, or by NumPy."""
