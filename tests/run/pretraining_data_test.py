"""Raw text becomes a store, written by one process or several."""

import os
import pathlib

import numpy as np
import pytest

from bert_tf.data.corpus.store import MANIFEST, Store
from bert_tf.run.pretraining_data import PretrainingDataConfig, create_pretraining_data
from bert_tf.tokenization import BertTokenizer, write_vocab
from bert_tf.training import run_folder

WORDS = ("the", "sea", "is", "calm", "##er", "today", ".", "!")
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_vocab("vocab.txt", VOCAB)
    pathlib.Path("text").mkdir()
    pathlib.Path("text/a.txt").write_text(
        "The sea is calm. Today!\nIs it?\n\nCalmer.\n"
    )
    pathlib.Path("text/b.txt").write_bytes(b"the sea \xff\n\x00\n\n\n\x07\n\nsea")
    return tmp_path


def create(**changes):
    config = {
        "input_files": "text/*.txt",
        "vocab_file": "vocab.txt",
        "output_dir": "store",
        "num_workers": 1,
    }
    return create_pretraining_data(PretrainingDataConfig(**config | changes))


def read(path="store"):
    """Returns the sentences of each document, with spaces between their tokens."""
    store, documents = Store(path), []
    for number in range(len(store)):
        shard = store.shard(number)
        ends = shard.sentences.tolist()
        sentences = [
            " ".join(store.vocab[piece] for piece in shard.pieces[begin:end])
            for begin, end in zip([0, *ends], ends)
        ]
        ends = shard.documents.tolist()
        documents += [sentences[b:e] for b, e in zip([0, *ends], ends)]
    return documents


def test_documents_hold_sentences_of_tokens():
    result = create()
    assert read() == [
        ["the sea is calm .", "today !", "is [UNK] [UNK]"],
        ["calm ##er ."],
        ["the sea"],  # Control characters make no sentence and no document.
        ["sea"],
    ]
    assert (result["documents"], result["sentences"], result["pieces"]) == (4, 6, 16)
    assert result["unk_rate"] == 2 / 16
    assert (result["files"], result["bad_bytes"]) == (2, 1)
    assert result["control_characters"] == 2
    on_disk = sum(path.stat().st_size for path in pathlib.Path("store").glob("*.npy"))
    assert result["bytes"] == on_disk


def test_a_line_is_a_sentence_and_a_file_is_a_document():
    create(split_sentences=False, documents="file")
    assert read() == [
        ["the sea is calm . today !", "is [UNK] [UNK]", "calm ##er ."],
        ["the sea", "sea"],
    ]


@pytest.mark.slow
def test_several_processes_make_the_same_store(monkeypatch):
    random = np.random.default_rng(8)
    lines = [" ".join(random.choice(WORDS[:4], 12)) for _ in range(60_000)]
    lines[::50] = [""] * len(lines[::50])
    pathlib.Path("text/long.txt").write_text("\n".join(lines))  # More than one job.
    one = create(output_dir="one")
    two = create(output_dir="two", num_workers=2)
    assert one == two
    names = sorted(path.name for path in pathlib.Path("one").iterdir())
    assert names == sorted(path.name for path in pathlib.Path("two").iterdir())
    for name in names:
        first, second = (pathlib.Path(f, name).read_bytes() for f in ("one", "two"))
        assert first == second, name


def test_a_plan_writes_nothing(home):
    before = sorted(home.iterdir())
    plan = create(plan=True)
    assert sorted(home.iterdir()) == before
    result = create()
    assert plan["pieces"] == result["pieces"]  # The sample was all of it.
    assert plan["sample"] == sum(f.stat().st_size for f in home.glob("text/*"))
    assert 0 < plan["seconds"] < 60
    assert plan["memory"] > 10**8  # TensorFlow alone takes more.


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"vocab_file": ""}, ValueError, "vocab_file is missing: pass --vocab_file="),
        (
            {"vocab_file": "v.txt"},
            FileNotFoundError,
            "vocabulary file not found: v.txt",
        ),
        ({"input_files": "*.gz"}, FileNotFoundError, r"\*\.gz: no such file"),
        ({"output_dir": "vocab.txt"}, OSError, "output_dir vocab.txt is a file; pass"),
        ({"num_workers": -1}, ValueError, "num_workers must be at least 0"),
        ({"documents": "line"}, ValueError, "documents must be one of auto, file"),
    ],
)
def test_bad_input(changes, error, message):
    with pytest.raises(error, match=message):
        create(**changes)
    assert not pathlib.Path("store", MANIFEST).exists()


def test_a_vocabulary_without_mask():
    write_vocab("vocab.txt", [piece for piece in VOCAB if piece != "[MASK]"])
    with pytest.raises(ValueError, match=r"vocab.txt: \[MASK\] is missing"):
        create()
    assert not pathlib.Path("store").exists()


def test_an_empty_corpus_leaves_no_store():
    for path in pathlib.Path("text").iterdir():
        path.write_text("\n \n")
    with pytest.raises(ValueError, match="holds no sentence"):
        create()
    with pytest.raises(FileNotFoundError, match="no finished store"):
        Store("store")


def test_one_folder_has_one_process():
    with run_folder.locked(pathlib.Path("store")):
        says = (
            rf"^store is in use by process {os.getpid()} on .*; wait for it, or choose"
        )
        with pytest.raises(OSError, match=says):
            create()
    assert not pathlib.Path("store").exists()
    pathlib.Path("store").mkdir()
    # What a killed process leaves: its lock, and a file that it was writing.
    for name in (run_folder.LOCK, ".manifest.json.host.1.part", "shard-00000.x.npy"):
        pathlib.Path("store", name).write_text("")
    create()
    assert len(read()) == 4
    assert not pathlib.Path("store", run_folder.LOCK).exists()


def test_a_full_disk_leaves_no_store(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space left"):
            create()
    with pytest.raises(FileNotFoundError, match="no finished store"):
        Store("store")
    create()
    assert len(read()) == 4


def test_the_tokenizer_is_the_one_of_the_options():
    write_vocab("cased.txt", [*VOCAB, "The"])
    create(vocab_file="cased.txt", do_lower_case=False)
    assert read()[0][0] == "The sea is calm ."
    assert Store("store").manifest["tokenizer"] == {"do_lower_case": False}
    tokenizer = BertTokenizer([*VOCAB, "The"], lower_case=False)
    assert tokenizer.tokenize(["Calmer."]).to_list() == [[1, VOCAB.index(".")]]
