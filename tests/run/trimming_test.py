"""A vocabulary trimmed to texts reads these texts as before, and computes the same."""

import dataclasses
import gzip
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tiny
import tiny_folder
from tiny_task_folders import Folders

import bert_tf
from bert_tf.checkpoints import folder as folders
from bert_tf.checkpoints import layouts
from bert_tf.checkpoints.contents import ModelFolder
from bert_tf.models.backbone import BertBackbone
from bert_tf.models.pretraining import BertPretrainer
from bert_tf.run.converting import ConvertConfig, convert
from bert_tf.run.trimming import find_needed

SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCAB = [
    *SPECIAL,
    *("film", "films", "##s", "##m", "fil", "f", "##f", "i", "##i", "good", "bad"),
    *("a", "ab", "##b", "##bd", "b", ".", ",", '"', "{", "}", ":", "text", "é", "caf"),
    *("##é", "u", "##00", "never", "##never"),
]
TABLE, BIAS = "bert/embeddings/word_embeddings", "cls/predictions/output_bias"
CONFIG = dataclasses.replace(
    tiny_folder.CONFIG, vocab_size=len(VOCAB) + 3, extra={"pad_token_id": 0}
)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("home"))
        parts = ModelFolder(CONFIG, VOCAB, {"do_lower_case": True})
        model = tiny.fill(BertPretrainer(BertBackbone(CONFIG)), 5)
        folders.write("start", model, parts, "BertForPreTraining")
        pathlib.Path("texts.txt").write_text("A good film.\n\nbad films, films\n")
        pathlib.Path("empty.txt").write_text("\n \n")
        yield pathlib.Path.cwd()


def trim(output, files="texts.txt", model="start", **options):
    return convert(
        ConvertConfig(input=model, output=output, trim_vocab=files, **options)
    )


def needed(text, vocab=VOCAB, min_frequency=1, file="some.txt", **tokenizer):
    pathlib.Path(file).write_text(text, encoding="utf-8")
    config = dataclasses.replace(CONFIG, vocab_size=len(vocab))
    parts = ModelFolder(config, vocab, {"do_lower_case": True} | tokenizer)
    result = find_needed(parts, file, min_frequency)
    return {vocab[number] for number in result.ids} - set(SPECIAL), result.texts


def test_what_is_kept_and_what_is_printed(home):
    report = trim("small")
    kept = [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("film", "films", "##s", "##m", "f", "##f", "i", "##i", "good", "bad"),
        *("a", "##b", "b", ".", ","),
    ]
    small = folders.read("small")
    assert small.vocab == kept  # In the same order; [unused0] goes.
    assert (report["tokens_before"], report["tokens_after"]) == (len(VOCAB), 20)
    rows = len(VOCAB) + 3 - 20
    assert report["parameters_before"] - report["parameters_after"] == rows * (12 + 1)
    assert report["parameters_after"] == report["parameters"]
    megabytes = os.path.getsize("small/model.safetensors") / 1e6
    assert report["megabytes_after"] == pytest.approx(megabytes, abs=1e-3)
    assert report["megabytes_before"] > report["megabytes_after"]
    assert report["max_abs_difference"] <= 1e-6
    assert report["compared"] == [
        *("sequence_output", "pooled_output"),
        *("masked_lm_logits", "next_sentence_logits"),
    ]
    before, after = (layouts.read_arrays(pathlib.Path(p)) for p in ("start", "small"))
    ids = [VOCAB.index(token) for token in kept]
    for path, array in before.items():
        expected = array[ids] if path in (TABLE, BIAS) else array
        np.testing.assert_array_equal(after[path], expected, err_msg=path)
    assert small.config.vocab_size == 20
    assert small.config.extra["pad_token_id"] == 0


def test_texts_are_cleaned_if_the_tokenizer_cleans_them():
    text = "g\u043eod f\u200bilm abq\u0430"
    kept = needed(text, clean_input=True)[0]
    assert {"good", "film", "ab", "a"} <= kept and "f" in kept
    plain = needed("good film abqa")[0]
    assert kept == plain
    assert "good" not in needed(text)[0]


def test_an_unknown_word_stays_unknown():
    """Without "ab", which no other word has, "abd" would become "a", "##bd"."""
    text = "abd a bbd"
    kept, _ = needed(text)
    assert {"ab", "a", "##bd"} <= kept
    vocab = [token for token in VOCAB if token in kept or token in SPECIAL]
    tokenizer = bert_tf.BertTokenizer(vocab)
    ids = tokenizer.tokenize([text])[0].numpy().tolist()
    assert [vocab[number] for number in ids] == ["[UNK]", "a", "b", "##bd"]


