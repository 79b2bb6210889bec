"""How much a fraction is in heads and units, and which fractions are refused."""

import dataclasses
import math

import pytest
import tiny

import bert_tf
from bert_tf.compression import plan, pruning
from bert_tf.models.backbone import BertBackbone

MODEL = dataclasses.replace(tiny.CONFIG, num_hidden_layers=3, intermediate_size=32)


def config(**changes):
    given = {"model": "model", "train_file": "train.tsv", "output_dir": "out"}
    return bert_tf.PruneConfig(**given | changes)


def cuts(model=MODEL, **changes):
    return plan.plan_cuts(config(**changes), model)


class TestCuts:
    def test_steps_are_equally_large(self):
        # 9 heads and 12 blocks of 8 units at first; 6 and 8 of them can go.
        received = cuts(prune_heads=0.66, prune_intermediate=0.5, prune_steps=3)
        assert received == [(7, 10), (5, 8), (3, 6)]

    def test_a_cut_of_nothing_is_left_out(self):
        assert cuts(prune_heads=0.12, prune_steps=4) == [(8, 12)]

    def test_without_fractions_there_is_no_cut(self):
        assert cuts(drop_layers="1") == []

    @pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.6])
    def test_a_fraction_of_the_parameters(self, fraction):
        ((heads, blocks),) = cuts(prune=fraction, prune_steps=1)
        model = BertBackbone(MODEL)
        arrays = {weight.path: weight.numpy() for weight in model.weights}
        before = pruning.count_parameters(arrays, "bert/encoder/")
        keep = [list(range(3))] * 3, [list(range(32))] * 3
        for _ in range(9 - heads):
            longest = max(range(3), key=lambda n: len(keep[0][n]))
            keep[0][longest] = keep[0][longest][:-1]
        for _ in range(12 - blocks):
            longest = max(range(3), key=lambda n: len(keep[1][n]))
            keep[1][longest] = keep[1][longest][:-8]
        smaller, _ = pruning.prune(arrays, MODEL, *keep)
        after = pruning.count_parameters(smaller, "bert/encoder/")
        # Half of the smaller of a head (609) and a block (344).
        assert abs(before - after - fraction * before) <= 344 / 2
        assert math.isclose((9 - heads) / 9, (12 - blocks) / 12, abs_tol=0.15)

    def test_a_pruned_model_has_less_to_remove(self):
        model = MODEL.with_layers([(1, 8), (3, 32), (2, 30)])
        # 6 heads and 1 + 4 + 4 blocks.
        assert cuts(model, prune_heads=0.5, prune_steps=1) == [(3, 9)]
        ((heads, blocks),) = cuts(model, prune_intermediate=0.5, prune_steps=1)
        assert (heads, blocks) == (6, 5)  # 35 of 70 units are four blocks.


class TestBadFractions:
    @pytest.mark.parametrize("name", ["prune", "prune_heads", "prune_intermediate"])
    @pytest.mark.parametrize("value", [-0.1, 1.0, 1.5, float("nan")])
    def test_outside(self, name, value):
        message = rf"{name} must be in \(0, 1\); received {value}"
        with pytest.raises(ValueError, match=message):
            config(**{name: value})

    def test_too_large(self):
        with pytest.raises(ValueError, match="prune_heads=0.9 removes too .* 0.666."):
            cuts(prune_heads=0.9)
        with pytest.raises(ValueError, match="intermediate=0.76 removes too .* 0.75."):
            cuts(prune_intermediate=0.76)
        with pytest.raises(
            ValueError, match="prune=0.9 removes too much, .* at most 0.6"
        ):
            cuts(prune=0.9)

    def test_too_small(self):
        with pytest.raises(
            ValueError, match="prune_heads=0.01 removes less than half a"
        ):
            cuts(prune_heads=0.01)

    def test_nothing_left(self):
        model = MODEL.with_layers([(1, 8), (1, 8), (1, 5)])
        for name in ("prune", "prune_heads", "prune_intermediate"):
            with pytest.raises(
                ValueError, match=f"{name}=0.5 has nothing left to remove"
            ):
                cuts(model, **{name: 0.5})

    def test_none(self):
        with pytest.raises(ValueError, match="nothing is to be pruned: pass prune, "):
            config()

    def test_two_kinds(self):
        with pytest.raises(ValueError, match="prune=0.5 already .*; drop prune_heads"):
            config(prune=0.5, prune_heads=0.5)


class TestOtherBadSettings:
    @pytest.mark.parametrize("value", ["-1", "1,,2", "all", "0-2"])
    def test_layers_that_are_no_numbers(self, value):
        with pytest.raises(ValueError, match="drop_layers must be numbers from 0"):
            config(drop_layers=value)

    @pytest.mark.parametrize(
        ("name", "value"), [("prune_steps", 0), ("prune_epochs", 0.0)]
    )
    def test_no_steps(self, name, value):
        with pytest.raises(ValueError, match=f"{name} must be"):
            config(prune=0.5, **{name: value})

    def test_random_weights(self):
        with pytest.raises(ValueError, match="from_scratch makes random weights"):
            config(prune=0.5, from_scratch=True)


def test_dropped_layers():
    assert plan.choose_dropped(config(drop_layers="2, 0,2"), 4) == [0, 2]
    assert plan.choose_dropped(config(prune=0.5), 4) == []
