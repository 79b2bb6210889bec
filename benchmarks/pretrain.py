"""Compares the speed of pretraining in bert_tf, Hugging Face and keras_hub.

    python benchmarks/pretrain.py --huggingface_python=PATH

The engines learn masked tokens and the next sentence from random weights, in batches of
32: once on examples of 128 tokens with 19 masked tokens, once on short examples (median
40 tokens, 15 % masked), where padding takes time. All read the same random ids, masked
positions and labels from a file that this script writes. Each engine runs in its own
process, one at a time. Engines take turns; the table shows medians over the rounds. Run
it on an idle machine.

Rates count real tokens, with [CLS] and [SEP], and no padding. huggingface is
BertForPreTraining, which computes logits for every token; huggingface_masked computes
logits only for masked tokens, as the other engines do. keras_hub has no next-sentence
task.

The fraction of the matmul peak counts the least work that both tasks need, see
`engines.contract.operations_per_token`. The peak is the rate of tf.matmul on the same
machine in the same precision.

Before the rounds, a few updates without dropout from the same weights show whether
bert_tf and huggingface compute the same losses.
"""

import json
import pathlib
import random
import statistics
import tempfile

import launch
from absl import app, flags
from engines import contract

from bert_tf.config import SIZES, BertConfig

HEADER = [
    "examples",
    "engine",
    "precision",
    "real tokens/s",
    "ratio to Hugging Face",
    "ratio to keras_hub",
    "memory growth, MiB",
    "fraction of matmul peak",
]
ENGINES = {  # {name: (module benchmarks.engines.pretrain_…, its flags)}.
    "bert_tf": ("bert_tf", []),
    "huggingface": ("huggingface", []),
    "huggingface_masked": ("huggingface", ["--masked_only"]),
    "keras_hub": ("keras_hub", []),
}
MAX_TOKENS = 128
# Lengths of short examples are log-normal: median in tokens and sigma.
SHORT_MEDIAN, SHORT_SIGMA = 40, 0.5
BATCH_SIZE = 32
CLS, SEP, MASK, FIRST_WORD = 101, 102, 103, 999  # Ids in bert-base-uncased.

flags.DEFINE_list("engines", list(ENGINES), "Engines to run.")
flags.DEFINE_list("precisions", ["fp32", "bf16"], "Precisions: fp32, bf16 or both.")
flags.DEFINE_list("examples", ["full", "short"], "Examples: full, short or both.")
flags.DEFINE_enum(
    "size", "mini", list(SIZES), "Size of the model; mini: 4 layers, H 256."
)
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("steps", 30, "Timed updates per run.", lower_bound=5)
flags.DEFINE_integer("warmup_steps", 5, "Updates before the timed ones.", lower_bound=1)
flags.DEFINE_integer(
    "parity_steps", 3, "Number of losses to compare; 0: none.", lower_bound=0
)
FLAGS = flags.FLAGS


def draw_length(kind, random_state):
    """Returns the number of tokens of an example."""
    if kind == "full":
        return MAX_TOKENS
    length = round(SHORT_MEDIAN * random_state.lognormvariate(0.0, SHORT_SIGMA))
    return min(max(length, 8), MAX_TOKENS)


def draw_example(length, vocab_size, random_state):
    """Returns `[CLS] A [SEP] B [SEP]` of random tokens, 15 % of them masked.

    As in BERT, 80 % of these become [MASK], 10 % become another token, 10 % stay.
    """
    first = random_state.randint(1, length - 4)
    words = [random_state.randrange(FIRST_WORD, vocab_size) for _ in range(length - 3)]
    ids = [CLS, *words[:first], SEP, *words[first:], SEP]
    candidates = [n for n, token_id in enumerate(ids) if token_id >= FIRST_WORD]
    count = max(1, round(0.15 * len(candidates)))
    positions = sorted(random_state.sample(candidates, count))
    masked_ids = [ids[position] for position in positions]
    for position in positions:
        draw = random_state.random()
        if draw < 0.8:
            ids[position] = MASK
        elif draw < 0.9:
            ids[position] = random_state.randrange(FIRST_WORD, vocab_size)
    return {
        "input_ids": ids,
        "segment_ids": [0] * (first + 2) + [1] * (length - first - 2),
        "positions": positions,
        "masked_ids": masked_ids,
        "next_sentence_labels": random_state.randrange(2),
    }


