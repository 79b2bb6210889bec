"""How files are read: settings that the configurations of all verbs share."""

import dataclasses

from bert_tf.data.records.delimiters import read_delimiter
from bert_tf.data.records.faults import BAD_ROWS
from bert_tf.data.records.files import find_codec
from bert_tf.ground import one_of, setting


@dataclasses.dataclass(frozen=True)
class FileOptions:
    """How to read a file of records; a base of configurations that read files."""

    delimiter: str = setting(
        "",
        "comma, semicolon, tab, pipe, or a character. Empty: detect it.",
        section="files",
    )
    encoding: str = setting(
        "",
        "utf-8, cp1252, gb18030, utf-16 … Empty: by its mark, else utf-8.",
    )
    sheet: str = setting(
        "", "Sheet of an Excel file. Empty: the first that is not empty."
    )
    bad_rows: str = setting(
        "error",
        "Unreadable rows: error (list them and stop), or skip (count them).",
    )

    def check_files(self):
        """Raises ValueError for a setting that no file can have."""
        one_of("bad_rows", self.bad_rows, BAD_ROWS)
        read_delimiter(self.delimiter)
        if self.encoding:
            find_codec(self.encoding)


@dataclasses.dataclass(frozen=True)
class TextFileOptions(FileOptions):
    """How to read a file of texts, and which columns hold them."""

    text_column: str = setting(
        "",
        "Text column: name or position from 0. Empty: as trained or detected.",
    )
    text_pair_column: str = setting("", "Column of the second text of a pair.")


@dataclasses.dataclass(frozen=True)
class TableOptions(TextFileOptions):
    """How to read a file of texts and labels, and which columns hold them."""

    label_column: str = setting(
        "",
        "Column of the label or target; for multi_label a,b,c, of 0 and 1.",
    )


def reader_arguments(config):
    """Returns the arguments of a reader, such as `read_table`, that a config sets."""
    names = [field.name for field in dataclasses.fields(TableOptions)]
    values = {name: getattr(config, name, "") for name in names}
    return {name: value for name, value in values.items() if value}
