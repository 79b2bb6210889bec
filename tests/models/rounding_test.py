"""A model that rounds in training has the weights of its eight-bit file."""

import numpy as np
import pytest
import tiny_folder

import bert_tf
from bert_tf.models.rounding import round_to_eight_bits
from bert_tf.serving import exporting


def test_kernels_have_the_values_of_the_file(tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    config = bert_tf.BertConfig.from_size("tiny", vocab_size=len(tiny_folder.VOCAB))
    tiny_folder.write(tmp_path / "start", config)
    model = bert_tf.Classifier.from_pretrained(tmp_path / "start", num_labels=3)
    model.save_pretrained(tmp_path / "model", labels=["a", "b", "c"])
    exporting.export(
        exporting.ExportConfig(
            model=str(tmp_path / "model"),
            output_dir=str(tmp_path / "phone"),
            format="tflite",
            quantize="int8",
            dynamic_length=True,
            max_seq_length=16,
        )
    )
    file = litert.Interpreter(str(tmp_path / "phone" / "model.tflite"))
    whole = [
        (file.get_tensor(tensor["index"]), tensor["quantization_parameters"]["scales"])
        for tensor in file.get_tensor_details()
        if tensor["dtype"] == np.int8 and "/dense" in tensor["name"]
    ]
    in_file = [(numbers * scales[:, None]).T for numbers, scales in whole]
    # Two layers with three dense layers each, and the pooler.
    assert len(in_file) == 7
    round_to_eight_bits(model)
    for layer in model.backbone.encoder_layers:
        for part in (
            layer.attention_output.dense,
            layer.intermediate,
            layer.feed_forward_output.dense,
        ):
            rounded = np.asarray(part.kernel)
            assert not np.array_equal(rounded, part.weights[0])
            same = [
                np.array_equal(rounded, x) for x in in_file if x.shape == rounded.shape
            ]
            assert sum(same) == 1


def test_all_kernels_of_the_encoder_round():
    backbone = bert_tf.BertBackbone(tiny_folder.CONFIG)
    model = bert_tf.Classifier(backbone, 2)
    round_to_eight_bits(model)
    rounding = [
        layer for layer in model._flatten_layers() if getattr(layer, "rounded", False)
    ]
    per_layer = 6  # Query, key, value, the output of attention, and feed-forward.
    assert len(rounding) == per_layer * tiny_folder.CONFIG.num_hidden_layers + 2
