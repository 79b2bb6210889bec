"""New words get ids and rows; the rest of the model does not change."""

import pathlib

import numpy as np
import pytest
import tiny_folder

from bert_tf import Model
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.run.converting import ConvertConfig, convert
from bert_tf.run.extending import read_words

TABLE, BIAS = "bert/embeddings/word_embeddings", "cls/predictions/output_bias"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        tiny_folder.VOCAB.append("##s")
        try:
            tiny_folder.write_pretrained("start")
        finally:
            tiny_folder.VOCAB.remove("##s")
        yield pathlib.Path.cwd()


def extend(output, words, model="start"):
    return convert(ConvertConfig(input=model, output=output, add_tokens=words))


def test_new_rows_are_means_of_word_pieces(home):
    before = layouts.read_arrays(pathlib.Path("start"))
    known = folders.read("start").vocab
    report = extend("more", "Films,film,zebra")
    assert report["added_tokens"] == 2
    assert report["max_abs_difference"] < 1e-6
    after, more = layouts.read_arrays(pathlib.Path("more")), folders.read("more")
    assert more.vocab == [*known, "films", "zebra"]
    for path in (TABLE, BIAS):
        rows = [known.index("film"), known.index("##s")]
        mean = before[path][rows].mean(axis=0)
        np.testing.assert_allclose(after[path][len(known)], mean, atol=1e-7)
        unknown = before[path][known.index("[UNK]")]
        np.testing.assert_allclose(after[path][len(known) + 1], unknown, atol=1e-7)
        np.testing.assert_array_equal(
            after[path][: len(known)], before[path][: len(known)]
        )
    assert more.config.vocab_size == max(tiny_folder.CONFIG.vocab_size, len(more.vocab))
    ids = Model("more").task.tokenizer.tokenize(["Films film zebra"]).to_list()
    assert ids == [[len(known), known.index("film"), len(known) + 1]]


def test_words_of_a_file(home):
    pathlib.Path("words.txt").write_text("films\n\n zebra \nfilms\n")
    assert read_words("words.txt") == ["films", "zebra"]
    assert read_words("a, b,,a") == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (",", "add_tokens has no words; received ','"),
        ("film,good", "all of these words are in the vocabulary already"),
        ("covid-19", "does not read 'covid-19' as one word"),
        ("two words", "does not read 'two words' as one word"),
    ],
)
def test_a_bad_word_is_an_error(home, words, message):
    with pytest.raises(ValueError, match=message):
        extend("no", words)
    assert not pathlib.Path("no").exists()
