"""Flags, measurements and output of every engine; uses only the standard library.

An engine runs in its own process and its own environment, takes the flags of `parser`,
logs to stderr and prints one JSON object to stdout. The object has `engine`, `versions`
and `memory_growth_mb`; the flags decide the rest:

    --batches, a file of JSON lines {"texts": [B], "labels": [B]}, one per batch: the
        engine trains on them once, in order. It reports examples_per_second, losses
        (one per step) and lengths (tokens per example with [CLS] and [SEP], without
        padding).
    --examples, a file of batches of masked examples, see `read_examples`: the engine
        pretrains on them once, in order. It reports tokens_per_second (without padding)
        and losses (one per step; the sum of both tasks' means).
    --train_file and --eval_file, tables: the engine trains on the first, shuffled by
        the seed in every epoch, and predicts the second with the last weights. It
        reports outputs (a list per example of --eval_file) and train_seconds.
    --input_file, a table of which the engine ignores the labels: it predicts the table
        several times with a fine-tuned model. It reports labels (names, in order),
        seconds (of each repetition) and start_seconds (from the start of the process to
        the end of the first prediction).
    --input_file and --infer, batch sizes separated by commas: the engine predicts the
        texts in file order, batch by batch, from strings to names of labels, or to
        embeddings. It reports them as labels, and for each batch size texts_per_second,
        and p50_ms and p99_ms of a call.
    --sources, a file of JSON lines, lists of token ids, --infer and --beams, numbers
        separated by commas: the engine generates a text for each source, in order, by
        greedy search (1) or beam search. It reports calls, a list of {beams, batch,
        texts_per_second, tokens_per_second, texts} with the token ids of each text.

    --input_file, texts, one a line, and --vectors, a file to write: the engine embeds all
        texts with its own defaults and stores float32 [N, D]. It reports embedding_rate,
        texts/s, and seconds (of that, of loading the model and of writing).

A table is a file of JSON lines {"text", "text_pair", "label"}; text_pair may be
missing. A label is the id of a class or, with --regression, a number. All engines train
with the same settings: AdamW with betas 0.9 and 0.999 and epsilon 1e-8, weight decay
0.01 except on biases and LayerNorm, gradient clipping at 1.0, linear warm-up and decay
(in pretraining, a constant learning rate).
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import time

MAX_SECONDS = 20  # Timed per batch size, except for the largest.


def parser(description):
    """Returns an argument parser with the flags that all engines have."""
    result = argparse.ArgumentParser(description=description)
    add = result.add_argument
    add("--model", required=True, help="Model folder in Hugging Face's layout.")
    add("--batches", help="JSON lines of texts and labels to train on, in order.")
    add("--examples", help="JSON lines of masked examples to pretrain on, in order.")
    add("--train_file", help="Table to train on, shuffled in every epoch.")
    add("--eval_file", help="Table to predict after training.")
    add("--input_file", help="Table to predict with a fine-tuned model.")
    add("--from_scratch", action="store_true", help="Start from random weights.")
    add("--regression", action="store_true", help="Labels are numbers, not classes.")
    add("--num_train_epochs", type=float, default=3)
    add("--batch_size", type=int, default=32)
    add("--learning_rate", type=float, default=5e-5)
    add("--warmup_ratio", type=float, default=0.1, help="Fraction of all steps.")
    add("--max_seq_length", type=int, default=128, help="Truncates to so many tokens.")
    add("--bf16", action="store_true", help="Compute in bfloat16.")
    add(
        "--gradient_checkpointing",
        action="store_true",
        help="Only bert_tf: save memory.",
    )
    add("--dropout", type=float, help="Dropout rate; default: the model's.")
    add("--seed", type=int, default=1, help="Seed of head, dropout and order.")
    add("--threads", type=int, default=2)
    add("--warmup_steps", type=int, default=5, help="Steps before timing; 1 or more.")
    add("--infer", default="", help="Batch sizes to time, such as 1,32.")
    add("--most", type=int, default=1000, help="Texts of --input_file to use.")
    add("--vectors", help="File to write embeddings to, .npy.")
    add("--sources", help="JSON lines of token ids to generate texts for.")
    add("--beams", default="1", help="Numbers of beams to time, such as 1,4.")
    add("--max_target_length", type=int, default=64, help="Most tokens of a text.")
    add("--length_penalty", type=float, default=1.0, help="Of beam search.")
    add("--repeats", type=int, default=3, help="Timed repetitions.")
    return result


def read_batches(path):
    """Returns the batches of a JSON-lines file: [(texts, label ids), ...]."""
    with open(path, encoding="utf-8") as lines:
        batches = [json.loads(line) for line in lines]
    return [(batch["texts"], batch["labels"]) for batch in batches]


def read_examples(path):
    """Returns the batches of a JSON-lines file of masked examples.

    Shapes: B examples, L tokens in an example (no padding), M masked tokens of them.

    Returns:
        list of dicts: `input_ids` and `segment_ids` [B][L]; `positions` of the masked
        tokens in the example and `masked_ids`, their original ids, [B][M];
        `next_sentence_labels` [B].
    """
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def count_tokens(batch):
    """Returns the number of tokens in a batch of `read_examples`."""
    return sum(map(len, batch["input_ids"]))


def operations_per_token(examples, *, layers, hidden, inner, vocab):
    """Returns the mean number of operations that pretraining on a token needs at least.

    An example of n tokens with m masked ones needs q = m + 1 tokens of the last layer,
    and in the forward pass

        (layers - 1) · (n · (8·H² + 4·H·I) + 4·n²·H)
        + n · 4·H² + q · (4·H² + 4·H·I + 4·n·H)
        + m · (2·H² + 2·H·V) + 2·H²  operations

    (whole layers; keys and values of the last layer, and the rest of it; the masked-token
    head over a vocabulary of V; the pooler). With the backward pass it is three times as
    much.

    Args:
        examples: list of (n, m).
        layers, hidden, inner, vocab: number of layers, H, I and V.
    """
    dense = 8 * hidden**2 + 4 * hidden * inner
    head = 2 * hidden**2 + 2 * hidden * vocab
    forward = tokens = 0
    for count, masked in examples:
        whole = count * dense + 4 * count**2 * hidden
        last = count * 4 * hidden**2
        last += (masked + 1) * (dense - 4 * hidden**2 + 4 * count * hidden)
        forward += (layers - 1) * whole + last + masked * head + 2 * hidden**2
        tokens += count
    return 3 * forward / tokens


def read_table(path):
    """Returns texts, second texts (None for single texts) and labels of a table."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    texts, labels = ([row.get(name) for row in rows] for name in ("text", "label"))
    pairs = [row["text_pair"] for row in rows] if "text_pair" in rows[0] else None
    return texts, pairs, labels


