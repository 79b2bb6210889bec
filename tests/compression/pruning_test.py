"""Arrays without some heads, units and layers compute what is left of the model."""

import dataclasses

import numpy as np
import pytest
import tiny

from bert_tf.checkpoints import weights
from bert_tf.compression import pruning
from bert_tf.models.backbone import BertBackbone

HEADS = [[0, 2], [1]]
UNITS = [[0, 3, 5, 28], list(range(1, 29))]
BATCH = {
    "input_ids": np.array([[2, 7, 11, 3, 0], [2, 13, 3, 0, 0]]),
    "input_mask": np.array([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]]),
}
SIZE = tiny.CONFIG.attention_head_size  # 7


def compute(config, arrays):
    model = BertBackbone(config)
    assert weights.compare(model, arrays).new == []
    weights.assign(model, arrays)
    return {name: np.asarray(x) for name, x in model(BATCH).items()}


@pytest.fixture(scope="module")
def arrays():
    return tiny.arrays(tiny.backbone(seed=5))


def mask(arrays):
    """Returns arrays in which the heads and units that are not kept have no effect."""
    masked = {path: array.copy() for path, array in arrays.items()}
    for number, (heads, units) in enumerate(zip(HEADS, UNITS)):
        scope = f"bert/encoder/layer_{number}"
        for head in {0, 1, 2} - {*heads}:
            rows = slice(head * SIZE, (head + 1) * SIZE)
            masked[f"{scope}/attention/output/dense/kernel"][rows] = 0
        gone = sorted({*range(29)} - {*units})
        masked[f"{scope}/output/dense/kernel"][gone] = 0
    return masked


class TestPrune:
    def test_outputs_are_those_of_the_masked_model(self, arrays):
        smaller, config = pruning.prune(arrays, tiny.CONFIG, HEADS, UNITS)
        received = compute(config, smaller)
        expected = compute(tiny.CONFIG, mask(arrays))
        whole = compute(tiny.CONFIG, arrays)
        for name in ("sequence_output", "pooled_output"):
            np.testing.assert_allclose(received[name], expected[name], atol=1e-6)
            assert np.abs(received[name] - whole[name]).max() > 1e-2

    def test_the_shapes_are_smaller(self, arrays):
        smaller, config = pruning.prune(arrays, tiny.CONFIG, HEADS, UNITS)
        assert config.layer_shapes == [(2, 4), (1, 28)]
        scope = "bert/encoder/layer_0"
        shapes = {path.removeprefix(scope): x.shape for path, x in smaller.items()}
        assert shapes["/attention/self/query/kernel"] == (21, 14)
        assert shapes["/attention/self/value/bias"] == (14,)
        assert shapes["/attention/output/dense/kernel"] == (14, 21)
        assert shapes["/attention/output/dense/bias"] == (21,)
        assert shapes["/intermediate/dense/kernel"] == (21, 4)
        assert shapes["/output/dense/kernel"] == (4, 21)
        kernel = arrays[f"{scope}/attention/self/key/kernel"]
        np.testing.assert_array_equal(
            smaller[f"{scope}/attention/self/key/kernel"],
            kernel[:, [*range(7), *range(14, 21)]],
        )

    def test_a_pruned_model_is_pruned_further(self, arrays):
        once, config = pruning.prune(arrays, tiny.CONFIG, [[0, 2], [0, 1]], UNITS)
        twice, config = pruning.prune(once, config, [[1], [1]], [[1, 2], [0, 27]])
        heads, units = [[2], [1]], [[3, 5], [1, 28]]
        at_once, same = pruning.prune(arrays, tiny.CONFIG, heads, units)
        assert config == same
        for path, array in at_once.items():
            np.testing.assert_array_equal(twice[path], array)

    def test_equal_widths_and_all_heads_are_plain_bert(self, arrays):
        heads, units = [[0, 1, 2]] * 2, [[1, 2], [3, 28]]
        smaller, config = pruning.prune(arrays, tiny.CONFIG, heads, units)
        assert config == dataclasses.replace(tiny.CONFIG, intermediate_size=2)
        assert config.to_dict()["model_type"] == "bert"
        assert "layer_intermediate_size" not in config.to_dict()
        compute(config, smaller)


class TestDropLayers:
    def test_the_others_follow_each_other(self):
        arrays = tiny.arrays(tiny.backbone(seed=5, num_hidden_layers=3))
        config = dataclasses.replace(tiny.CONFIG, num_hidden_layers=3)
        smaller, left = pruning.drop_layers(arrays, config, [1])
        assert left == tiny.CONFIG  # Two layers.
        for theirs, ours in ((0, 0), (2, 1)):
            name = "attention/self/query/kernel"
            np.testing.assert_array_equal(
                smaller[f"bert/encoder/layer_{ours}/{name}"],
                arrays[f"bert/encoder/layer_{theirs}/{name}"],
            )
        assert len(smaller) == len(arrays) - 16

    def test_sizes_of_a_pruned_model_stay(self, arrays):
        smaller, config = pruning.prune(arrays, tiny.CONFIG, HEADS, UNITS)
        last, left = pruning.drop_layers(smaller, config, [0])
        assert left.layer_shapes == [(1, 28)]
        compute(left, last)


class TestKeepBest:
    def test_the_lowest_of_all_layers_go(self):
        scores = [np.array([0.5, 0.1, 0.2]), np.array([0.9, 0.15])]
        kept = pruning.keep_best(scores, 2)
        assert [layer.tolist() for layer in kept] == [[0, 2], [0]]

    def test_the_best_of_each_layer_stays(self):
        scores = [np.array([0.01, 0.02]), np.array([0.9, 0.8])]
        kept = pruning.keep_best(scores, 2)
        assert [layer.tolist() for layer in kept] == [[1], [0]]

    def test_blocks_are_of_neighbours_by_score(self):
        # Ordered: 9 8 | 7 2 | 1, and 6 5 | 4 3; the means are 4.5, 1 and 3.5.
        scores = [np.array([1.0, 9, 2, 8, 7]), np.array([5.0, 4, 6, 3])]
        for removed, expected in (
            (1, [[1, 2, 3, 4], [0, 1, 2, 3]]),
            (2, [[1, 2, 3, 4], [0, 2]]),
            (3, [[1, 3], [0, 2]]),
        ):
            kept = pruning.keep_best(scores, removed, block=2)
            assert [layer.tolist() for layer in kept] == expected

    def test_removable(self):
        assert pruning.removable([3, 2]) == 3
        assert pruning.removable([29, 16, 8], block=8) == 3 + 1
        assert pruning.count_blocks([29, 16, 8], block=8) == 4 + 2 + 1


def test_parameters_are_counted(arrays):
    smaller, _ = pruning.prune(arrays, tiny.CONFIG, HEADS, UNITS)
    removed = pruning.count_parameters(arrays) - pruning.count_parameters(smaller)
    # A head has 4·H·D weights and 3·D biases, a unit 2·H weights and a bias.
    assert removed == 3 * (4 * 21 * 7 + 3 * 7) + (25 + 1) * (2 * 21 + 1)
