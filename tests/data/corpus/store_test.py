"""The store returns what was written, and refuses unfinished or damaged files."""

import json

import numpy as np
import pytest

from bert_tf.data.corpus.store import MANIFEST, Store, StoreWriter

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{n}" for n in range(95))]
DOCUMENTS = [[[5, 6, 7], [8]], [[9, 10]], [[11], [12, 13], [14, 15, 16, 17]], [[99]]]


def write(path, documents=DOCUMENTS, vocab=VOCAB, **options):
    writer = StoreWriter(path, vocab, {"do_lower_case": True}, **options)
    for document in documents:
        pieces = [piece for sentence in document for piece in sentence]
        writer.add(pieces, list(map(len, document)), [len(document)])
    return writer.close({"lines": 7})


def read(store):
    """Returns all documents, each a list of sentences, each a list of ids."""
    documents = []
    for number in range(len(store)):
        shard = store.shard(number)
        sentences = [s.tolist() for s in np.split(shard.pieces, shard.sentences)[:-1]]
        begin = 0
        for end in shard.documents:
            documents.append(sentences[begin:end])
            begin = end
    return documents


@pytest.mark.parametrize("shard_pieces", [1, 4, 100])
def test_the_store_returns_what_was_written(tmp_path, shard_pieces):
    manifest = write(tmp_path / "store", shard_pieces=shard_pieces)
    store = Store(tmp_path / "store")
    assert read(store) == DOCUMENTS
    assert store.vocab == VOCAB
    assert store.manifest == manifest
    assert len(store) == {1: 4, 4: 3, 100: 1}[shard_pieces]
    assert (manifest["documents"], manifest["sentences"], manifest["pieces"]) == (
        *(4, 7, 14),
    )
    assert manifest["tokenizer"] == {"do_lower_case": True}
    assert manifest["found"] == {"lines": 7}


def test_ids_take_two_bytes_or_four_for_large_vocabularies(tmp_path):
    write(tmp_path / "small")
    assert Store(tmp_path / "small").shard(0).pieces.dtype == np.uint16
    large = [*VOCAB, *(f"x{n}" for n in range(2**16))]
    write(tmp_path / "large", [[[2**16 + 50]]], vocab=large)
    assert read(Store(tmp_path / "large")) == [[[2**16 + 50]]]
    assert Store(tmp_path / "large").shard(0).pieces.dtype == np.uint32


class TestUnfinishedAndDamaged:
    def test_a_store_without_manifest_is_refused(self, tmp_path):
        writer = StoreWriter(tmp_path, VOCAB, {}, shard_pieces=1)
        writer.add([5], [1], [1])
        assert (tmp_path / "shard-00000.pieces.npy").exists()
        with pytest.raises(FileNotFoundError, match="no finished store"):
            Store(tmp_path)

    def test_an_unfinished_store_is_replaced(self, tmp_path):
        writer = StoreWriter(tmp_path, VOCAB, {}, shard_pieces=1)
        for _ in range(6):
            writer.add([5], [1], [1])
        write(tmp_path, shard_pieces=4)
        assert read(Store(tmp_path)) == DOCUMENTS
        assert len(list(tmp_path.glob("shard-*.pieces.npy"))) == 3

    @pytest.mark.parametrize("part", ["pieces", "sentences", "documents"])
    def test_a_shard_cut_short_is_named(self, tmp_path, part):
        write(tmp_path, shard_pieces=4)
        path = tmp_path / f"shard-00001.{part}.npy"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ValueError, match=f"shard-00001.{part}.npy is cut short"):
            Store(tmp_path)
        path.unlink()
        with pytest.raises(ValueError, match="is cut short: 0 bytes of"):
            Store(tmp_path)

    def test_another_format(self, tmp_path):
        manifest = write(tmp_path) | {"format": 9}
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(
            ValueError, match="has format 9, but this version reads format 1"
        ):
            Store(tmp_path)


class TestRefusals:
    def test_a_finished_store_is_kept(self, tmp_path):
        write(tmp_path)
        with pytest.raises(ValueError, match="holds a finished store; choose another"):
            write(tmp_path)
        assert read(Store(tmp_path)) == DOCUMENTS

    def test_a_folder_with_other_files(self, tmp_path):
        (tmp_path / "thesis.txt").write_text("x")
        with pytest.raises(ValueError, match=r"holds other files \(thesis.txt\)"):
            write(tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "x"

    def test_no_sentence(self, tmp_path):
        with pytest.raises(ValueError, match="no sentence"):
            write(tmp_path, [])
