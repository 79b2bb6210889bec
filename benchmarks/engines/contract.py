"""What every engine takes, measures and prints; the standard library only.

An engine runs in its own process and its own environment, takes the flags of `parser`,
logs to stderr and prints one JSON object to stdout: engine, versions, memory_growth_mb,
and by its work

    --batches, a file of batches, JSON lines of {"texts": [B], "labels": [B]}: trains on
        them once, in order. Gives examples_per_second, losses (a list, one a step),
        lengths (real tokens of each example, [CLS] and [SEP] counted).
    --examples, a file of batches of masked examples, see `read_examples`: pretrains on
        them once, in order. Gives tokens_per_second (real tokens), losses (the sum of
        both tasks' means, a list, one a step).
    --train_file and --eval_file, tables: trains on the one, shuffled by the seed every
        epoch, and answers the other with the last weights. Gives outputs (a list for
        each example of --eval_file) and train_seconds.
    --input_file, a table whose labels are not read: answers it with a fine-tuned model,
        time and again. Gives labels (names, in order), seconds (of each time) and
        start_seconds (from the first import to the end of the first time).

    --input_file and --infer, batch sizes with commas between: answers the file's texts
        in its order, batch by batch, strings in, names of labels out. Gives labels, and
        by batch size texts_per_second, p50_ms and p99_ms of a call.

A table is JSON lines of {"text", "text_pair", "label"}; without text_pair they are
single texts; numbers as labels, ids of classes or, with --regression, values. All train
alike: AdamW, betas 0.9 and 0.999, epsilon 1e-8, decay 0.01 but on biases and LayerNorm,
clipping at 1.0, linear warm-up and decay (pretraining: a constant rate).
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import time

LONGEST = 20  # Seconds.


def parser(description):
    """Returns a parser of the flags that all engines understand."""
    result = argparse.ArgumentParser(description=description)
    add = result.add_argument
    add("--model", required=True, help="Hugging Face folder to start from.")
    add("--batches", help="JSON lines of texts and labels, trained on in order.")
    add("--examples", help="JSON lines of masked examples, pretrained on in order.")
    add("--train_file", help="Table to train on, shuffled by the seed every epoch.")
    add("--eval_file", help="Table to answer after the last one.")
    add("--input_file", help="Table to answer with a fine-tuned model.")
    add("--from_scratch", action="store_true", help="Random weights.")
    add("--regression", action="store_true", help="Labels are values, not classes.")
    add("--num_train_epochs", type=float, default=3)
    add("--batch_size", type=int, default=32)
    add("--learning_rate", type=float, default=5e-5)
    add("--warmup_ratio", type=float, default=0.1, help="Of all steps.")
    add("--max_seq_length", type=int, default=128, help="Longer texts are cut.")
    add("--bf16", action="store_true", help="Compute in bfloat16.")
    add("--dropout", type=float, help="Replaces the dropout rates of the model.")
    add("--seed", type=int, default=1, help="Of a new head, dropout and order.")
    add("--threads", type=int, default=2)
    add("--warmup_steps", type=int, default=5, help="Steps not timed, at least 1.")
    add("--infer", default="", help="Batch sizes, such as 1,32.")
    add("--most", type=int, default=1000, help="Texts of --input_file that are timed.")
    add("--repeats", type=int, default=3, help="Times --input_file is answered.")
    return result


def read_batches(path):
    """Returns the batches of a JSON-lines file: [(texts, label ids), ...]."""
    with open(path, encoding="utf-8") as lines:
        batches = [json.loads(line) for line in lines]
    return [(batch["texts"], batch["labels"]) for batch in batches]


def read_examples(path):
    """Returns the batches of a JSON-lines file of masked examples.

    B examples, L tokens of one (no padding), M masked ones of it.

    Returns:
        list of dicts: `input_ids` and `segment_ids` [B][L]; `positions`, places in the
        example, and `masked_ids`, what was there, [B][M]; `next_sentence_labels` [B].
    """
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def count_tokens(batch):
    """Returns the tokens of a batch of `read_examples`; none is padding."""
    return sum(map(len, batch["input_ids"]))


def read_table(path):
    """Returns texts, second texts (None where there are none) and labels of a table."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    texts, labels = ([row.get(name) for row in rows] for name in ("text", "label"))
    pairs = [row["text_pair"] for row in rows] if "text_pair" in rows[0] else None
    return texts, pairs, labels


def report(engine, work, options, packages):
    """Runs work(options) -> dict and prints it, with what every engine has to tell."""
    memory = Memory()
    found = work(options) | {
        "engine": engine,
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "memory_growth_mb": memory.growth_mb(),
    }
    print(json.dumps(found))


def time_predictions(once, options):
    """Calls once() -> labels as often as asked; returns what is to be reported.

    The start is that of the process, so that imports count.
    """
    labels, seconds = once(), []
    start_seconds = time.time() - _process_start()
    for _ in range(options.repeats):
        start = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - start)
    return {"labels": labels, "seconds": seconds, "start_seconds": start_seconds}


def time_inference(call, options):
    """Times call(texts) -> labels over the texts of a file, in its order.

    Batches but the largest are timed for `LONGEST` seconds, or on all texts.

    Returns:
        dict with `labels` of all texts, by the largest batch, and `calls`, {batch size:
        {texts_per_second, p50_ms, p99_ms}}.
    """
    texts = read_table(options.input_file)[0][: options.most]
    sizes, calls = sorted(map(int, options.infer.split(","))), {}
    for size in sizes:
        batches = [texts[n : n + size] for n in range(0, len(texts), size)]
        for batch in batches[:3]:
            call(batch)
        seconds, labels = [], []
        for batch in batches:
            if size < sizes[-1] and sum(seconds) > LONGEST:
                break
            start = time.perf_counter()
            labels += call(batch)
            seconds.append(time.perf_counter() - start)
        ordered = sorted(seconds)
        calls[size] = {
            "texts_per_second": len(labels) / sum(seconds),
            "p50_ms": 1e3 * statistics.median(seconds),
            "p99_ms": 1e3 * ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)],
        }
    return {"labels": labels, "calls": calls}


class Clock:
    """Examples (or tokens) a second: the median over windows of steps, no warm-up.

    A median of windows, because one step held up by another process should not count,
    and because single steps differ by the length of their longest example.
    """

    def __init__(self, warmup_steps, window=5):
        if warmup_steps < 1:
            raise ValueError(
                f"warmup_steps must be 1 or more; received {warmup_steps}."
            )
        self.warmup_steps = warmup_steps
        self.window = window
        self.steps = 0
        self.rates = []

    def step_done(self, count):
        """Counts one finished update on so many examples or tokens."""
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
        """Returns the median rate, None where no window was completed."""
        return statistics.median(self.rates) if self.rates else None


class Memory:
    """Growth of resident memory above its level at construction, in MiB (Linux).

    VmHWM belongs to this program alone; getrusage's ru_maxrss may be inherited from
    the process that started it.
    """

    def __init__(self):
        self.start = _status_mb("VmRSS")

    def growth_mb(self):
        """Returns by how much the highest level so far exceeds the first."""
        return round(_status_mb("VmHWM") - self.start, 1)


def _status_mb(key):
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(x.split()[1]) / 1024 for x in lines if x.startswith(key + ":"))


def _process_start():
    """When this process began, in seconds of the epoch (Linux)."""
    with open("/proc/self/stat", encoding="ascii") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="ascii") as lines:
        boot = next(int(line.split()[1]) for line in lines if line.startswith("btime"))
    return boot + ticks / os.sysconf("SC_CLK_TCK")
