"""How fast BERT is pretrained: bert_tf beside Hugging Face and keras_hub, one table.

    python benchmarks/pretrain.py --huggingface_python=PATH

Masked words and the next sentence, from random weights, in batches of 32: once on
examples of 128 tokens with 19 hidden, once on short ones (median 40 tokens, 15 % hidden),
where padding costs. Every engine reads the same ids, hidden places and labels from a
file, made here of random pieces, and trains in its own process, one at a time; the
engines take turns over the rounds and medians over the rounds are printed. Run it on an
idle machine.

Real tokens are counted, [CLS] and [SEP] with them, padding not. huggingface is
BertForPreTraining, which computes logits for every token; huggingface_masked asks its
head for the hidden ones alone, as the others do. keras_hub learns no next sentence.

The share of the matmul peak credits the least that both tasks need: an example of n
tokens of which m are hidden asks q = m + 1 tokens of the last layer, and takes forward

    (layers - 1) · (n · (8·H² + 4·H·I) + 4·n²·H)
    + n · 4·H² + q · (4·H² + 4·H·I + 4·n·H)
    + m · (2·H² + 2·H·V) + 2·H²  operations

(whole layers; the last one's keys and values, and the rest of it; the words' head over
V pieces; the pooler), and three times that with the backward pass. The peak is what
tf.matmul reaches on the same machine at the same precision.

Before the rounds a few updates without dropout, from the same weights, show whether
bert_tf and huggingface compute the same losses.
"""

import json
import pathlib
import random
import statistics
import tempfile

import launch
from absl import app, flags

from bert_tf.config import SIZES, BertConfig

HEADER = [
    "examples",
    "engine",
    "precision",
    "real tokens/s",
    "ratio to Hugging Face",
    "ratio to keras_hub",
    "memory growth, MiB",
    "share of matmul peak",
]
ENGINES = {  # Name: module of benchmarks.engines, without "pretrain_", and its flags.
    "bert_tf": ("bert_tf", []),
    "huggingface": ("huggingface", []),
    "huggingface_masked": ("huggingface", ["--masked_only"]),
    "keras_hub": ("keras_hub", []),
}
LONGEST = 128
SHORT_MEDIAN, SHORT_SPREAD = 40, 0.5  # Of a log-normal distribution, tokens.
BATCH_SIZE = 32
CLS, SEP, MASK, FIRST_WORD = 101, 102, 103, 999  # As in bert-base-uncased.

flags.DEFINE_list("engines", list(ENGINES), "Who takes part.")
flags.DEFINE_list("precisions", ["fp32", "bf16"], "fp32, bf16 or both.")
flags.DEFINE_list("examples", ["full", "short"], "full, short or both.")
flags.DEFINE_enum("size", "mini", list(SIZES), "Of the model; mini: 4 layers, H 256.")
flags.DEFINE_integer("rounds", 3, "Turns of each engine.", lower_bound=1)
flags.DEFINE_integer("steps", 30, "Timed updates a turn.", lower_bound=5)
flags.DEFINE_integer("warmup_steps", 5, "Updates before them.", lower_bound=1)
flags.DEFINE_integer("parity_steps", 3, "Losses compared; 0: none.", lower_bound=0)
FLAGS = flags.FLAGS


def draw_length(kind, chance):
    """Returns how many tokens an example has."""
    if kind == "full":
        return LONGEST
    length = round(SHORT_MEDIAN * chance.lognormvariate(0.0, SHORT_SPREAD))
    return min(max(length, 8), LONGEST)


def draw_example(length, vocab_size, chance):
    """Returns `[CLS] A [SEP] B [SEP]` of random pieces, 15 % of them hidden.

    As in BERT 80 % of these become [MASK], 10 % another piece, 10 % stay.
    """
    first = chance.randint(1, length - 4)
    words = [chance.randrange(FIRST_WORD, vocab_size) for _ in range(length - 3)]
    ids = [CLS, *words[:first], SEP, *words[first:], SEP]
    ordinary = [place for place, piece in enumerate(ids) if piece >= FIRST_WORD]
    hidden = sorted(chance.sample(ordinary, max(1, round(0.15 * len(ordinary)))))
    masked_ids = [ids[place] for place in hidden]
    for place in hidden:
        fate = chance.random()
        if fate < 0.8:
            ids[place] = MASK
        elif fate < 0.9:
            ids[place] = chance.randrange(FIRST_WORD, vocab_size)
    return {
        "input_ids": ids,
        "segment_ids": [0] * (first + 2) + [1] * (length - first - 2),
        "positions": hidden,
        "masked_ids": masked_ids,
        "next_sentence_labels": chance.randrange(2),
    }


def draw_batches(kind, steps, vocab_size):
    """Returns so many batches of examples, always the same."""
    chance = random.Random(0)
    batches = []
    for _ in range(steps):
        drawn = [
            draw_example(draw_length(kind, chance), vocab_size, chance)
            for _ in range(BATCH_SIZE)
        ]
        batches.append({name: [one[name] for one in drawn] for name in drawn[0]})
    return batches