def read_lines(path):
    """Returns the lines of a text file."""
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines]


def report(engine, work, options, packages):
    """Runs work(options) → dict; prints its result with versions and memory growth."""
    memory = Memory()
    result = work(options) | {
        "engine": engine,
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "memory_growth_mb": memory.growth_mb(),
    }
    print(json.dumps(result))


def time_predictions(predict, options):
    """Times predict() → labels.

    Returns:
        dict with `labels`; `seconds` of each repetition; `start_seconds` from the start
        of the process, imports included, to the end of the first call.
    """
    labels, seconds = predict(), []
    start_seconds = time.time() - _process_start()
    for _ in range(options.repeats):
        start = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - start)
    return {"labels": labels, "seconds": seconds, "start_seconds": start_seconds}


def time_inference(call, options):
    """Times call(texts) → labels on the texts of a file, in file order.

    The largest batch size is timed on all texts; the others stop after `MAX_SECONDS`.

    Returns:
        dict with `labels` of all texts, from the largest batch size, and `calls`,
        {batch size: {texts_per_second, p50_ms, p99_ms}}.
    """
    texts = read_table(options.input_file)[0][: options.most]
    sizes, calls = sorted(map(int, options.infer.split(","))), {}
    for size in sizes:
        batches = [texts[n : n + size] for n in range(0, len(texts), size)]
        for batch in batches[:3]:
            call(batch)
        seconds, labels = [], []
        for batch in batches:
            if size < sizes[-1] and sum(seconds) > MAX_SECONDS:
                break
            start = time.perf_counter()
            labels += call(batch)
            seconds.append(time.perf_counter() - start)
        calls[size] = {"texts_per_second": len(labels) / sum(seconds)}
        calls[size] |= percentiles(seconds)
    return {"labels": labels, "calls": calls}


