"""Exports models to SavedModel, TFLite and ONNX, and serves them."""
