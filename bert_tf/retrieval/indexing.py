"""Makes an index: the texts of a file, and a vector of each, in a folder to search."""

import dataclasses
import hashlib
import logging
import os
import pathlib
import shutil
import time

import numpy as np

from bert_tf.data.records.options import FileOptions
from bert_tf.disk import check_file
from bert_tf.docstrings import list_settings
from bert_tf.ground import count, one_of, progress, replacing, require, setting
from bert_tf.json_files import json_value, read_json
from bert_tf.retrieval import folder as folders
from bert_tf.retrieval.embedding import choose_document_prompt, embed, identify
from bert_tf.retrieval.texts import Texts, join, read_texts, write_texts
from bert_tf.retrieval.vectors import DTYPES, quantize
from bert_tf.run.needs import ModelConfig
from bert_tf.training import run_folder

CHUNK = 1024  # Texts whose vectors are written at once; at most so many are lost.

_log = logging.getLogger(__name__)


@list_settings
@dataclasses.dataclass(frozen=True, init=False)
class IndexConfig(ModelConfig, FileOptions):
    """Which model makes vectors of which texts, and where they are written.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.IndexConfig(
        ...     model="bert", corpus_file="train.csv", output_dir="index"
        ... )
        >>> config.vectors
        'float32'
    """

    corpus_file: str = setting(
        "",
        "Texts: .txt, one a line, or JSON lines of text, title and _id, which are "
        "streamed; TSV, CSV, Excel or Parquet.",
        section="index",
    )
    text_column: str = setting(
        "", "Column of the texts, by name or number from 0. Empty: detect it."
    )
    output_dir: str = setting("", "Folder to write, the index.")
    vectors: str = setting(
        "float32", "Type of the numbers on disk: float32, float16 or int8."
    )

    def __post_init__(self):
        super().__post_init__()
        self.check_files()
        require(self, "corpus_file", "output_dir")
        one_of("vectors", self.vectors, DTYPES)
        if self.quantize:
            raise ValueError(
                f"quantize={self.quantize} is for predictions; to store vectors of eight "
                "bits pass --vectors=int8, to compute with them index by an export."
            )


def index(config):
    """Makes an index; the same call continues an interrupted one, or describes a whole one.

    Args:
        config: `IndexConfig`.

    Returns:
        dict with `texts`, their number, `width`, the numbers of a vector, their `dtype`,
        `bytes` on disk, and `model`, what the vectors depend on.

    Raises:
        ValueError, OSError: bad input; the folder holds an index of another corpus, model
            or setting, or something else; another process writes it.

    Example:
        >>> import bert_tf
        >>> config = bert_tf.IndexConfig(
        ...     model="bert", corpus_file="train.csv", output_dir="index"
        ... )
        >>> bert_tf.index(config)["texts"]
        16
    """
    check_file(config.corpus_file)
    folder = pathlib.Path(config.output_dir)
    with run_folder.locked(folder):
        plan = _describe(config)
        if (folder / folders.FACTS).is_file():
            facts = folders.read_facts(folder)
            folders.check_same(facts, plan, folder)
            _clear(folder)
            _log.info("%s is whole; nothing is left to do.", folder)
        else:
            facts = _make(config, folder, plan)
    return {
        "texts": facts["count"],
        "width": facts["width"],
        "dtype": facts["dtype"],
        "bytes": sum(facts["bytes"].values()),
        "model": facts["model"],
    }


def _describe(config):
    """Returns what an index is made of, as far as it is known without its model."""
    own = [field.name for field in dataclasses.fields(config)]
    settings = {name: getattr(config, name) for name in own}
    # They change no vector, or only where it is.
    for name in ("options", "output_dir", "per_device_eval_batch_size"):
        settings.pop(name)
    for name in ("model", "corpus_file"):
        if os.path.exists(settings[name]):  # Else the name of a published model.
            settings[name] = os.path.abspath(settings[name])
    with open(config.corpus_file, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "version": folders.VERSION,
        "settings": settings | {"options": dict(sorted(config.options.items()))},
        "corpus_sha256": digest,
    }


