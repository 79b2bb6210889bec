"""Words of groups are exchanged; rates of groups are counted."""

import numpy as np
import pytest

from bert_tf.analysis.bias import counterfactuals, slices


class TestSwaps:
    @pytest.fixture(scope="class")
    def gender(self):
        return counterfactuals.read_swaps()[0]

    @pytest.mark.parametrize(
        ("text", "swapped"),
        [
            ("He saw the king.", "She saw the queen."),
            ("SHE and Mr Smith", "HE and Mrs Smith"),
            ("The history of heat", "The history of heat"),
            ("他是我的父亲。", "她是我的母亲。"),
            ("his film", "her film"),
        ],
    )
    def test_words(self, gender, text, swapped):
        assert gender.swap(text) == swapped

    def test_twice_is_once_for_words_with_one_partner(self, gender):
        text = "The actress thanked her uncle."
        assert gender.swap("The actress met an uncle.") == "The actor met an aunt."
        assert gender.swap(gender.swap("A boy and a queen")) == "A boy and a queen"
        assert gender.swap(text) == "The actor thanked him aunt."

    def test_records(self, gender):
        records = [{"text": "he"}, {"text": "it"}, {"text": "it", "text_pair": "she"}]
        numbers, changed = counterfactuals.swap_records(
            records, gender, ("text", "text_pair")
        )
        assert numbers == [0, 2]
        assert changed == [{"text": "she"}, {"text": "it", "text_pair": "he"}]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("he\tshe\n", "line 1: a line has two different words"),
            ("[a]\nhe she\n", "line 2: a line has two different words"),
            ("[a]\nhe\the\n", "line 2"),
            ("[a]\n# nothing\n", "has no words to exchange"),
        ],
    )
    def test_bad_lists(self, text, message, tmp_path):
        (tmp_path / "swaps.txt").write_text(text)
        with pytest.raises(ValueError, match=message):
            counterfactuals.read_swaps(str(tmp_path / "swaps.txt"))


TRUTH = np.array(["y", "y", "n", "n", "y", "n", "n", "n"])
PREDICTED = np.array(["y", "n", "y", "n", "y", "n", "n", "n"])
GROUPS = np.array(["a"] * 4 + ["b"] * 4)


class TestSlices:
    def test_rates_by_hand(self):
        found = slices.by_group(TRUTH, PREDICTED, GROUPS, "y")
        values = {
            group: {
                name: rate["value"] for name, rate in own.items() if name != "records"
            }
            for group, own in found.items()
        }
        assert values == {
            "a": dict(zip(slices.RATES, (0.5, 0.5, 0.5, 0.5))),
            "b": dict(zip(slices.RATES, (1.0, 0.25, 1.0, 0.0))),
        }
        # Wilson's interval of 2 of 4.
        assert found["a"]["accuracy"]["interval_95"] == pytest.approx(
            [0.1500, 0.8500], abs=1e-4
        )

    def test_a_rate_of_no_records(self):
        groups = np.array(["a"] * 6 + ["b"] * 2)
        assert (
            slices.by_group(TRUTH, PREDICTED, groups, "y")["b"]["true_positive_rate"]
            is None
        )

    def test_differences_by_hand(self):
        found = slices.differences(TRUTH, PREDICTED, GROUPS, "y")
        assert found["selection_rate_difference"]["value"] == 0.25
        assert found["equalised_odds_difference"]["value"] == 0.5
        for gap in found.values():
            low, high = gap["interval_95"]
            assert 0 <= low <= gap["value"] <= high <= 1
