"""Words of groups are exchanged."""

import pytest

from bert_tf.data.records.swaps import Swaps, read_swaps, swap_records


@pytest.fixture(scope="module")
def gender():
    return read_swaps()[0]


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("He saw the king.", "She saw the queen."),
        ("SHE and Mr Smith", "HE and Mrs Smith"),
        ("The history of heat", "The history of heat"),
        ("他是我的父亲。", "她是我的母亲。"),
        ("他们和其他人弹吉他", "她们和其他人弹吉他"),
        ("his film", "her film"),
        ("他是King，不是Kingdom", "她是Queen，不是Kingdom"),
        ("the_king, king2 and king's", "the_king, king2 and queen's"),
        ("\u017fhe", "\u017fhe"),  # The long s, which is an s to a search without case.
    ],
)
def test_words(gender, text, swapped):
    assert gender.swap(text) == swapped


def test_twice_is_once_for_words_with_one_partner(gender):
    text = "The actress thanked her uncle."
    assert gender.swap("The actress met an uncle.") == "The actor met an aunt."
    assert gender.swap(gender.swap("A boy and a queen")) == "A boy and a queen"
    assert gender.swap(text) == "The actor thanked him aunt."


def test_a_word_beside_itself_stays():
    swaps = Swaps("colour", {"white": "black", "white house": "white house"})
    assert swaps.swap("The White House is white.") == "The White House is black."


def test_records(gender):
    records = [{"text": "he"}, {"text": "it"}, {"text": "it", "text_pair": "she"}]
    numbers, changed = swap_records(records, gender, ("text", "text_pair"))
    assert numbers == [0, 2]
    assert changed == [{"text": "she"}, {"text": "it", "text_pair": "he"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("he\tshe\n", "line 1: a line has two words with a tab"),
        ("[a]\nhe she\n", "line 2: a line has two words with a tab"),
        ("[a]\nhe\t\n", "line 2"),
        ("[a]\n# nothing\n", "has no words to exchange; write two on a line"),
        ("", "the file is empty"),
    ],
)
def test_bad_lists(text, message, tmp_path):
    (tmp_path / "swaps.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_swaps(str(tmp_path / "swaps.txt"))


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        read_swaps(str(tmp_path / "none.txt"))
