"""What cleaning changes in texts and what it leaves, and that both engines clean alike."""

import random
import unicodedata

import both_kinds
import pytest
import tensorflow as tf
import tiny_folder

from bert_tf.analysis.robustness.perturbations import HOMOGLYPHS, ZERO_WIDTH
from bert_tf.tokenization import lookalikes
from bert_tf.tokenization.cleaning import clean_strings, clean_tensor
from bert_tf.tokenization.fast import FastTokenizer
from bert_tf.tokenization.tokenizer import BertTokenizer

GOOD = tiny_folder.VOCAB.index("good")
# (text, as it is read).
CHANGED = {
    "Cyrillic in a word": ("a g\u043e\u043ed film", "a good film"),
    "Cyrillic capitals": ("\u0410 \u0421\u0410LM \u0422op", "A CALM Top"),
    "a word of Cyrillic alone": ("s\u0430id \u0441\u043e\u0440 now", "said cop now"),
    "a single Cyrillic letter": ("\u0456 liked it", "i liked it"),
    "Greek in a word": ("\u0391lph\u03b1 and TNF\u03b1", "Alpha and TNFa"),
    "Armenian": ("g\u0585\u0585d", "good"),
    "Cherokee": ("\u13e2\u13a1ice", "PRice"),
    "Coptic": ("\u2caaoo\u2c9f g\u2c9f\u2c9fd", "\u2caaoo\u2c9f good"),
    "Lisu": ("\ua4d0\ua4f0ST", "BEST"),
    "phonetic letters": ("\u0251 \u0261ood", "a good"),
    "fullwidth": ("\uff27\uff4f\uff4f\uff44 \u4e2d\uff23\uff24", "Good \u4e2dCD"),
    "mathematical": ("\U0001d420\U0001d428\U0001d428\U0001d41d \u211d", "good R"),
    "circled": ("\u24d6\u24de\u24de\u24d3", "good"),
    "zero width": ("g\u200bo\u200co\u200dd f\u2060il\ufeffm", "good film"),
    "soft hyphen": ("go\u00adod", "good"),
    "joiner and fillers": ("g\u034fo\u115fo\u3164d\uffa0", "good"),
    "variation selectors": ("g\ufe0fo\U000e0101od", "good"),
    "tags": ("good\U000e0062\U000e0061\U000e007f", "good"),
    "controls": ("g\x00o\x08od\x7f", "good"),
    "private use": ("go\ue000od\U000f1234", "good"),
    "marks of direction": ("\u200e\u202bgood\u202c \u2066film\u2069", "good film"),
    "an override": ("a \u202edoog\u202c film", "a good film"),
    "an override to the end of the line": ("\u202edoog\nfilm", "good\nfilm"),
    "an override to the end of the text": ("a \u202emlif doog", "a good film"),
    "a special piece": ("[MA\u200bSK]", "[MASK]"),
    "an accent in the word": (
        "n\u0430i\u0308ve caf\u00e9s \u0441af\u00e9",
        "nai\u0308ve caf\u00e9s caf\u00e9",
    ),
}
KEPT = {
    "English": "It's the film-maker's \u201cbest\u201d \u2014 caf\u00e9, na\u00efve, 3\u00bd \u00b5m, 20 \u2103.",
    "Turkish": "\u0131l\u0131k \u015eeker \u0130stanbul",
    "Russian": "\u041a\u0438\u043d\u043e \u043e \u0442\u043e\u043c, \u043a\u0430\u043a \u043e\u0441\u0435\u043d\u044c\u044e, \u0430 \u0443 \u0440\u0435\u043a\u0438 \u0440\u043e\u0441\u0430; \u0445\u043e\u0440",
    "Russian with Latin": "\u0410 \u043e\u043d \u043a\u0443\u043f\u0438\u043b iPhone \u0441 \u0440\u0443\u043a: \u043e, \u0440\u043e\u0441\u0430",
    "look-alikes alone": "\u0440\u043e\u0441\u0430 \u0443 \u0445\u043e\u0440\u0430",
    "Ukrainian": "\u0407\u0457, \u0454\u0432\u0440\u043e, \u0456 \u0433\u0440\u0430",
    "Greek": "\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u03bf \u03b9",
    "Greek symbols": "the \u03b1 level and \u03c1 = 0.5, \u03b2-carotene",
    "Armenian": "\u0540\u0561\u0575\u0561\u057d\u057f\u0561\u0576 \u0578\u0582",
    "Chinese": "\u6211\u4eec\u660e\u5929\u53bb\u5317\u4eac\uff0c\u597d\u5417\uff1f\uff13",
    "Japanese": "\u3053\u3093\u306b\u3061\u306f\u3001\u30c6\u30ec\u30d3\u3002",
    "Korean": "\uc548\ub155\ud558\uc138\uc694",
    "Arabic": "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "Hebrew": "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "Hindi": "\u0939\u093f\u0928\u094d\u0926\u0940 \u092b\u093c\u093f\u0932\u094d\u092e",
    "emoji": "\U0001f600\U0001f44d\U0001f3fd \u2764 \u2139 \u24c2",
    "another script in the word": "v\u043ez\u0434\u0443x",
    "nothing": "",
}
# BERT drops what these lose, so that the tokens stay.
SAME_TOKENS = {
    "joined emoji": "a \U0001f469\u200d\U0001f469\u200d\U0001f467 b \u2764\ufe0f good",
    "Hindi with a joiner": "\u0915\u094d\u200d\u0937 a\u200b b",
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes(name):
    text, expected = CHANGED[name]
    (cleaned,), source = clean_strings([text])
    assert cleaned == expected
    assert len(source[0]) == len(expected)
    # Each character comes from itself or from a look-alike, also if it was turned around.
    for character, place in zip(cleaned, source[0]):
        assert character == text[place] or text[place] in look_alikes(character)


def look_alikes(character):
    starts, _, letters = lookalikes.table()
    return {
        chr(s) for s, letter in zip(starts, letters) if letter == ord(character)
    } | {
        x
        for x in map(chr, range(0x2100, 0x1F200))
        if unicodedata.normalize("NFKC", x) == character
    }


@pytest.mark.parametrize("name", KEPT)
def test_what_stays(name):
    text = KEPT[name]
    assert clean_strings([text])[0] == [text]
    assert clean_tensor(tf.constant([text, "\u200b"]))[0].numpy()[0].decode() == text


@pytest.mark.parametrize("name", SAME_TOKENS)
def test_tokens_that_stay(name):
    vocab = [*tiny_folder.VOCAB, "b", *"\U0001f469\u2764\u0915\u0937"]
    vocab += ["##\U0001f469", "##\U0001f467", "##\u0937"]
    text, kept = SAME_TOKENS[name], BertTokenizer(vocab).tokenize([SAME_TOKENS[name]])
    cleaning = BertTokenizer(vocab, clean_input=True)
    assert cleaning.tokenize([text]).to_list() == kept.to_list() != [[]]


def test_the_table_holds_whatever_the_attacks_use():
    for letter, other in HOMOGLYPHS.items():
        assert clean_strings([f"zz{other}"])[0] == [f"zz{letter}"]
    for hidden in ZERO_WIDTH:
        assert clean_strings([f"a{hidden}b"])[0] == ["ab"]


def test_every_entry_of_the_table_becomes_a_letter_of_ascii():
    starts, _, letters = lookalikes.table()
    assert (starts[1:] > starts[:-1]).all() and starts[0] == 0
    points = [chr(s) for s, letter in zip(starts, letters) if letter]
    assert len(points) > 800
    cleaned = clean_strings([f"z{point}" for point in points])[0]
    assert all(text.isascii() and text[1].isalpha() for text in cleaned)


def draw_texts(count, seed):
    """Returns random texts of what matters to cleaning: the edges of all ranges, letters."""
    draws = random.Random(seed)
    edges = [int(start) + step for start in lookalikes.table()[0] for step in (-1, 0)]
    pool = [chr(p) for p in edges if 0 <= p < 0x110000 and not 0xD7FF < p < 0xE000]
    pool += [*"good film .[MASK]\n \u202e\u202c"] * 40
    texts = ["".join(draws.choices(pool, k=draws.randrange(40))) for _ in range(count)]
    return [*texts, "".join(draws.choices(pool, k=20_000))]


TEXTS = [text for text, _ in CHANGED.values()] + [*KEPT.values(), *SAME_TOKENS.values()]


@pytest.mark.parametrize(
    "options",
    [{}, {"lower_case": False}, {"keep_special_tokens": True}],
    ids=str,
)
def test_both_engines_find_the_same_tokens_at_the_same_places(options):
    pytest.importorskip("tokenizers")
    texts = TEXTS + draw_texts(300, seed=1)
    vocab = [*tiny_folder.VOCAB, *"bcdfgilmo", *(f"##{x}" for x in "abcdefgilmost")]
    theirs, ours = (
        kind(vocab, clean_input=True, **options)
        for kind in (BertTokenizer, FastTokenizer)
    )
    both_kinds.assert_same(theirs.tokenize(texts), ours.tokenize(texts))
    both_kinds.assert_same(
        theirs.tokenize_with_offsets(texts), ours.tokenize_with_offsets(texts)
    )
    # The tokens are those of the cleaned texts.
    plain = BertTokenizer(vocab, **options).tokenize(clean_strings(texts)[0])
    assert theirs.tokenize(texts).to_list() == plain.to_list()


def test_bytes_that_are_not_utf8():
    pytest.importorskip("tokenizers")
    texts = [
        b"g\xd0\xbe\xffod",
        b"[MA\xc3SK] a",
        b"\xed\xa0\x80good",
        b"\xf0\x9d",
        b"good",
    ]
    theirs, ours = (
        kind(tiny_folder.VOCAB, clean_input=True, keep_special_tokens=True)
        for kind in (BertTokenizer, FastTokenizer)
    )
    assert ours.tokenize(texts).to_list() == [[GOOD], [4, 8], [GOOD], [], [GOOD]]
    for part in (texts, texts[:1]):
        assert theirs.tokenize(part).to_list() == ours.tokenize(part).to_list()


def test_a_text_is_read_alike_in_any_company():
    tokenizer = BertTokenizer(tiny_folder.VOCAB, clean_input=True)
    texts = [*draw_texts(20, seed=2)[:20], *TEXTS[:10]]
    together = tokenizer.tokenize(texts).to_list()
    assert together == [tokenizer.tokenize([text]).to_list()[0] for text in texts]


def test_offsets_point_into_the_original():
    text = "\u200bthe g\u043e\u200bod \u202emlif\u202c is [M\u200bASK]"
    tokenizer = BertTokenizer(
        tiny_folder.VOCAB, clean_input=True, keep_special_tokens=True
    )
    ids, starts, ends = (
        x.to_list()[0] for x in tokenizer.tokenize_with_offsets([text])
    )
    assert [tokenizer.vocab[i] for i in ids] == ["the", "good", "film", "is", "[MASK]"]
    assert [text[a:b] for a, b in zip(starts, ends)] == [
        *("the", "g\u043e\u200bod", "mlif", "is", "[M\u200bASK]"),
    ]


def test_without_the_option_nothing_is_cleaned():
    text = ["g\u043eod \uff47ood"]
    assert BertTokenizer(tiny_folder.VOCAB).tokenize(text).to_list() == [[1, 1]]
    cleaning = BertTokenizer(tiny_folder.VOCAB, clean_input=True)
    assert cleaning.tokenize(text).to_list() == [[GOOD, GOOD]]


def test_tflite_cannot_clean():
    tokenizer = BertTokenizer(tiny_folder.VOCAB, clean_input=True)
    with pytest.raises(ValueError, match=r"TFLite cannot clean texts .* takes ids"):
        tokenizer.tokenize_with_kernels(["good"])


def test_no_texts():
    pytest.importorskip("tokenizers")
    assert clean_strings([])[0] == []
    for kind in (BertTokenizer, FastTokenizer):
        tokenizer = kind(tiny_folder.VOCAB, clean_input=True)
        for ids in tokenizer.tokenize_with_offsets([]):
            assert ids.to_list() == []
        assert tokenizer.tokenize(["", "\u200b"]).to_list() == [[], []]
