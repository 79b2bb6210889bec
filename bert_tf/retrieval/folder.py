"""The folder of an index: what is in it, what it was made of, and whether it is whole.

index.json    the facts below; written last, so that it says that all is there
texts.jsonl   the texts, and offsets.npy, the byte at which each begins
vectors.npy   a vector of each text, and, for int8, scales.npy, the scale of each
words/        the counted words, from the first search by words on; see `counted`
graph/        the graph of the vectors, from the first approximate search on; see `graph`
plan.json     while it is being made: the facts that are known, with chunks/ of vectors
"""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf.ground import one_of, quote, write_text
from bert_tf.json_files import json_value, read_json
from bert_tf.retrieval.texts import OFFSETS, TEXTS, Texts
from bert_tf.retrieval.vectors import DTYPES

FACTS, PLAN, CHUNKS = "index.json", "plan.json", "chunks"
VECTORS, SCALES = "vectors.npy", "scales.npy"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class Collection:
    """What is searched.

    Args:
        texts: sequence of dicts with `text`, and perhaps `title`.
        vectors: [N, D]; None if the search is by words alone.
        scales: float32 [N] of int8, else None.
    """

    texts: object
    vectors: object = None
    scales: object = None


def read_facts(path):
    """Returns the facts of a finished index, index.json.

    Raises:
        FileNotFoundError, ValueError: there is no index, it is unfinished or damaged.
    """
    folder = pathlib.Path(path)
    file = folder / FACTS
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no index {folder}; make it by bert-tf index --output_dir={folder}."
        )
    if not file.is_file() and (folder / PLAN).is_file():
        raise ValueError(
            f"the index {folder} is unfinished; run the command that began it again."
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} holds no {FACTS}, so it is no index; make one by bert-tf index."
        )
    facts = read_json(file)
    version = json_value(facts, "version", int, file)
    if version != VERSION:
        raise ValueError(
            f"{file}: version {version} is not {VERSION}, which this bert_tf reads; "
            "make the index again."
        )
    for name, kind in (
        *(("settings", dict), ("model", dict), ("bytes", dict)),
        *(("corpus_sha256", str), ("count", int), ("width", int), ("dtype", str)),
    ):
        json_value(facts, name, kind, file)
    one_of(f"{file}: dtype", facts["dtype"], DTYPES)
    json_value(facts["settings"], "model", str, f"{file}: settings")
    for name, kind in (("weights", str), ("prompt_name", str), ("dim", int)):
        json_value(facts["model"], name, kind, f"{file}: model")
    return facts


def open_index(path):
    """Returns the facts of an index and its `Collection`, which stays on disk.

    Raises:
        FileNotFoundError, ValueError: see `read_facts`; or a file is missing, cut short, or
            does not fit the facts.
    """
    folder = pathlib.Path(path)
    facts = read_facts(folder)
    count, width, dtype = (facts[name] for name in ("count", "width", "dtype"))
    for name in files_of(dtype):
        size = json_value(facts["bytes"], name, int, f"{folder / FACTS}: bytes")
        _check_size(folder / name, size)
    vectors = _open(folder / VECTORS, (count, width), dtype)
    scales = None
    if dtype == "int8":
        scales = _open(folder / SCALES, (count,), "float32")
    _open(folder / OFFSETS, (count + 1,), "int64")
    return facts, Collection(Texts(folder), vectors, scales)


def files_of(dtype):
    """Returns the names of the files of an index whose vectors have a type."""
    return [TEXTS, OFFSETS, VECTORS] + [SCALES] * (dtype == "int8")


def write_json(path, values):
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def check_same(stored, given, folder):
    """Checks that a command continues, or repeats, the one that made what is in a folder.

    Args:
        stored, given: dicts with `settings`, `corpus_sha256` and, perhaps, `model`.

    Raises:
        ValueError: names the first difference.
    """
    advice = f"Choose another output_dir, or delete {folder}."
    for name, value in given["settings"].items():
        before = stored["settings"].get(name)
        if before != value:
            raise ValueError(
                f"{folder} holds an index with {name}={before!r:.80}; received "
                f"{value!r:.80}. {advice}"
            )
    if stored["corpus_sha256"] != given["corpus_sha256"]:
        raise ValueError(
            f"{given['settings']['corpus_file']} has changed since the index {folder} "
            f"began. {advice}"
        )
    if "model" in given:
        check_model(stored["model"], given["model"], folder)


def check_model(stored, given, folder):
    """Raises a ValueError if the vectors of an index are those of another model."""
    names = [name for name in given if stored.get(name) != given[name]]
    if names:
        shown = "; ".join(
            f"{name} {str(stored.get(name))[:16]!r} in the index, "
            f"{str(given[name])[:16]!r} here"
            for name in names
        )
        raise ValueError(
            f"the index {folder} was made by another model ({shown}); pass that model, "
            "or make the index again."
        )


def _check_size(path, size):
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make the index again.")
    received = path.stat().st_size
    if received != size:
        raise ValueError(
            f"{path} has {received:,} bytes, but {FACTS} says {size:,}; it is damaged, so "
            "make the index again."
        )


def _open(path, shape, dtype):
    """Returns the memory map of an array."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(f"{path} is no array; make the index again.") from None
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"{path} holds {array.dtype} {list(array.shape)}, but {FACTS} says "
            f"{quote(dtype)} {list(shape)}; make the index again."
        )
    return array
