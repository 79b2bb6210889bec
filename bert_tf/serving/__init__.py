"""Leaving the house: SavedModel for TensorFlow Serving, TFLite, and clients."""