def percentiles(seconds):
    """Returns p50_ms and p99_ms of the seconds of calls."""
    ordered = sorted(seconds)
    return {
        "p50_ms": 1e3 * statistics.median(seconds),
        "p99_ms": 1e3 * ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)],
    }


def time_embedding(embed, begin, options):
    """Times embed() → vectors, and writes them to --vectors.

    Args:
        begin: `time.perf_counter()` before the model was loaded.
    """
    import numpy as np  # Not of the standard library, as the rest of this file.

    start = time.perf_counter()
    vectors = np.asarray(embed(), np.float32)
    rate = len(vectors) / (time.perf_counter() - start)
    np.save(options.vectors, vectors)
    return {"seconds": time.perf_counter() - begin, "embedding_rate": rate}


def time_generation(make, options):
    """Times make(beams) → call; call(sources) → texts, lists of token ids.

    The largest batch size is timed on all sources; the others stop after `MAX_SECONDS`.

    Returns:
        dict with `calls`, see the head of this file.
    """
    with open(options.sources, encoding="utf-8") as lines:
        sources = [json.loads(line) for line in lines]
    sizes, calls = sorted(map(int, options.infer.split(","))), []
    for beams in map(int, options.beams.split(",")):
        call = make(beams)
        for size in sizes:
            batches = [sources[n : n + size] for n in range(0, len(sources), size)]
            for batch in batches[:4]:
                call(batch)
            seconds, texts = 0.0, []
            for batch in batches:
                if size < sizes[-1] and seconds > MAX_SECONDS:
                    break
                start = time.perf_counter()
                texts += call(batch)
                seconds += time.perf_counter() - start
            calls.append(
                {
                    "beams": beams,
                    "batch": size,
                    "texts_per_second": len(texts) / seconds,
                    "tokens_per_second": sum(map(len, texts)) / seconds,
                    "texts": texts,
                }
            )
    return {"calls": calls}


def before_padding(text, padding, end=None):
    """Returns the token ids of a text up to the first one that is padding.

    Args:
        end: id of the token that ends a text, which is kept; texts in a batch of beams may
            be padded with it.
    """
    text = text[: text.index(padding)] if padding in text else text
    return text[: text.index(end) + 1] if end in text else text


class Clock:
    """Measures examples (or tokens) per second after a warm-up.

    The rate is a median over windows of several steps: a median, because another
    process may delay a step; windows, because the time of a single step depends on the
    length of its longest example.
    """

    def __init__(self, warmup_steps, window=5):
        if warmup_steps < 1:
            raise ValueError(
                f"warmup_steps must be at least 1; received {warmup_steps}."
            )
        self.warmup_steps = warmup_steps
        self.window = window
        self.steps = 0
        self.rates = []

    def step_done(self, count):
        """Records the end of an update on `count` examples or tokens."""
        self.steps += 1
        if self.steps <= self.warmup_steps:
            self.start, self.count = time.perf_counter(), 0
            return
        self.count += count
        if (self.steps - self.warmup_steps) % self.window == 0:
            now = time.perf_counter()
            self.rates.append(self.count / (now - self.start))
            self.start, self.count = now, 0

    def rate(self):
        """Returns the median rate, or None if no window is complete."""
        return statistics.median(self.rates) if self.rates else None


class Memory:
    """Measures how far resident memory grows after construction (Linux only).

    It reads VmHWM, because getrusage's ru_maxrss may be inherited from the process that
    started this one.
    """

    def __init__(self):
        self.start = _status_mb("VmRSS")

    def growth_mb(self):
        """Returns the growth from construction to the highest level, in MiB."""
        return round(_status_mb("VmHWM") - self.start, 1)


def _status_mb(key):
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(x.split()[1]) / 1024 for x in lines if x.startswith(key + ":"))


def _process_start():
    """Returns the start of this process as Unix time in seconds (Linux only)."""
    with open("/proc/self/stat", encoding="ascii") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="ascii") as lines:
        boot = next(int(line.split()[1]) for line in lines if line.startswith("btime"))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
