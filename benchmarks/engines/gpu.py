"""What the engines of benchmarks/gpu.py share: flags, examples, clock and output.

An engine runs in its own process, trains on examples that it draws itself (the same in
every engine), and prints one JSON object to stdout. It needs NumPy and its own packages.
"""

import argparse
import json
import time

import numpy as np

from benchmarks.engines import contract

SIZES = {  # {name: (layers, hidden size, heads)}.
    "tiny": (2, 128, 2),
    "minilm": (6, 384, 12),
    "base": (12, 768, 12),
}
VOCAB_SIZE = 30522
CLS, SEP, MASK, FIRST_WORD = 101, 102, 103, 999  # Ids in bert-base-uncased.
MASKED = 0.15
# Lengths of short examples are log-normal, as in pretrain.py.
SHORT_MEDIAN, SHORT_SIGMA = 40 / 128, 0.5


def parser(description):
    """Returns an argument parser with the flags that both engines have."""
    result = argparse.ArgumentParser(description=description)
    add = result.add_argument
    add("--size", default="base", choices=SIZES)
    add("--max_seq_length", type=int, default=128)
    add("--examples", default="full", choices=["full", "short"])
    add("--batch_tokens", type=int, default=32768, help="B·S of an update, if full.")
    add("--rounds", type=int, default=3, help="Timed rounds, after one to warm up.")
    add("--steps", type=int, default=20, help="Updates of a round.")
    add("--dropout", type=float, default=0.1, help="Of states.")
    add("--attention_dropout", type=float, default=0.1, help="Of probabilities.")
    return result


def draw_batches(options):
    """Returns the batches of a round, the same in every call.

    Returns:
        list of dicts: `lengths`, int [B], and `next_sentence_labels`; `input_ids` with
        [MASK], `segment_ids` and `masked_lm_ids` (-1 where a token is not masked), int32 [B, S],
        0 behind the end of an example.
    """
    return [
        _draw(np.random.default_rng(number), options) for number in range(options.steps)
    ]


def _draw(random, options):
    length = options.max_seq_length
    shape = (options.batch_tokens // length, length)
    lengths = np.full(shape[0], length)
    if options.examples == "short":
        drawn = SHORT_MEDIAN * length * random.lognormal(0.0, SHORT_SIGMA, shape[0])
        lengths = np.clip(drawn.round().astype(int), 8, length)
    places = np.arange(length)
    middle = (lengths // 2)[:, None]
    last = lengths[:, None] - 1
    real = places <= last
    ids = random.integers(FIRST_WORD, VOCAB_SIZE, shape)
    special = (places == 0) | (places == middle) | (places == last)
    ids[special] = SEP
    ids[:, 0] = CLS
    # The most probable of the words of each example are masked, a fixed share of them.
    chance = np.where(real & ~special, random.random(shape), 2.0)
    wanted = np.maximum(1, (MASKED * (lengths - 3)).round().astype(int))
    rank = chance.argsort(axis=1).argsort(axis=1)
    masked = rank < wanted[:, None]
    labels = np.where(masked, ids, -1)
    return {
        "lengths": lengths,
        "input_ids": (real * np.where(masked, MASK, ids)).astype(np.int32),
        "segment_ids": (real & (places > middle)).astype(np.int32),
        "masked_lm_ids": labels.astype(np.int32),
        "next_sentence_labels": random.integers(0, 2, shape[0]).astype(np.int32),
    }


def time_rounds(update, wait, batches, options):
    """Trains in rounds; returns tokens per second of each, and the first and last loss.

    The first round is not timed: each shape of the batches is compiled in it.

    Args:
        update: function(number of the batch) → loss, which need not be computed yet.
        wait: function(loss) → float.
    """
    losses = [wait(update(number)) for number in range(len(batches))]
    tokens, rates = sum(int(batch["lengths"].sum()) for batch in batches), []
    for _ in range(options.rounds):
        start = time.perf_counter()
        for number in range(len(batches)):
            loss = update(number)
        losses.append(wait(loss))
        rates.append(tokens / (time.perf_counter() - start))
    return {"rates": rates, "losses": [losses[0], losses[-1]]}


def report(batches, options, **result):
    """Prints the result, and the operations that a token needs, as JSON."""
    layers, hidden, _ = SIZES[options.size]
    examples = [
        (int(length), int(masked))
        for batch in batches
        for length, masked in zip(
            batch["lengths"], (batch["masked_lm_ids"] >= 0).sum(axis=1)
        )
    ]
    result["operations_per_token"] = contract.operations_per_token(
        examples, layers=layers, hidden=hidden, inner=4 * hidden, vocab=VOCAB_SIZE
    )
    print(json.dumps(result))
