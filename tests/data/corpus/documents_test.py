"""Raw text of every form becomes lines and ends of documents."""

import gzip
import json
import logging
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_tf.data.corpus import documents
from bert_tf.data.corpus.documents import DOCUMENT_END, Found, read_corpus


@pytest.fixture
def read(tmp_path):
    """Writes and reads files, and returns [[lines of a document], …] and the counts."""

    def read(*contents, documents="auto", **options):
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.txt")
            data = content if isinstance(content, bytes) else content.encode()
            paths[-1].write_bytes(data)
        counts, result, document = Found(), [], []
        for line in read_corpus(paths, documents=documents, found=counts, **options):
            if line is DOCUMENT_END:
                result.append(document)
                document = []
            else:
                document.append(line)
        assert not document  # The last document has an end, too.
        assert (counts.documents, counts.files) == (len(result), len(contents))
        assert counts.lines == sum(map(len, result))
        return result, counts

    return read


class TestForms:
    def test_blank_lines_end_documents(self, read):
        text = "\n\n One.\nTwo. \n \n\nThree.\n"
        assert read(text)[0] == [["One.", "Two."], ["Three."]]

    def test_only_ends_of_files_end_documents(self, read):
        documents, _ = read("One.\n\nTwo.", "Three.\n", documents="file")
        assert documents == [["One.", "Two."], ["Three."]]

    def test_a_document_ends_with_its_file(self, read):
        assert read("One.", "Two.")[0] == [["One."], ["Two."]]

    def test_json_lines(self, read):
        records = [
            {"id": 1, "text": "One.\n\nTwo."},
            {"text": " "},
            {"text": "Three.", "title": "x"},
        ]
        text = "\n".join(map(json.dumps, records))
        assert read(text)[0] == [["One.", "Two."], ["Three."]]

    def test_wikiextractor(self, read):
        text = (
            '<doc id="1" url="u" title="A">\nA\n\nOne.\nTwo.\n\n</doc>\n'
            '<doc id="2" url="u" title="B">\nB\n</doc>\n'
        )
        assert read(text)[0] == [["A", "One.", "Two."], ["B"]]

    def test_a_brace_alone_is_no_json(self, read):
        assert read('{ said he.\n"quote"\n')[0] == [["{ said he.", '"quote"']]

    def test_gzip_is_detected_by_content(self, read):
        compressed = gzip.compress(b"One.\n\nTwo.\n")
        assert read(compressed)[0] == [["One."], ["Two."]]

    def test_no_text(self, read):
        assert read("", " \n\n")[0] == []


class TestBytes:
    def test_byte_order_mark_and_carriage_returns(self, read):
        assert read(b"\xef\xbb\xbfOne.\r\n\r\nTwo.\r\n")[0] == [["One."], ["Two."]]

    def test_bytes_that_are_not_utf8_are_dropped_and_counted(self, read):
        documents, counts = read(b"caf\xe9 au \xff\xfelait\n\xc3\xa9t\xc3\xa9\n")
        assert documents == [["caf au lait", "été"]]
        assert counts.bad_bytes == 3

    def test_control_characters_are_counted(self, read):
        documents, counts = read(b"a\x00b\x07\tc\n")
        assert documents == [["a\x00b\x07\tc"]]
        assert counts.control_characters == 2

    def test_halves_of_characters_are_dropped_and_counted(self, read, caplog):
        text = '{"text": "One."}\n{"text": "a\\ud800b \\ud83d\\ude00 \\udc00."}\n' * 2
        with caplog.at_level(logging.WARNING):
            documents, counts = read(text)
        assert documents == [["One."], ["ab 😀 ."]] * 2
        assert (counts.bad_characters, counts.bad_bytes) == (4, 0)
        assert [
            record.getMessage().partition("0.txt")[2] for record in caplog.records
        ] == [
            ", line 2: half of an escaped character is dropped, and counted from here on."
        ]

    def test_the_first_bad_byte_is_placed(self, read, caplog):
        with caplog.at_level(logging.WARNING):
            read(b"a\n\nb\xff\n\xff\n")
        assert [
            record.getMessage().partition("0.txt")[2] for record in caplog.records
        ] == [", line 3: what is not UTF-8 is dropped, and counted from here on."]

    def test_progress_is_the_whole_file(self, tmp_path):
        sizes = []
        for name, data in (
            ("a", b"One.\nTwo.\n" * 5000),
            ("b", gzip.compress(b"One.\nTwo.\n" * 5000)),
        ):
            path = tmp_path / name
            path.write_bytes(data)
            for _ in read_corpus([path], progress=sizes.append):
                pass
            assert sum(sizes) == len(data)
            sizes.clear()


