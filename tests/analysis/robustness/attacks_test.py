"""Attacks on a classifier whose rule is known, and the changes of characters they use."""

import random

import pytest

from bert_tf.analysis.robustness import attacks, perturbations
from bert_tf.analysis.robustness.perturbations import CHARACTER_ATTACKS
from bert_tf.tokenization.cleaning import clean_strings


class Rule:
    """Predicts up the more, the more of a text's words are good."""

    def __init__(self, clean=None):
        self.queries, self._clean = 0, clean or (lambda text: text)

    def probabilities(self, record, field, texts):
        self.queries += len(texts)
        rows = []
        for text in texts:
            up = 0.2 + 0.7 * min(1, self._clean(text).lower().split().count("good"))
            rows.append({"up": up, "down": 1 - up})
        return rows


@pytest.mark.parametrize("name", CHARACTER_ATTACKS)
def test_characters_of_the_decisive_word(name):
    rule = Rule()
    found = attacks.attack(
        rule,
        {"text": "it was a good film to me"},
        "text",
        attacks.change_characters(name),
        seed=1,
    )
    assert (found.before, found.after, found.success) == ("up", "down", True)
    words = zip(found.text.split(), found.changed.split(), strict=True)
    assert [own for own, changed in words if own != changed] == ["good"]
    assert found.queries == rule.queries
    assert found.share == pytest.approx(1 / 7)


@pytest.mark.parametrize("name", ["homoglyphs", "zero_width", "bidirectional"])
def test_cleaned_texts_withstand_what_a_reader_does_not_see(name):
    rule = Rule(clean=lambda text: clean_strings([text])[0][0])
    records = [
        {"text": f"it {verb} a good film to me"} for verb in ("was", "is", "may")
    ]
    for record in records:
        found = attacks.attack(
            rule, record, "text", attacks.change_characters(name), seed=1
        )
        assert not found.success and found.queries > 8


def test_what_no_change_of_a_few_words_turns():
    found = attacks.attack(
        Rule(), {"text": "good " * 10}, "text", attacks.change_characters("typos")
    )
    assert not found.success and found.after == "up"
    assert found.share <= attacks.MOST_CHANGED


def test_later_words_are_found_where_earlier_ones_moved_them():
    def double(text, begin, end, draws):
        word = text[begin:end]
        return [text[:begin] + word * 2 + text[end:]] if word != "me" else []

    class Count(Rule):
        def probabilities(self, record, field, texts):
            rows = []
            for text in texts:
                words = text.split()
                up = 0.9 - 0.25 * sum(
                    w in ("itit", "waswas", "goodgood") for w in words
                )
                up -= 0.01 * (7 - len(words))
                rows.append({"up": up, "down": 1 - up})
            return rows

    found = attacks.attack(Count(), {"text": "it was good to me a a"}, "text", double)
    assert found.success and found.changed.split()[3:] == ["to", "me", "a", "a"]
    assert len(set(found.changed.split()) & {"itit", "waswas", "goodgood"}) == 2


def test_the_same_seed_attacks_alike():
    first, again = (
        attacks.attack(
            Rule(), {"text": "a good film"}, "text", attacks.change_characters("typos")
        )
        for _ in range(2)
    )
    assert first == again


class TestCharacters:
    @pytest.mark.parametrize("name", CHARACTER_ATTACKS)
    def test_words_change(self, name):
        draws = random.Random(0)
        for change in CHARACTER_ATTACKS[name]:
            assert change("splendid", draws) != "splendid"
            assert change("x", draws) in ("x", "z", "c", "s", "d", "\u0445", "a")

    def test_letters_stay_beside_their_neighbours(self):
        swapped = perturbations.swap_letters("splendid", random.Random(3))
        assert sorted(swapped) == sorted("splendid")
        assert swapped[0] + swapped[-1] == "sd"

    def test_keys_are_beside_each_other(self):
        assert set(perturbations._NEIGHBOURS["g"]) == set("rtyfhvbn")
        for key, others in perturbations._NEIGHBOURS.items():
            assert all(key in perturbations._NEIGHBOURS[other] for other in others)

    def test_homoglyphs_look_alike(self):
        assert len(perturbations.HOMOGLYPHS) == 24
        assert all(ord(other) > 0x250 for other in perturbations.HOMOGLYPHS.values())
