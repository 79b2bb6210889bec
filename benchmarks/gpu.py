"""Compares the speed of pretraining in bfloat16 on one GPU: bert_tf on JAX, Hugging Face.

    python benchmarks/gpu.py [--wheels=FOLDER] [--results=gpu.jsonl]

It needs no network and no weights, and no TensorFlow: a Python with jax, torch and
transformers, and this checkout. What that Python lacks of bert_tf's packages (keras,
optree, namex) may lie in --wheels as wheels: pip download --no-deps -d FOLDER keras optree
namex. Two Pythons may be given, too: --bert_tf_python and --huggingface_python.

Each engine runs in its own process, one at a time, and draws the same random examples: a
full one has as many tokens as the model reads at most, short ones have a median of a third
of them. 15 % of the tokens are masked. An update has 32,768 tokens if all examples are
full. The table shows medians over the rounds of an engine, after compilation and warm-up.

bert_tf packs short examples into rows, and computes logits for masked tokens;
bert_tf_cudnn computes attention by cuDNN's kernel, which cannot drop probabilities.
huggingface is BertForPreTraining with sdpa, which pads and computes logits for all tokens;
huggingface_masked computes those of masked tokens; huggingface_compiled is compiled by
torch.compile. Rates count real tokens, without padding. The fraction of the peak counts
the least work that both tasks need (see pretrain.py), over the products that the maker of
the GPU promises in bfloat16, without sparsity.

--size=tiny tries all of it on a processor in a few minutes; its rates mean nothing.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENGINES = {  # {name: (module benchmarks.engines.gpu_…, its flags)}.
    "bert_tf": ("bert_tf", []),
    "bert_tf_cudnn": ("bert_tf", ["--attention=cudnn", "--attention_dropout=0"]),
    "huggingface": ("huggingface", []),
    "huggingface_masked": ("huggingface", ["--masked_only"]),
    "huggingface_compiled": ("huggingface", ["--compile"]),
}
PEAKS = {  # TFLOP/s; the first name that a device contains.
    "B200": 2250,
    "H200": 989,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "L4": 121,
    "A10G": 70,
    "RTX 4090": 165,
}
HEADER = [
    *("size", "S", "examples", "engine", "real tokens/s"),
    *("ratio to Hugging Face", "fraction of peak", "memory, GB"),
]


def parse_arguments():
    description = "Compares pretraining in bfloat16 on a GPU."
    parser = argparse.ArgumentParser(description=description)

    def several(name, default):
        parser.add_argument(f"--{name}", default=default, help="Separated by commas.")

    several("size", "base,minilm")
    several("lengths", "128,512")
    several("examples", "full,short")
    several("engines", ",".join(ENGINES))
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--steps", type=int, default=20)
    add("--batch_tokens", type=int, default=32768)
    add("--wheels", help="Folder of wheels that bert_tf_python lacks.")
    add("--results", help="File for the engines' reports, as JSON lines.")
    add("--timeout", type=int, default=240, help="Seconds of an engine.")
    add("--bert_tf_python", default=sys.executable)
    add("--huggingface_python", default=sys.executable)
    options = parser.parse_args()
    if options.size == "tiny":
        options.rounds, options.steps, options.batch_tokens = 2, 2, 1024
    unknown = set(options.engines.split(",")) - ENGINES.keys()
    if unknown:
        parser.error(f"there is no engine {unknown.pop()!r}; choose of {[*ENGINES]}.")
    return options


def run(engine, case, options, path):
    """Runs an engine; returns its report, or {"failed": the last line of its log}."""
    module, flags = ENGINES[engine]
    python = getattr(options, f"{module}_python")
    command = [python, "-m", f"benchmarks.engines.gpu_{module}", *flags]
    command += [f"--{name}={value}" for name, value in case.items()]
    for name in ("rounds", "steps", "batch_tokens"):
        command.append(f"--{name}={getattr(options, name)}")
    print(*command, file=sys.stderr)
    path = [*path, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PYTHONPATH": os.pathsep.join(path), "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=options.timeout,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {options.timeout} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"failed": lines[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def unpack(wheels, folder):
    """Unpacks wheels into a folder, where Python finds their packages."""
    paths = sorted(pathlib.Path(wheels).glob("*.whl"))
    if not paths:
        sys.exit(f"error: {wheels} holds no wheels; see --help.")
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(folder)


def table(case, reports):
    """Yields a Markdown table row for each engine of a case."""
    whole = statistics.median(reports.get("huggingface", {}).get("rates", [0]))
    for engine, report in reports.items():
        cells = [case["size"], case["max_seq_length"], case["examples"], engine]
        if "failed" in report:
            yield row([*cells, f"failed: {report['failed']}", "-", "-", "-"])
            continue
        rate = statistics.median(report["rates"])
        peak = next((p for name, p in PEAKS.items() if name in report["device"]), None)
        used = rate * report["operations_per_token"]
        memory = report["peak_bytes"]
        yield row(
            [
                *cells,
                f"{rate:,.0f}",
                f"{rate / whole:.2f}" if whole else "-",
                f"{used / (peak * 1e12):.0%}" if peak else "-",
                f"{memory / 1e9:.1f}" if memory else "-",
            ]
        )


def row(cells):
    return f"| {' | '.join(map(str, cells))} |"


def main():
    options = parse_arguments()
    cases = [
        {"size": size, "max_seq_length": length, "examples": kind}
        for size in options.size.split(",")
        for length in options.lengths.split(",")
        for kind in options.examples.split(",")
    ]
    versions, devices = {}, set()
    print(row(HEADER), row(["---"] * len(HEADER)), sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if options.wheels:
            unpack(options.wheels, folder)
        path = [str(ROOT), folder]
        for case in cases:
            reports = {}
            for engine in options.engines.split(","):
                report = reports[engine] = run(engine, case, options, path)
                versions |= report.get("versions", {})
                devices |= {report["device"]} if "device" in report else set()
                if options.results:
                    with open(options.results, "a", encoding="utf-8") as lines:
                        lines.write(json.dumps({"engine": engine, **case, **report}))
                        lines.write("\n")
            # Each case at once, so that a run that is cut off has shown something.
            print(*table(case, reports), sep="\n", flush=True)
    print("\n" + ", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"Devices: {', '.join(sorted(devices)) or 'none'}.")
    if devices <= {"cpu"}:
        print("No GPU was seen: these rates say nothing about one.")


if __name__ == "__main__":
    main()