def _make(config, folder, plan):
    """Makes or completes the files of an index; returns its facts."""
    file = folder / folders.PLAN
    stored = read_json(file) if file.is_file() else None
    others = [path.name for path in folder.glob("[!.]*")]
    if stored is None and others:
        raise ValueError(
            f"output_dir {folder} holds {min(others)}, but no index; choose a new folder."
        )
    model = config.load_model("similarity")
    prompt_name = choose_document_prompt(
        model.task, config.options.get("prompt_name", "")
    )
    plan["model"] = identify(model, config.model, prompt_name)
    if stored is None:
        stored = plan | {"chunk": CHUNK}
        folders.write_json(file, stored)
    folders.check_same(stored, plan, folder)
    if "count" not in stored:
        stored["count"] = _write_texts(config, folder)
        folders.write_json(file, stored)
    number = json_value(stored, "count", int, file)
    chunk = json_value(stored, "chunk", int, folder / folders.PLAN)
    _embed_all(model, prompt_name, folder, number, chunk)
    width = _join_chunks(folder, number, chunk, config.vectors)
    sizes = {
        name: (folder / name).stat().st_size
        for name in folders.files_of(config.vectors)
    }
    facts = {name: x for name, x in stored.items() if name != "chunk"}
    facts |= {"width": width, "dtype": config.vectors, "bytes": sizes}
    folders.write_json(folder / folders.FACTS, facts)
    _clear(folder)
    return facts


def _write_texts(config, folder):
    """Writes the texts, and returns their number; a wrong file leaves nothing behind."""
    try:
        number = write_texts(folder, read_texts(config.corpus_file, config))
    except ValueError:
        _clear(folder)
        raise
    _log.info("%s: %s.", config.corpus_file, count(number, "text"))
    return number


def _embed_all(model, prompt_name, folder, number, chunk):
    """Writes the chunks of vectors that are not there yet."""
    (folder / folders.CHUNKS).mkdir(exist_ok=True)
    begins = range(0, number, chunk)
    missing = [begin for begin in begins if not _chunk(folder, begin).is_file()]
    if len(missing) < len(begins):
        done = len(begins) - len(missing)
        _log.info("%d of %s were made before.", done, count(len(begins), "chunk"))
    texts, begun = Texts(folder), time.perf_counter()
    done = 0
    with progress(description="indexing", total=number, unit="text") as bar:
        bar.update(number - sum(min(chunk, number - begin) for begin in missing))
        for begin in missing:
            own = range(begin, min(begin + chunk, number))
            vectors = embed(model, [join(texts[n]) for n in own], prompt_name)
            with replacing(_chunk(folder, begin)) as beside, beside.open("wb") as file:
                np.save(file, vectors, allow_pickle=False)
            bar.update(len(own))
            done += len(own)
    seconds = time.perf_counter() - begun
    _log.info(
        "%s in %.1f s, %.0f a second.", count(done, "vector"), seconds, done / seconds
    )


def _chunk(folder, begin):
    return folder / folders.CHUNKS / f"{begin:012}.npy"


def _join_chunks(folder, number, chunk, dtype):
    """Writes all vectors, and their scales, from the chunks; returns their width."""
    width = np.load(_chunk(folder, 0), allow_pickle=False).shape[1]
    scales = np.zeros(number, np.float32)
    header = {"descr": np.dtype(dtype).str, "fortran_order": False}
    header["shape"] = (number, width)
    with replacing(folder / folders.VECTORS) as beside, beside.open("wb") as joined:
        np.lib.format.write_array_header_1_0(joined, header)
        for begin in range(0, number, chunk):
            file = _chunk(folder, begin)
            own = np.load(file, allow_pickle=False)
            if own.shape != (min(chunk, number - begin), width):
                raise ValueError(
                    f"{file} holds {list(own.shape)} numbers, which do not fit the other "
                    "chunks; delete it, and run the same command again."
                )
            own, own_scales = quantize(own, dtype)
            if own_scales is not None:
                scales[begin : begin + len(own)] = own_scales
            joined.write(own.tobytes())
    if dtype == "int8":
        with replacing(folder / folders.SCALES) as beside, beside.open("wb") as file:
            np.save(file, scales, allow_pickle=False)
    return width


def _clear(folder):
    """Removes what only an unfinished index needs."""
    (folder / folders.PLAN).unlink(missing_ok=True)
    shutil.rmtree(folder / folders.CHUNKS, ignore_errors=True)
