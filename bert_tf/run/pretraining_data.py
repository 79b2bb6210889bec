"""Tokenises raw text into the store that pretraining reads."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import pathlib
import resource
import signal
import threading
import time

import numpy as np

from bert_tf.data.corpus.documents import (
    DOCUMENT_END,
    MOST_CHARACTERS,
    Found,
    read_corpus,
)
from bert_tf.data.corpus.files import find_files
from bert_tf.data.corpus.sentences import split_sentences
from bert_tf.data.corpus.store import StoreWriter, piece_type
from bert_tf.ground import at_least, lazy, reading_progress, require, setting
from bert_tf.training import run_folder

tokenization = lazy("bert_tf.tokenization")

_JOB_SIZE = 2**20  # Characters that a process tokenises at once.
_SAMPLE_JOBS = 4  # Jobs from which a plan is made.


@dataclasses.dataclass(frozen=True)
class PretrainingDataConfig:
    """Which text to tokenise, how, and where to write it."""

    input_files: str = setting(
        "",
        "Globs with commas between: text, JSONL or <doc> files, perhaps .gz.",
    )
    vocab_file: str = setting("", "Vocabulary, vocab.txt.")
    output_dir: str = setting("", "Folder to write, the store.")
    do_lower_case: bool = setting(
        True,
        "Uncased, as in the vocabulary: lower case and no accents.",
    )
    documents: str = setting(
        "auto", "Where documents of plain text end: auto (at blank lines) or file."
    )
    max_document_characters: int = setting(
        MOST_CHARACTERS,
        "Longest document in characters: longer ones become several. Memory depends on it.",
    )
    split_sentences: bool = setting(
        True, "Split lines into sentences; otherwise each line is one sentence."
    )
    num_workers: int = setting(0, "Processes that tokenise. 0: one for each processor.")
    plan: bool = setting(
        False, "Write nothing, but estimate time and size from a sample."
    )

    def __post_init__(self):
        require(self, "input_files", "vocab_file", "output_dir")
        at_least(self, "num_workers", 0)
        at_least(self, "max_document_characters", 1000)


def create_pretraining_data(config):
    """Tokenises text into a store.

    Args:
        config: `PretrainingDataConfig`.

    Returns:
        dict with `documents`, `sentences`, `pieces` (tokens), `shards`, `unk_rate`
        (fraction of tokens that are [UNK]), `bytes` on disk and `bytes_per_byte` of
        text; and counts of the input (`files`, `lines`, `split_documents`,
        `bad_bytes`, `bad_characters`, `control_characters`). With `plan`, see `_plan`.

    Raises:
        ValueError, OSError: bad input, or another process writes the store. An
            unfinished store cannot be opened; the same call makes it again.
    """
    files = find_files(config.input_files)
    vocab = tokenization.read_vocab(config.vocab_file)
    if "[MASK]" not in vocab:
        raise ValueError(
            f"{config.vocab_file}: [MASK] is missing, so pretraining cannot hide "
            "tokens. Write it in the place of an unused token."
        )
    if config.plan:
        return _plan(config, files, vocab)
    with run_folder.locked(pathlib.Path(config.output_dir)):
        return _write(config, files, vocab)


def _write(config, files, vocab):
    """Tokenises all files into the store; returns what `create_pretraining_data` says."""
    options = {"do_lower_case": config.do_lower_case}
    writer = StoreWriter(config.output_dir, vocab, options)
    read, unknown = Found(), 0
    with reading_progress(files, "tokenising") as bar:
        lines = _read(config, files, found=read, progress=bar.update)
        jobs = _jobs(lines, config.split_sentences)
        with _pool(config, vocab) as run:
            for pieces, lengths, documents, job_unknown in run(jobs):
                writer.add(pieces, lengths, documents)
                unknown += job_unknown
    manifest = writer.close(dataclasses.asdict(read))
    on_disk = sum(sum(shard["bytes"].values()) for shard in manifest["shards"])
    return {
        **{part: manifest[part] for part in ("documents", "sentences", "pieces")},
        "shards": len(manifest["shards"]),
        "unk_rate": unknown / manifest["pieces"],
        "bytes": on_disk,
        "bytes_per_byte": on_disk / bar.total,
        **{k: v for k, v in dataclasses.asdict(read).items() if k != "documents"},
    }


def _plan(config, files, vocab):
    """Tokenises a sample, the first few megabytes, in this process.

    Returns:
        dict with estimates for the whole text: `pieces` (tokens), `bytes` on disk,
        `seconds` with so many `workers`, and `memory` in bytes of each process; and
        `sample`, the size of the sample in bytes.
    """
    _start_worker(vocab, config.do_lower_case)
    _tokenize([["Warm up."]])
    sizes, start, pieces, sentences = [], time.perf_counter(), 0, 0
    lines = _read(config, files, progress=sizes.append)
    jobs = _jobs(lines, config.split_sentences)
    for ids, lengths, _, _ in map(_tokenize, itertools.islice(jobs, _SAMPLE_JOBS)):
        pieces += len(ids)
        sentences += len(lengths)
    seconds = time.perf_counter() - start
    if not pieces:
        raise ValueError("the text holds no sentence; check input_files.")
    scale = sum(map(os.path.getsize, files)) / sum(sizes)
    workers = config.num_workers or os.cpu_count()
    width = piece_type(len(vocab))(0).nbytes
    return {
        "sample": sum(sizes),
        "pieces": round(scale * pieces),
        "bytes": round(scale * (width * pieces + 4 * sentences)),
        "workers": workers,
        "seconds": scale * seconds / workers,
        "memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,  # In KiB.
    }


def _read(config, files, **options):
    return read_corpus(
        files,
        documents=config.documents,
        max_document_characters=config.max_document_characters,
        **options,
    )


def _jobs(lines, split):
    """Yields jobs of about equal size: lists of documents, each a list of sentences."""
    job, document, size = [], [], 0
    for line in lines:
        if line is not DOCUMENT_END:
            document.extend(split_sentences(line) if split else [line])
            size += len(line)
            continue
        job.append(document)
        document = []
        if size >= _JOB_SIZE:
            yield job
            job, size = [], 0
    if job:
        yield job


@contextlib.contextmanager
def _pool(config, vocab):
    """Yields function(jobs) -> results in order, computed by several processes."""
    workers = config.num_workers or os.cpu_count()
    arguments = (vocab, config.do_lower_case)
    if workers == 1:
        _start_worker(*arguments)
        yield lambda jobs: map(_tokenize, jobs)
        return
    # A forked process would not have TensorFlow's threads.
    spawn = multiprocessing.get_context("spawn")
    with _starting_processes():
        pool = spawn.Pool(workers, _start_worker, arguments)
    with pool:
        yield functools.partial(_run_ahead, pool, 2 * workers)


@contextlib.contextmanager
def _starting_processes():
    """Lets new processes ignore Ctrl-C, and import nothing of the working folder.

    The process that started them ends them.
    """
    before = os.environ.get("PYTHONSAFEPATH", "")
    os.environ["PYTHONSAFEPATH"] = "1"
    handler = None
    if threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if handler:
            signal.signal(signal.SIGINT, handler)
        os.environ["PYTHONSAFEPATH"] = before  # Empty: off.


def _run_ahead(pool, most, jobs):
    """Yields the results of jobs in order, while at most so many jobs wait."""
    # `Pool.imap` would read all jobs at once, and with them the whole text.
    waiting = collections.deque()
    for job in jobs:
        waiting.append(pool.apply_async(_tokenize, (job,)))
        if len(waiting) > most:
            yield waiting.popleft().get()
    while waiting:
        yield waiting.popleft().get()


_worker = {}


def _start_worker(vocab, lower_case):
    _worker["tokenizer"] = tokenization.BertTokenizer(vocab, lower_case=lower_case)


def _tokenize(job):
    """Returns tokens, lengths of sentences, lengths of documents, unknown tokens."""
    tokenizer = _worker["tokenizer"]
    ids = tokenizer.tokenize(list(itertools.chain.from_iterable(job)))
    lengths, pieces = np.asarray(ids.row_lengths()), np.asarray(ids.values)
    documents, begin = [], 0
    for document in job:
        # A sentence of control characters alone has no tokens and is dropped.
        sentences = int((lengths[begin : begin + len(document)] > 0).sum())
        begin += len(document)
        if sentences:
            documents.append(sentences)
    unknown = int((pieces == tokenizer.unk_id).sum())
    return pieces, lengths[lengths > 0], documents, unknown
