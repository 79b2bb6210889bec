"""What every engine takes, measures and prints; the standard library only.

An engine runs in its own process and its own environment, takes the flags of `parser`,
logs to stderr and prints one JSON object to stdout:

    engine, versions, memory_growth_mb, and by its work
    examples_per_second, losses (a list, one a step), lengths (real tokens of each
    example, [CLS] and [SEP] counted), eval_accuracies (one an epoch), correct (1 or 0
    for each example that the final model was scored on).

Its work is either a file of batches, JSON lines of {"texts": [B], "labels": [B]} taken
once in order (speed, parity), or a table with the columns sentence and label, shuffled
by the seed every epoch (accuracy). All train alike: AdamW, betas 0.9 and 0.999, epsilon
1e-8, decay 0.01 but on biases and LayerNorm, clipping at 1.0, linear warm-up and decay.
"""

import argparse
import json
import statistics
import time


def parser(description):
    """Returns a parser of the flags that all engines understand."""
    result = argparse.ArgumentParser(description=description)
    add = result.add_argument
    add("--model", required=True, help="Hugging Face folder to start from.")
    add("--batches", help="JSON lines of texts and labels, trained on in order.")
    add("--train_file", help="Table to train on, shuffled by the seed every epoch.")
    add("--eval_file", help="Table to score after every epoch.")
    add("--num_train_epochs", type=int, default=3)
    add("--batch_size", type=int, default=32)
    add("--learning_rate", type=float, default=5e-5)
    add("--warmup_ratio", type=float, default=0.1, help="Of all steps.")
    add("--max_seq_length", type=int, default=128, help="Longer texts are cut.")
    add("--bf16", action="store_true", help="Compute in bfloat16.")
    add("--dropout", type=float, help="Replaces the dropout rates of the model.")
    add("--seed", type=int, default=1, help="Of a new head, dropout and order.")
    add("--threads", type=int, default=2)
    add("--warmup_steps", type=int, default=5, help="Steps not timed, at least 1.")
    return result


def read_batches(path):
    """Returns the batches of a JSON-lines file: [(texts, label ids), ...]."""
    with open(path, encoding="utf-8") as lines:
        batches = [json.loads(line) for line in lines]
    return [(batch["texts"], batch["labels"]) for batch in batches]


def read_table(path):
    """Returns texts and integer labels of a tab-separated file with a header."""
    with open(path, encoding="utf-8") as lines:
        header = next(lines).rstrip("\n").split("\t")
        rows = [line.rstrip("\n").split("\t") for line in lines]
    text, label = header.index("sentence"), header.index("label")
    return [row[text] for row in rows], [int(row[label]) for row in rows]


class Clock:
    """Examples a second: the median over windows of steps, warm-up left out.

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

    def step_done(self, examples):
        """Counts one finished update of so many examples."""
        self.steps += 1
        if self.steps <= self.warmup_steps:
            self.start, self.examples = time.perf_counter(), 0
            return
        self.examples += examples
        if (self.steps - self.warmup_steps) % self.window == 0:
            now = time.perf_counter()
            self.rates.append(self.examples / (now - self.start))
            self.start, self.examples = now, 0

    def examples_per_second(self):
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
