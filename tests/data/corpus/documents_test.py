"""Raw text of every form becomes lines and ends of documents."""

import gzip
import json

import pytest

from bert_tf.data.corpus.documents import DOCUMENT_END, Found, find_files, read_corpus


@pytest.fixture
def read(tmp_path):
    """Writes and reads files, and returns [[lines of a document], …] and the counts."""

    def read(*contents, documents="auto"):
        paths = []
        for number, content in enumerate(contents):
            paths.append(tmp_path / f"{number}.txt")
            data = content if isinstance(content, bytes) else content.encode()
            paths[-1].write_bytes(data)
        counts, result, document = Found(), [], []
        for line in read_corpus(paths, documents=documents, found=counts):
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


class TestBadInput:
    def test_gzip_cut_short(self, read):
        with pytest.raises(ValueError, match=r"0\.txt: the gzip file is cut short"):
            read(gzip.compress(b"One.\n" * 1000)[:-12])

    @pytest.mark.parametrize("line", ["[1]", '{"txt": "a"}', '{"text": 7}', "{", "7"])
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


class TestFindFiles:
    def test_files_are_sorted_and_unique(self, tmp_path):
        for name in ("b.txt", "a.txt", "sub/c.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x")
        files = find_files(f"{tmp_path}/*.txt, {tmp_path}/**/c.txt,{tmp_path}/a.txt")
        assert files == [
            f"{tmp_path}/{name}" for name in ("a.txt", "b.txt", "sub/c.txt")
        ]

    def test_a_glob_that_matches_nothing_is_named(self, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        with pytest.raises(FileNotFoundError, match=r"b\*: no such file"):
            find_files(f"{tmp_path}/a*,{tmp_path}/b*")
