"""From raw text to a store of tokenised sentences, which pretraining reads."""

import collections
import contextlib
import dataclasses
import functools
import itertools
import multiprocessing
import os
import resource
import time

from bert_tf.data.corpus.documents import DOCUMENT_END, Found, find_files, read_corpus
from bert_tf.data.corpus.sentences import split_sentences
from bert_tf.data.corpus.store import StoreWriter, piece_type
from bert_tf.ground import at_least, reading_progress, require
from bert_tf.tokenization import BertTokenizer, read_vocab

_JOB = 2**20  # Characters that a process is given at once.
_SAMPLE = 4  # Jobs that a plan is made from.


@dataclasses.dataclass(frozen=True)
class PretrainingDataConfig:
    """Which text to tokenise, how, and where to put it."""

    input_files: str = ""  # Globs, a comma between them: text, JSONL, <doc>; or .gz.
    vocab_file: str = ""  # vocab.txt.
    output_dir: str = ""  # Folder to write.
    do_lower_case: bool = True  # As the vocabulary was made: no capitals, no accents.
    documents: str = "auto"  # A document ends at a blank line, or with the "file" only.
    split_sentences: bool = True  # Off: each line is one sentence.
    num_workers: int = 0  # Processes that tokenise; 0: one a processor.
    plan: bool = False  # Write nothing; say from a sample what it would take.

    def __post_init__(self):
        require(self, "input_files", "vocab_file", "output_dir")
        at_least(self, "num_workers", 0)


def create_pretraining_data(config):
    """Tokenises text into a store.

    Args:
        config: `PretrainingDataConfig`.

    Returns:
        dict with `documents`, `sentences`, `pieces`, `shards`, `unk_rate` (share of
        pieces that are [UNK]), `bytes` on disk and `bytes_per_byte` of text; and what
        was read (`files`, `lines`, `bad_bytes`, `control_characters`). With `plan`,
        see `_plan`.

    Raises:
        ValueError, FileNotFoundError: bad input. A store that is not finished is never
            taken for one, and the same call makes it anew.
    """
    files = find_files(config.input_files)
    vocab = read_vocab(config.vocab_file)
    if "[MASK]" not in vocab:
        raise ValueError(
            f"{config.vocab_file}: [MASK] is missing, so nothing can be hidden in "
            "pretraining. Write it in the place of an unused piece."
        )
    if config.plan:
        return _plan(config, files, vocab)
    options = {"do_lower_case": config.do_lower_case}
    writer = StoreWriter(config.output_dir, vocab, options)
    found, unknown = Found(), 0
    with reading_progress(files, "tokenising") as bar:
        lines = read_corpus(
            files, documents=config.documents, found=found, progress=bar.update
        )
        jobs = _jobs(lines, config.split_sentences)
        with _pool(config, vocab) as run:
            for pieces, lengths, documents, unknown_here in run(jobs):
                writer.add(pieces, lengths, documents)
                unknown += unknown_here
    manifest = writer.close(dataclasses.asdict(found))
    on_disk = sum(sum(shard["bytes"].values()) for shard in manifest["shards"])
    return {
        **{part: manifest[part] for part in ("documents", "sentences", "pieces")},
        "shards": len(manifest["shards"]),
        "unk_rate": unknown / manifest["pieces"],
        "bytes": on_disk,
        "bytes_per_byte": on_disk / bar.total,
        **{k: v for k, v in dataclasses.asdict(found).items() if k != "documents"},
    }


def _plan(config, files, vocab):
    """Tokenises a sample, the first few megabytes, in this process.

    Returns:
        dict with what all of the text would take if it were like the sample: `pieces`,
        `bytes` on disk, `seconds` with so many `workers`, and `memory` in bytes of each
        process; and `sample`, the bytes it was told from.
    """
    _start_worker(vocab, config.do_lower_case)
    _tokenize([["Warm up."]])
    sizes, begun, pieces, sentences = [], time.perf_counter(), 0, 0
    lines = read_corpus(files, documents=config.documents, progress=sizes.append)
    jobs = _jobs(lines, config.split_sentences)
    for ids, lengths, _, _ in map(_tokenize, itertools.islice(jobs, _SAMPLE)):
        pieces += len(ids)
        sentences += len(lengths)
    seconds = time.perf_counter() - begun
    if not pieces:
        raise ValueError("the text holds no sentence; is it the right one?")
    share = sum(map(os.path.getsize, files)) / sum(sizes)
    workers = config.num_workers or os.cpu_count()
    width = piece_type(len(vocab))(0).nbytes
    return {
        "sample": sum(sizes),
        "pieces": round(share * pieces),
        "bytes": round(share * (width * pieces + 4 * sentences)),
        "workers": workers,
        "seconds": share * seconds / workers,
        "memory": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,  # In KiB.
    }


def _jobs(lines, split):
    """Gathers documents, lists of sentences, into jobs of about equal size."""
    job, document, size = [], [], 0
    for line in lines:
        if line is not DOCUMENT_END:
            document.extend(split_sentences(line) if split else [line])
            size += len(line)
            continue
        job.append(document)
        document = []
        if size >= _JOB:
            yield job
            job, size = [], 0
    if job:
        yield job


@contextlib.contextmanager
def _pool(config, vocab):
    """Gives function(jobs) -> results in order, computed by processes, few ahead."""
    workers = config.num_workers or os.cpu_count()
    arguments = (vocab, config.do_lower_case)
    if workers == 1:
        _start_worker(*arguments)
        yield lambda jobs: map(_tokenize, jobs)
        return
    # Not forked: TensorFlow's threads would not come along.
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(workers, _start_worker, arguments) as pool:
        yield functools.partial(_run_ahead, pool, 2 * workers)


def _run_ahead(pool, most, jobs):
    """`Pool.imap` would take in all jobs at once, and with them all of the text."""
    ahead = collections.deque()
    for job in jobs:
        ahead.append(pool.apply_async(_tokenize, (job,)))
        if len(ahead) > most:
            yield ahead.popleft().get()
    while ahead:
        yield ahead.popleft().get()


_worker = {}


def _start_worker(vocab, lower_case):
    _worker["tokenizer"] = BertTokenizer(vocab, lower_case=lower_case)


def _tokenize(job):
    """Returns pieces, lengths of sentences, lengths of documents, unknown pieces."""
    tokenizer = _worker["tokenizer"]
    ids = tokenizer.tokenize(list(itertools.chain.from_iterable(job)))
    lengths = ids.row_lengths().numpy()
    pieces = ids.values.numpy()
    documents, place = [], 0
    for document in job:
        # Sentences without a piece, of control characters say, are none.
        whole = int((lengths[place : place + len(document)] > 0).sum())
        place += len(document)
        if whole:
            documents.append(whole)
    unknown = int((pieces == tokenizer.unk_id).sum())
    return pieces, lengths[lengths > 0], documents, unknown
