"""What is made of an index once, and kept in its folder for the next search.

A kept folder holds files of a package and kept.json: of which index they are, and how long.
"""

import logging
import pathlib
import shutil

from bert_tf.ground import replacing_folder
from bert_tf.json_files import read_json
from bert_tf.retrieval.folder import write_json

FACTS = "kept.json"

_log = logging.getLogger(__name__)


def open_kept(path, identity, load):
    """Returns load(path) of a folder that was kept as the same and is whole; else None."""
    path = pathlib.Path(path)
    try:
        if read_json(path / FACTS) == identity | {"bytes": _sizes(path)}:
            return load(path)
    except (OSError, ValueError, KeyError, RuntimeError):  # Anything may be damaged.
        pass
    return None


def keep(path, identity, save):
    """Fills a folder by save(path); where nothing can be written it logs a warning.

    Args:
        identity: dict, plain JSON, that the next `open_kept` must give, too.
    """
    path = pathlib.Path(path)
    try:
        shutil.rmtree(path, ignore_errors=True)
        with replacing_folder(path) as beside:
            beside.mkdir()
            save(beside)
            write_json(beside / FACTS, identity | {"bytes": _sizes(beside)})
    except OSError as error:
        _log.warning("%s is not kept for the next search: %s", path, error)


def _sizes(path):
    return {x.name: x.stat().st_size for x in path.iterdir() if x.name != FACTS}