def draw_batches(kind, steps, vocab_size):
    """Returns `steps` batches of examples, the same in every call."""
    random_state = random.Random(0)
    batches = []
    for _ in range(steps):
        examples = [
            draw_example(draw_length(kind, random_state), vocab_size, random_state)
            for _ in range(BATCH_SIZE)
        ]
        batches.append({name: [x[name] for x in examples] for name in examples[0]})
    return batches


def operations(config, batches):
    """Returns the mean number of operations to train on a token."""
    examples = [
        (len(ids), len(positions))
        for batch in batches
        for ids, positions in zip(batch["input_ids"], batch["positions"])
    ]
    return contract.operations_per_token(
        examples,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        inner=config.intermediate_size,
        vocab=config.vocab_size,
    )


def run(engine, *arguments):
    """Runs an engine and returns its report."""
    module, extra = ENGINES[engine]
    python = FLAGS[f"{module}_python"].value
    module = f"benchmarks.engines.pretrain_{module}"
    return launch.run_module(
        python,
        module,
        f"--max_seq_length={MAX_TOKENS}",
        "--learning_rate=1e-4",
        *arguments,
        *extra,
    )


def compute_losses(model, examples):
    """Returns the losses of bert_tf and of huggingface, without dropout.

    Both start from the same random weights.
    """
    initial = pathlib.Path(model, "initial")
    arguments = [f"--examples={examples}", "--dropout=0"]
    theirs = run(
        "huggingface",
        f"--model={model}",
        "--from_scratch",
        f"--initial_folder={initial}",
        *arguments,
    )  # Writes its initial weights, from which bert_tf starts.
    ours = run("bert_tf", f"--model={initial}", *arguments)
    return ours["losses"], theirs["losses"]


def measure(precision, model, examples):
    """Runs all rounds in one precision; returns {engine: [report of each round]}."""
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
    """Yields a Markdown table row for each engine."""

    def median(engine, key):
        return statistics.median(report[key] for report in reports[engine])

    rates = {engine: median(engine, "tokens_per_second") for engine in reports}
    for engine, rate in rates.items():
        ratios = [
            f"{rate / rates[other]:.2f}" if other in rates else "-"
            for other in ("huggingface", "keras_hub")
        ]
        memory = f"{median(engine, 'memory_growth_mb'):.0f}"
        fraction = f"{rate * work / (peak * 1e9):.0%}"
        yield launch.row(
            [kind, engine, precision, f"{rate:.0f}", *ratios, memory, fraction]
        )


def main(_):
    config = BertConfig.from_size(FLAGS.size)
    # {precision: GFLOP/s}.
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
                path = pathlib.Path(folder, f"{kind}_parity.jsonl")
                launch.write_table(path, batches[: FLAGS.parity_steps])
                ours, theirs = compute_losses(model, path)
                worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
                notes.append(
                    f"{kind}, dropout 0, {len(ours)} losses: the first is "
                    f"{ours[0]:.5f} in bert_tf and {theirs[0]:.5f} in huggingface; the largest "
                    f"difference is {worst:.1e}."
                )
            examples = pathlib.Path(folder, f"{kind}.jsonl")
            launch.write_table(examples, batches)
            work = operations(config, batches)
            for precision in FLAGS.precisions:
                reports = measure(precision, model, examples)
                lines += table(kind, precision, reports, peaks[precision], work)
                versions = {name: runs[0]["versions"] for name, runs in reports.items()}

    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")
    rates = ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in peaks.items())
    print(
        f"\nPeak of tf.matmul with {FLAGS.threads} threads: {rates}.", *notes, sep="\n"
    )
    for engine, packages in versions.items():
        print(f"{engine}:", ", ".join(f"{k} {v}" for k, v in packages.items()))


if __name__ == "__main__":
    app.run(main)
