"""Words become text again: rules learnt from texts, and applied in a graph."""

import json
import pathlib

import pytest
import tensorflow as tf

from bert_tf.tasks.target_vocabulary import learn_target_vocabulary
from bert_tf.tokenization import BertTokenizer
from bert_tf.tokenization.joining import join, learn_rules

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"

GERMAN = [
    "Ein Mann, der lacht, sagt: „Ja.“",
    "Zwei Männer (und ein Hund) laufen!",
    'Auf dem Schild steht "Nein", nicht "Ja".',
    "Ein T-Shirt kostet 3,50 Euro.",
    "Ein T-Shirt kostet 1,20 Euro.",
    "Es gibt Vor- und Nachteile.",
    "Ein Obst- und Gemüsehändler.",
    "Der Ski-Kurs im Sommer-Haus ist kein Yoga-Kurs.",
] * 2
FRENCH = ["L'homme rit.", "C'est l'eau ?", "Qui ? Moi !", "Ah ! L'ami."] * 2
ENGLISH = [
    "It's May 7, 1974, in the U.S. and the U.K. of today.",
    "The boys' dog isn't on 5,000 lists of 12,000 dogs.",
    "On May 12, 1980, he's in the U.S. for the boys' game.",
    "The girls' team hasn't won.",
] * 2
CHINESE = ["我喜欢它，你呢？", "他说：“好。”", "汤姆是我的朋友。"] * 2


def split(texts):
    """Returns what the tokenizer makes of texts, and joins by spaces."""
    tokenizer = BertTokenizer(learn_target_vocabulary(texts, 400), lower_case=False)
    return tokenizer.detokenize(tokenizer.tokenize(texts))


@pytest.mark.parametrize("texts", [GERMAN, ENGLISH, FRENCH, CHINESE])
def test_texts_come_back(texts):
    strings = split(texts)
    assert strings.numpy()[0].decode() != texts[0]
    rules = json.loads(json.dumps(learn_rules(texts)))
    assert [text.decode() for text in join(strings, rules).numpy()] == texts


def test_what_the_words_are_split_into():
    assert split(GERMAN).numpy()[0].decode() == (
        "Ein Mann , der lacht , sagt : „ Ja . “"
    )


def test_rules_of_a_language():
    texts = ["Yes, it is.", "No, it is not."] * 2 + ["1,5 or 2,5."] * 2
    assert learn_rules(texts) == [
        ["", "", ",", "", True],  # "Yes," and "1,5"
        ["", "", ".", "", True],
        ["", ",", "D", "", True],  # "1,5"
    ]


def test_rules_do_not_depend_on_the_order_of_texts():
    assert learn_rules(GERMAN[::-1]) == learn_rules(GERMAN)


@pytest.mark.parametrize(
    ("strings", "texts"),
    [
        (['er sagt , " Ja " und " Nein " .'], ['er sagt, "Ja" und "Nein".']),
        (["Haus - und Hof - Hund"], ["Haus- und Hof-Hund"]),
        (["a , b , c , d , e"], ["a, b, c, d, e"]),  # Matches that touch.
        (["1 , 2 , 3 , 4"], ["1,2,3,4"]),
        (["", ",", "a"], ["", ",", "a"]),
        (["[UNK] ."], ["[UNK]."]),
        (["x ~ y"], ["x ~ y"]),  # A mark that no text has.
    ],
)
def test_joined_by_hand(strings, texts):
    joined = join(tf.constant(strings), learn_rules(GERMAN))
    assert [text.decode() for text in joined.numpy()] == texts


@pytest.mark.parametrize(
    ("strings", "texts"),
    [
        (["he ' s at the men ' s club"], ["he's at the men's club"]),
        (["the cats ' tails"], ["the cats' tails"]),
        (["3 , 500 , in July 3 , 1950"], ["3,500, in July 3, 1950"]),
        (["the U . S . was"], ["the U.S. was"]),
    ],
)
def test_english_by_hand(strings, texts):
    """Words of one letter and numbers of three digits have rules of their own."""
    joined = join(tf.constant(strings), learn_rules(ENGLISH))
    assert [text.decode() for text in joined.numpy()] == texts


def test_no_rules_change_nothing():
    strings = tf.constant(["a , b", ' " ', ""])
    assert join(strings, []).numpy().tolist() == strings.numpy().tolist()
    assert learn_rules([]) == learn_rules(["words alone"]) == []


def test_in_a_saved_model(tmp_path):
    rules = learn_rules(GERMAN)
    module = tf.Module()
    module.join = tf.function(
        lambda strings: join(strings, rules), [tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    joined = tf.saved_model.load(str(tmp_path)).join(split(GERMAN))
    assert [text.decode() for text in joined.numpy()] == GERMAN


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("language", "least"), [("de", 0.995), ("en", 0.995), ("fr", 0.995)]
)
def test_sentences_that_were_not_learnt_from(language, least):
    train, test = (
        (DATA / f"multi30k/{name}.{language}").read_text().strip().split("\n")
        for name in ("train", "test_2016_flickr")
    )
    tokenizer = BertTokenizer(learn_target_vocabulary(train, 8000), lower_case=False)
    strings = tokenizer.detokenize(tokenizer.tokenize(test))
    joined = join(strings, learn_rules(train)).numpy()
    same = [
        text.decode() == " ".join(truth.split()) for text, truth in zip(joined, test)
    ]
    assert sum(same) / len(same) >= least
