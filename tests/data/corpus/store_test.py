"""The store returns what was written, and refuses unfinished or damaged files."""

import copy
import json

import numpy as np
import pytest

from bert_tf.data.corpus import store_checks
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


@pytest.fixture
def damaged(tmp_path):
    """Returns function(part, array, checksums) that writes another array into a shard."""
    manifest = write(tmp_path, shard_pieces=4)

    def damage(part, array, checksums):
        file = tmp_path / f"shard-00001.{part}.npy"
        np.save(file, array)
        changed = copy.deepcopy(manifest)
        for number, shard in enumerate(changed["shards"]):
            if not checksums:
                del shard["crc32"]
            if number == 1:
                shard["bytes"][part] = file.stat().st_size
        (tmp_path / MANIFEST).write_text(json.dumps(changed))
        return tmp_path

    return damage


class TestArrays:
    """Shard 1 holds the sentences [11], [12, 13], [14, 15, 16, 17] of one document."""

    @pytest.mark.parametrize(
        ("part", "values", "message"),
        [
            (
                "pieces",
                [9, 10, 11, 12, 13, 14, 15, 16, 100],
                "id 100, but the .* 100 tok",
            ),
            (
                "sentences",
                [2, 3, 5, 8],
                "must rise from above 0 to 9; .* and ends with 8",
            ),
            (
                "sentences",
                [2, 3, 5, 10],
                "must rise from above 0 to 9; .* ends with 10",
            ),
            ("sentences", [2, 5, 3, 9], "must rise from above 0 to 9"),
            ("sentences", [2, 2, 5, 9], "must rise from above 0 to 9"),
            ("sentences", [0, 3, 5, 9], "begins with 0 and ends with 9"),
            (
                "documents",
                [1, 3],
                "must rise from above 0 to 4; it begins with 1 and e",
            ),
        ],
    )
    def test_ranges_without_checksums(self, damaged, part, values, message):
        kind = np.uint16 if part == "pieces" else np.uint32
        path = damaged(part, np.array(values, kind), False)
        with pytest.raises(ValueError, match=f"shard-00001.{part}.npy .*{message}"):
            Store(path)

    def test_neighbors_on_both_sides_of_a_chunk(self, damaged, monkeypatch):
        monkeypatch.setattr(store_checks, "_CHUNK", 2)
        path = damaged("sentences", np.array([2, 5, 3, 9], np.uint32), False)
        with pytest.raises(ValueError, match="must rise"):
            Store(path)

    def test_other_tokens_are_found_by_the_checksum(self, damaged):
        other = np.arange(20, 29).astype(np.uint16)
        with pytest.raises(ValueError, match=r"pieces.npy is damaged: its checksum is"):
            Store(damaged("pieces", other, True))
        assert Store(damaged("pieces", other, False)).shard(1).pieces[0] == 20

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros(0, np.uint16), r"holds uint16\[0\], but .* says uint16\[9\]"),
            (np.zeros(8, np.uint16), r"holds uint16\[8\], but"),
            (np.zeros((9, 1), np.uint16), r"holds uint16\[9, 1\], but"),
            (np.zeros(9, np.int64), r"holds int64\[9\], but"),
        ],
    )
    def test_another_shape_or_type(self, damaged, array, message):
        with pytest.raises(ValueError, match=message):
            Store(damaged("pieces", array, False))

    @pytest.mark.parametrize(
        "content", [b"", b"PK\x03\x04" + bytes(99), b"\x93NUMPY\1\0"]
    )
    def test_a_file_that_is_no_array(self, damaged, content):
        path = damaged("pieces", np.zeros(9, np.uint16), False)
        file = path / "shard-00001.pieces.npy"
        file.write_bytes(content)
        manifest = json.loads((path / MANIFEST).read_text())
        manifest["shards"][1]["bytes"]["pieces"] = max(1, len(content))
        (path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(ValueError, match="is no array of NumPy|is cut short: 0 b"):
            Store(path)

    def test_another_vocabulary(self, tmp_path):
        write(tmp_path)
        other = [*VOCAB[:-1], "x"]
        (tmp_path / "vocab.txt").write_text("".join(f"{x}\n" for x in other))
        with pytest.raises(ValueError, match=r"vocab.txt is damaged: its checksum is"):
            Store(tmp_path)
        (tmp_path / "vocab.txt").write_text("".join(f"{x}\n" for x in VOCAB[:-1]))
        with pytest.raises(
            ValueError, match="has 99 tokens, but the store .* with 100"
        ):
            Store(tmp_path)


class TestManifest:
    def change(self, path, **values):
        manifest = write(path) | values
        (path / MANIFEST).write_text(json.dumps(manifest))
        return path

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"format": [1]}, r"has format \[1\], but this version reads format 1"),
            ({"vocab_size": "9"}, "vocab_size must be a whole number; received '9'"),
            ({"pieces": 0}, "pieces must be at least 1; received 0"),
            ({"pieces": 15}, "pieces is 15, but the shards have 14 together"),
            ({"tokenizer": []}, "tokenizer must be a JSON object"),
            (
                {"tokenizer": {"do_lower_case": 3}},
                "do_lower_case must be true or false",
            ),
            ({"shards": 3}, "shards must be a JSON list"),
            ({"shards": [3]}, "shards: 0 must be a JSON object"),
            ({"shards": [{}]}, r"shards\[0\]: name must be a string; received none"),
            ({"shards": []}, "pieces is 14, but the shards have 0 together"),
        ],
    )
    def test_wrong_values(self, tmp_path, values, message):
        with pytest.raises(ValueError, match=message):
            Store(self.change(tmp_path, **values))

    @pytest.mark.parametrize("name", ["../other", "/etc/passwd", "shard-1/../x", ""])
    def test_names_that_leave_the_folder(self, tmp_path, name):
        shard = write(tmp_path)["shards"][0] | {"name": name}
        manifest = json.loads((tmp_path / MANIFEST).read_text()) | {"shards": [shard]}
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(ValueError, match="name must be shard- and a number"):
            Store(tmp_path)

    @pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10**5, '{"format": NaN}'])
    def test_what_is_no_json(self, tmp_path, text):
        write(tmp_path)
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(ValueError, match="manifest.json") as error:
            Store(tmp_path)
        assert "\n" not in str(error.value)


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