def test_single_characters_are_kept_for_words_that_the_texts_do_not_have():
    kept, _ = needed("fil")
    assert kept == {"fil", "f", "##f", "i", "##i"}  # The vocabulary has no "l".
    kept, _ = needed("[MASK] a")  # Letters of a special token are no text.
    assert kept == {"a"}


def test_rare_pieces():
    text = "good good film"
    kept, texts = needed(text, min_frequency=2)
    assert kept == {"good", "f", "##f", "i", "##i", "##m"}
    assert texts == []
    kept, texts = needed("good good film\ngood", min_frequency=2)
    assert texts == ["good"]
    # The pieces of an unknown word count as often as the word.
    assert {"ab"} <= needed("abd abd", min_frequency=2)[0]
    assert not {"ab"} & needed("abd", min_frequency=2)[0]


@pytest.mark.parametrize("min_frequency", [1, 3])
def test_words_are_split_as_before(min_frequency):
    """Random vocabularies in which most words have several splits or none."""
    random = np.random.default_rng(11)
    for _ in range(8):
        pieces = {
            prefix + "".join(random.choice(list("abc"), random.integers(1, 4)))
            for prefix in ("", "##")
            for _ in range(14)
        }
        vocab = [*SPECIAL, *sorted(pieces)]
        words = ["".join(random.choice(list("abc"), n % 5 + 1)) for n in range(40)]
        drawn = random.choice(words[:25], 90).tolist()
        kept, _ = needed("\n".join(drawn), vocab, min_frequency)
        smaller = [token for token in vocab if token in kept or token in SPECIAL]
        before, after = (
            [
                [tokens[number] for number in ids]
                for ids in bert_tf.BertTokenizer(tokens).tokenize(words).to_list()
            ]
            for tokens in (vocab, smaller)
        )
        counts = {word: drawn.count(word) for word in words}
        assert len(smaller) < len(vocab)
        for word, old, new in zip(words, before, after):
            is_known = old != ["[UNK]"] and set(old) <= set(smaller)
            if counts[word] >= min_frequency or is_known:
                assert new == old, word


def test_forms_of_files(home):
    cased = {"do_lower_case": False}
    for file, text in {
        "a.csv": 'text,label\n"""café"", good",1\n',
        "b.jsonl": '{"text": "good"}\n{"other": "caf\\u00e9"}\n',
        "c.json": '[\n  {\n    "text": "good \\"caf\\u00e9\\""\n  }\n]\n',
        "d.json": json.dumps([{"a": [{"b": "x\ncafé"}, "good", "\ud800"]}]),
    }.items():
        kept, _ = needed(text, file=file, **cased)
        assert {"caf", "##é", "good"} <= kept, file
    kept, _ = needed('{"a": "caf\\u00e9"}', **cased)
    assert not {"u", "##00"} & kept  # Escapes are no words.
    with gzip.open("e.txt.gz", "wt", encoding="utf-8") as file:
        file.write("café\n")
    parts = ModelFolder(CONFIG, VOCAB, cased)
    assert VOCAB.index("##é") in find_needed(parts, "e.txt.gz,texts.txt").ids


def test_case_is_that_of_the_folder():
    assert "film" in needed("FILM good")[0]
    assert "film" not in needed("FILM good", do_lower_case=False)[0]


def test_memory_does_not_grow_with_the_files(monkeypatch):
    from bert_tf.run import trimming

    monkeypatch.setattr(trimming, "_BATCH", 50)
    sizes = []
    add = trimming._Counter.add
    monkeypatch.setattr(
        trimming._Counter, "add", lambda self, x: (sizes.append(len(x)), add(self, x))
    )
    kept, texts = needed("good film\n" * 99 + "bad")
    assert {"good", "film", "bad"} <= kept
    assert sizes == [6] * 16 + [4]
    assert texts == ["good film"] * 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"files": "nowhere.txt"}, "nowhere.txt: no such file"),
        ({"files": "start"}, "start is a folder; name its files"),
        ({"files": "empty.txt"}, "empty.txt holds no token of the vocabulary but spec"),
        ({"files": "chinese.txt"}, "holds no token of the vocabulary but special ones"),
        ({"files": "table.xlsx"}, "no Excel and no Parquet, such as table.xlsx"),
        ({"min_frequency": 0}, "min_frequency must be at least 1; received 0"),
        ({"files": "", "min_frequency": 2}, "min_frequency=2 is for trim_vocab alone"),
        ({"add_tokens": "zebra"}, "trim_vocab and add_tokens cannot be combined"),
    ],
)
def test_bad_input_writes_nothing(home, options, message):
    pathlib.Path("chinese.txt").write_text("我们明天", encoding="utf-8")
    pathlib.Path("table.xlsx").write_bytes(b"PK")
    with pytest.raises((ValueError, OSError), match=message):
        trim("no", **options)
    assert not pathlib.Path("no").exists()


