"""Predicts with an exported folder, without TensorFlow: `light.Model(folder).predict(texts)`.

It needs `pip install numpy tokenizers ai-edge-litert` (or onnxruntime), and bert_tf
itself, `pip install --no-deps`.
"""

from bert_tf.light.model import Model

__all__ = ["Model"]
