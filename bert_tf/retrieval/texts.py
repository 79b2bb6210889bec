"""The texts to search: read from a file one after the other, and kept for random access.

A text is a dict with `id`, `line` of the file, perhaps `title`, and `text`.
"""

import json
import pathlib

import numpy as np

from bert_tf.data.records.files import decode
from bert_tf.data.records.options import reader_arguments
from bert_tf.data.records.readers import read_table
from bert_tf.disk import check_file
from bert_tf.ground import quote, quote_all, replacing
from bert_tf.json_files import json_value, parse_json

TEXTS, OFFSETS = "texts.jsonl", "offsets.npy"
_IDS = ("_id", "id")  # BEIR's name comes first.


def read_texts(path, config):
    """Yields the texts of a file.

    Lines of a .txt file and JSON lines with `text`, and perhaps `title` and `_id` or `id`,
    are streamed; blank lines are left out. Other files, and files for which `config` says
    how to read them, are tables and are read whole. Where there is no id, it is the line.

    Args:
        path: the file.
        config: has the fields of `FileOptions`, and perhaps `text_column`.

    Raises:
        OSError, ValueError: the file is missing, empty, or damaged; two texts have the
            same id.
    """
    form = _detect_form(check_file(path), config)
    ids = set()
    for text in form(path, config):
        if text["id"] in ids:
            raise ValueError(
                f"{path}, line {text['line']}: the id {quote(text['id'])} occurs twice; "
                "give each text its own."
            )
        ids.add(text["id"])
        yield text
    if not ids:
        raise ValueError(f"{path}: no texts. Give a file with a text on each line.")


def join(text):
    """Returns what is searched of a text: its title, if it has one, and the text."""
    return f"{text.get('title', '')} {text['text']}".strip()


def write_texts(folder, texts):
    """Writes texts as JSON lines, and the byte at which each begins; returns their number.

    Args:
        folder: `pathlib.Path` of the index.
        texts: iterable of dicts.
    """
    offsets = [0]
    with replacing(folder / TEXTS) as beside, beside.open("wb") as file:
        for text in texts:
            line = json.dumps(text, ensure_ascii=False).encode() + b"\n"
            offsets.append(offsets[-1] + file.write(line))
    with replacing(folder / OFFSETS) as beside, beside.open("wb") as file:
        np.save(file, np.array(offsets, np.int64), allow_pickle=False)
    return len(offsets) - 1


class Texts:
    """The texts of an index, read from disk when they are needed.

    Args:
        folder: `pathlib.Path` of the index.
    """

    def __init__(self, folder):
        self._path = folder / TEXTS
        self._offsets = np.load(folder / OFFSETS, mmap_mode="r", allow_pickle=False)

    def __len__(self):
        return len(self._offsets) - 1

    def __getitem__(self, place):
        begin, end = self._offsets[place : place + 2].tolist()
        with self._path.open("rb") as file:
            file.seek(begin)
            return parse_json(file.read(end - begin), f"{self._path}, line {place + 1}")

    def __iter__(self):
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield parse_json(line, f"{self._path}, line {number}")


def _detect_form(path, config):
    """Returns the function that reads a file."""
    if reader_arguments(config).keys() - {"bad_rows"} or config.bad_rows != "error":
        return _read_table
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    if first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return _read_objects
    return _read_lines if path.suffix.lower() == ".txt" else _read_table


def _lines(path):
    """Yields the number of each line that is not blank, and the line."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if line.strip():
                yield number, line


def _read_lines(path, config):
    for number, line in _lines(path):
        text = decode(line, path, number).strip("\r\n")
        yield {"id": str(number), "line": number, "text": text}


def _read_objects(path, config):
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        fields = parse_json(line, where)
        if "text" not in fields:
            raise ValueError(
                f"{where}: there is no 'text'; the object has {quote_all(fields)}. "
                "Name the field by text_column."
            )
        key = next((key for key in _IDS if key in fields), "id")
        if type(fields.get(key)) is int:
            fields[key] = str(fields[key])
        text = {"id": json_value(fields, key, str, where, str(number)), "line": number}
        if title := json_value(fields, "title", str, where, ""):
            text["title"] = title
        yield text | {"text": json_value(fields, "text", str, where)}


def _read_table(path, config):
    table = read_table(
        pathlib.Path(path), with_labels=False, **reader_arguments(config)
    )
    if "text_pair" in table.records[0]:
        raise ValueError(
            f"{path}: the file has pairs of texts; choose the text to search by "
            "--text_column."
        )
    for record, line in zip(table.records, table.lines):
        yield {"id": str(line), "line": line, "text": record["text"]}