class TestLongDocuments:
    def test_split_at_lines(self, read):
        documents, counts = read("aaaa\nbbbb\ncc\n\ndddd", max_document_characters=8)
        assert documents == [["aaaa", "bbbb"], ["cc"], ["dddd"]]
        assert counts.split_documents == 1

    @pytest.mark.parametrize("form", ["plain", "json"])
    def test_split_at_blanks_within_a_line(self, read, form):
        words = [str(number) for number in range(1000)]
        text = " ".join(words)
        text = json.dumps({"text": text}) if form == "json" else text
        documents, counts = read(
            text + "\nend" * (form == "plain"), max_document_characters=50
        )
        lines = [line for document in documents for line in document]
        assert " ".join(lines).split() == words + ["end"] * (form == "plain")
        assert max(map(len, lines)) <= 50
        assert all(sum(map(len, document)) <= 50 for document in documents)
        assert counts.split_documents == 1

    @pytest.mark.parametrize("text", ["的é😀" * 100, "x" * 500])
    def test_split_without_blanks_keeps_characters_whole(self, read, text):
        documents, counts = read(text, max_document_characters=10)
        assert "".join(line for document in documents for line in document) == text
        assert counts.bad_bytes == 0

    def test_lines_keep_their_numbers(self, read):
        with pytest.raises(ValueError, match=r"0\.txt, line 3: not a JSON object"):
            read(
                '{"text": "' + "a " * 99 + '"}\n{"text": "b"}\nx',
                max_document_characters=9,
            )

    def test_a_json_line_of_any_length_is_refused(self, read, monkeypatch):
        monkeypatch.setattr(documents, "_LONGEST_JSON", 1000)
        with pytest.raises(ValueError, match=r"0\.txt, line 1: .* at most 1,000 bytes"):
            read('{"text": "' + "a " * 600 + '"}', max_document_characters=9)

    @settings(max_examples=200, deadline=None)
    @given(st.text("ab \n\ré的…", max_size=80), st.integers(1, 12))
    def test_no_character_is_lost(self, tmp_path_factory, text, most):
        path = tmp_path_factory.getbasetemp() / "text.txt"
        path.write_bytes(text.encode())
        counts = Found()
        lines = read_corpus([path], max_document_characters=most, found=counts)
        words = "".join(filter(None, lines))
        assert "".join(words.split()) == "".join(text.split())
        assert counts.bad_bytes == 0


class TestBadInput:
    def test_a_name_of_gzip_without_gzip(self, tmp_path):
        for content in (b"One.", b""):
            (tmp_path / "a.gz").write_bytes(content)
            with pytest.raises(
                ValueError, match=r"a\.gz is no gzip file, though its name"
            ):
                list(read_corpus([tmp_path / "a.gz"]))

    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
            with pytest.raises(OSError, match="but must be a file"):
                list(read_corpus([path]))

    def test_gzip_cut_short(self, read):
        with pytest.raises(ValueError, match=r"0\.txt: the gzip file is cut short"):
            read(gzip.compress(b"One.\n" * 1000)[:-12])

    @pytest.mark.parametrize(
        "line",
        [
            "[1]",
            '{"txt": "a"}',
            '{"text": 7}',
            "{",
            "7",
            "[" * 10**5,
            '{"text":' * 10**5,
        ],
    )
    def test_lines_after_json_that_are_not_json(self, read, line):
        with pytest.raises(
            ValueError, match=r"0\.txt, line 2: not a JSON object with a"
        ):
            read('{"text": "One."}\n' + line)

    def test_unknown_value_of_documents(self, read):
        with pytest.raises(
            ValueError, match="must be one of auto, file; received 'line'"
        ):
            read("One.", documents="line")