def operations(config, batches):
    """Returns the mean floating point operations of training on a token."""
    hidden, inner = config.hidden_size, config.intermediate_size
    dense = 8 * hidden**2 + 4 * hidden * inner
    word = 2 * hidden**2 + 2 * hidden * config.vocab_size
    forward = tokens = 0
    for batch in batches:
        for ids, positions in zip(batch["input_ids"], batch["positions"]):
            count, asked = len(ids), len(positions) + 1
            whole = count * dense + 4 * count**2 * hidden
            last = count * 4 * hidden**2
            last += asked * (dense - 4 * hidden**2 + 4 * count * hidden)
            forward += (config.num_hidden_layers - 1) * whole + last
            forward += len(positions) * word + 2 * hidden**2
            tokens += count
    return 3 * forward / tokens


def run(engine, *arguments):
    """Runs an engine to its end and returns its report."""
    module, more = ENGINES[engine]
    python = FLAGS[f"{module}_python"].value
    module = f"benchmarks.engines.pretrain_{module}"
    return launch.run_module(
        python,
        module,
        f"--max_seq_length={LONGEST}",
        "--learning_rate=1e-4",
        *arguments,
        *more,
    )


def parity(model, examples):
    """Returns the losses of bert_tf and of huggingface, dropout 0, from one start."""
    initial = pathlib.Path(model, "initial")
    arguments = [f"--examples={examples}", "--dropout=0"]
    theirs = run(
        "huggingface",
        f"--model={model}",
        "--from_scratch",
        f"--initial_folder={initial}",
        *arguments,
    )  # Draws the weights, and leaves them for the other to start from.
    ours = run("bert_tf", f"--model={initial}", *arguments)
    return ours["losses"], theirs["losses"]


def measure(precision, model, examples):
    """Runs all rounds at one precision; returns {engine: [report of each round]}."""
    arguments = [
        f"--model={model}",
        "--from_scratch",
        f"--examples={examples}",
        f"--warmup_steps={FLAGS.warmup_steps}",
        *(["--bf16"] if precision == "bf16" else []),
    ]
    reports = {engine: [] for engine in FLAGS.engines}
    for _ in range(FLAGS.rounds):
        for engine in FLAGS.engines:
            reports[engine].append(run(engine, *arguments))
    return reports


def table(kind, precision, reports, peak, work):
    """Returns lines of Markdown, one for each engine."""

    def median(engine, key):
        return statistics.median(report[key] for report in reports[engine])

    rates = {engine: median(engine, "tokens_per_second") for engine in reports}
    for engine, rate in rates.items():
        ratios = [
            f"{rate / rates[other]:.2f}" if other in rates else "-"
            for other in ("huggingface", "keras_hub")
        ]
        memory = f"{median(engine, 'memory_growth_mb'):.0f}"
        share = f"{rate * work / (peak * 1e9):.0%}"
        yield launch.row(
            [kind, engine, precision, f"{rate:.0f}", *ratios, memory, share]
        )


def main(_):
    config = BertConfig.from_size(FLAGS.size)
    # GFLOP/s by precision.
    peaks = launch.run_module(FLAGS.bert_tf_python, "benchmarks.engines.matmul_peak")
    lines, notes, versions = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder, "model")
        model.mkdir()
        text = json.dumps(config.to_dict() | {"model_type": "bert"})
        (model / "config.json").write_text(text, encoding="utf-8")
        for kind in FLAGS.examples:
            count = FLAGS.warmup_steps + FLAGS.steps
            batches = draw_batches(kind, count, config.vocab_size)
            if FLAGS.parity_steps and {"bert_tf", "huggingface"} <= set(FLAGS.engines):
                few = pathlib.Path(folder, f"{kind}_few.jsonl")
                launch.write_table(few, batches[: FLAGS.parity_steps])
                ours, theirs = parity(model, few)
                worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
                notes.append(
                    f"{kind}, dropout 0, the first {len(ours)} losses: bert_tf and "
                    f"huggingface start at {ours[0]:.5f} and {theirs[0]:.5f}; the "
                    f"largest difference is {worst:.1e}."
                )
            examples = pathlib.Path(folder, f"{kind}.jsonl")
            launch.write_table(examples, batches)
            work = operations(config, batches)
            for precision in FLAGS.precisions:
                reports = measure(precision, model, examples)
                lines += table(kind, precision, reports, peaks[precision], work)
                versions = {name: turns[0] for name, turns in reports.items()}

    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")
    rates = ", ".join(f"{kind} {rate:.0f} GFLOP/s" for kind, rate in peaks.items())
    print(f"\ntf.matmul peak on {FLAGS.threads} threads: {rates}.", *notes, sep="\n")
    for engine, report in versions.items():
        found = ", ".join(f"{k} {v}" for k, v in report["versions"].items())
        print(f"{engine}: {found}")


if __name__ == "__main__":
    app.run(main)
