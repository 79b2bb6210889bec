"""The counted words of an index, kept beside its vectors so that a search need not count.

words/ holds what bm25s saves, arrays and JSON, and counted.json: of which texts they are.
"""

import logging
import pathlib
import shutil

from bert_tf.ground import replacing_folder
from bert_tf.json_files import read_json
from bert_tf.retrieval.folder import write_json
from bert_tf.retrieval.words import WORD, Words

FOLDER, FACTS = "words", "counted.json"

_log = logging.getLogger(__name__)


def open_words(index, facts, texts):
    """Returns the `Words` of an index: those that it keeps, or else counted, and kept.

    Words of another corpus, of another version of bm25s, or that are damaged are counted
    anew.

    Args:
        index: path of the folder of the index.
        facts: of `read_facts`.
        texts: iterable of strings, which is read only if the words must be counted.
    """
    path = pathlib.Path(index, FOLDER)
    identity = {
        "corpus_sha256": facts["corpus_sha256"],
        "settings": facts["settings"],
        "count": facts["count"],
        "word": WORD,
        "bm25s": Words.version(),
    }
    if words := _open(path, identity):
        return words
    words = Words(texts)
    if not words.is_empty:  # The package cannot save what has no words.
        _keep(path, identity, words)
    return words


def _open(path, identity):
    """Returns the `Words` of a folder; None if there are none of these texts."""
    try:
        stored = read_json(path / FACTS)
        if stored == identity | {"bytes": _sizes(path)}:
            return Words.load(path)
    except (OSError, ValueError, KeyError):
        pass
    return None


def _keep(path, identity, words):
    """Writes `Words`; a folder that cannot be written only costs the next search time."""
    try:
        shutil.rmtree(path, ignore_errors=True)
        with replacing_folder(path) as beside:
            words.save(beside)
            write_json(beside / FACTS, identity | {"bytes": _sizes(beside)})
    except OSError as error:
        _log.warning("the counted words are not kept for the next search: %s", error)


def _sizes(path):
    return {x.name: x.stat().st_size for x in path.iterdir() if x.name != FACTS}