def test_a_special_token_that_is_not_in_the_vocabulary(home):
    shutil.copytree("start", "strange")
    file = pathlib.Path("strange/tokenizer_config.json")
    file.write_text(json.dumps({"do_lower_case": True, "mask_token": "<mask>"}))
    with pytest.raises(ValueError, match="special token '<mask>' of tokenizer_config"):
        trim("no", model="strange")
    assert not pathlib.Path("no").exists()


def test_googles_layout(home):
    report = trim("google", format="google")
    assert (report["tokens_after"], report["max_abs_difference"]) == (20, 0)
    assert folders.read("google").vocab == folders.read("small").vocab
    assert report["megabytes_after"] > 0
    again = trim("again", model="google")
    assert again["tokens_before"] == again["tokens_after"] == 20
    before, after = (layouts.read_arrays(pathlib.Path(p)) for p in ("small", "again"))
    assert before.keys() == after.keys()
    for path, array in before.items():
        np.testing.assert_array_equal(after[path], array)


def test_trimmed_and_in_eight_bits(home):
    report = trim("both", weights_dtype="int8")
    assert report["tokens_after"] == 20
    assert 0 < report["max_abs_difference"] < 1
    assert folders.read("both").vocab == folders.read("small").vocab


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("folders"))


WITHOUT_DECODER = [
    *("features", "fill_mask", "classification", "regression", "multi_label"),
    *("similarity", "pairs", "token_classification", "question_answering"),
    *("multiple_choice", "reranking"),
]
TEXTS = ["it was good .", "a film"]  # "very", "bad" and others go.


@pytest.mark.parametrize("task", WITHOUT_DECODER)
def test_folders_of_every_task(home, tasks, task):
    pathlib.Path("task.txt").write_text("\n".join(TEXTS))
    report = trim(f"{task}_small", "task.txt", model=tasks[task])
    assert report["tokens_after"] == 5 + 6 < report["tokens_before"]
    assert report["max_abs_difference"] <= 1e-6
    before, after = (folders.read(path) for path in (tasks[task], f"{task}_small"))
    assert after.settings == before.settings
    assert after.config.extra == before.config.extra | {
        "architectures": after.config.extra["architectures"]
    }
    if task != "features":
        assert after.config.extra == before.config.extra
    for name in ("README.md", "modules.json", "1_Pooling/config.json"):
        old, new = (pathlib.Path(path, name) for path in (tasks[task], f"{task}_small"))
        assert new.is_file() == old.is_file()
        assert not old.is_file() or new.read_bytes() == old.read_bytes()


@pytest.mark.parametrize("task", ["translation", "generation"])
def test_a_folder_with_a_decoder_is_refused(home, tasks, task):
    with pytest.raises(ValueError, match="for which trim_vocab is not possible; drop"):
        trim("no", model=tasks[task])
    assert not pathlib.Path("no").exists()


RECORDS = {
    "pairs": [{"text": TEXTS[0], "text_pair": TEXTS[1]}],
    "question_answering": [{"question": "it was", "context": TEXTS[0]}],
    "multiple_choice": [{"text": "it was", "choices": ["good", "a film"]}],
    "reranking": [{"query": "it was", "passages": ["good", "a film"]}],
    "fill_mask": ["it was [MASK] ."],
}


@pytest.mark.slow  # Ten models are compiled twice.
@pytest.mark.parametrize("task", WITHOUT_DECODER)
def test_predictions_of_every_task(home, tasks, task):
    if not pathlib.Path(f"{task}_small").exists():
        pathlib.Path("task.txt").write_text("\n".join(TEXTS))
        trim(f"{task}_small", "task.txt", model=tasks[task])
    named = {"task": task} if task in ("features", "fill_mask") else {}
    before, after = (bert_tf.Model(p, **named) for p in (tasks[task], f"{task}_small"))
    records = RECORDS.get(task, TEXTS)
    if task == "fill_mask":  # Fewer words: other probabilities, in the same order.
        before, after = (model.predict(records)[0] for model in (before, after))
        words = [entry["token"] for entry in before["tokens"][0]]
        kept = set(folders.read("fill_mask_small").vocab)
        left = [entry["token"] for entry in after["tokens"][0]]
        first = [word for word in words if word in kept]
        assert left[: len(first)] == first
        return
    assert_close(after.predict(records), before.predict(records))


def assert_close(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other):
            assert_close(*pair)
    elif isinstance(one, float | np.ndarray):
        np.testing.assert_allclose(one, other, atol=1e-6)
    else:
        np.testing.assert_array_equal(one, other)
