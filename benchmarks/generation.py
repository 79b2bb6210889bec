"""Compares the speed of generation in bert_tf and Hugging Face.

    python benchmarks/generation.py --huggingface_python=PATH
    python benchmarks/generation.py --huggingface_python=PATH --model=FOLDER \
        --input_files=sources.txt

Both engines load FOLDER, a model folder of --task=translation, and generate a text for
each line of the file from the same token ids. Without --model, a random model and random
sources are written first. Each engine runs in its own process, one at a time. Engines take
turns; the table shows medians. Run it on an idle machine.
"""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import launch
from absl import app, flags

HEADER = [
    *("beams", "batch", "engine", "texts/s", "ratio to Hugging Face"),
    *("tokens a text", "equal texts", "memory growth, MiB"),
]
ENGINES = {"bert_tf": "bert_tf_python", "huggingface": "huggingface_python"}

flags.DEFINE_list(
    "input_files", None, "File of sources, one a line, if --model is given."
)
flags.DEFINE_list("batch_sizes", ["1", "32"], "Sources per call.")
flags.DEFINE_list("beams", ["1", "4"], "Numbers of beams; 1 is greedy search.")
flags.DEFINE_integer("most", 128, "Largest number of sources.", lower_bound=1)
flags.DEFINE_integer("rounds", 3, "Runs of each engine.", lower_bound=1)
flags.DEFINE_integer("max_target_length", 64, "Most tokens of a text.", lower_bound=1)
flags.DEFINE_float("length_penalty", 1.0, "Exponent of the length penalty.")
flags.DEFINE_integer(
    "inter_op_threads", 1, "TensorFlow's threads for whole operations."
)
FLAGS = flags.FLAGS


def prepare(folder):
    """Returns the model folder and the file of sources, lists of token ids."""
    sources = folder / "sources.jsonl"
    if not FLAGS.model:
        model = folder / "model"
        command = [FLAGS.bert_tf_python, "-m", "benchmarks.engines.random_seq2seq"]
        command += [f"--model={model}", f"--sources={sources}", f"--count={FLAGS.most}"]
        environment = os.environ | {"PYTHONPATH": str(launch.ROOT)}
        subprocess.run(command, cwd=launch.ROOT, env=environment, check=True)
        return model, sources
    if not FLAGS.input_files:
        raise app.UsageError("--input_files is missing: pass a file of sources.")
    from bert_tf.checkpoints import folder as folders
    from bert_tf.tokenization import make_tokenizer

    model = pathlib.Path(FLAGS.model).resolve()
    described = folders.read(model)
    tokenizer = make_tokenizer(described)
    lines = pathlib.Path(FLAGS.input_files[0]).read_text(encoding="utf-8").splitlines()
    longest = described.config.max_position_embeddings - 2
    ids = tokenizer.tokenize(lines[: FLAGS.most]).to_list()
    with sources.open("w", encoding="utf-8") as file:
        for text in ids:
            framed = [tokenizer.cls_id, *text[:longest], tokenizer.sep_id]
            file.write(json.dumps(framed) + "\n")
    return model, sources


def measure(model, sources):
    """Returns {engine: [report of each round]}."""
    arguments = [
        *(f"--model={model}", f"--sources={sources}"),
        f"--infer={','.join(FLAGS.batch_sizes)}",
        f"--beams={','.join(FLAGS.beams)}",
        f"--max_target_length={FLAGS.max_target_length}",
        f"--length_penalty={FLAGS.length_penalty}",
    ]
    reports = {engine: [] for engine in ENGINES}
    for _ in range(FLAGS.rounds):
        for engine, python in ENGINES.items():
            own = engine == "bert_tf"
            threads = [f"--inter_op_threads={FLAGS.inter_op_threads}"] if own else []
            module = f"benchmarks.engines.generate_{engine}"
            report = launch.run_module(
                FLAGS[python].value, module, *arguments, *threads
            )
            reports[engine].append(report)
    return reports


def rows(reports):
    """Yields a Markdown table row for each number of beams, batch size and engine."""
    for number, first in enumerate(reports["huggingface"][0]["calls"]):
        calls = {
            engine: [run["calls"][number] for run in runs]
            for engine, runs in reports.items()
        }
        rates = {
            engine: statistics.median(call["texts_per_second"] for call in of_engine)
            for engine, of_engine in calls.items()
        }
        for engine, of_engine in calls.items():
            texts = of_engine[0]["texts"]
            equal = sum(ours == theirs for ours, theirs in zip(texts, first["texts"]))
            growth = (run["memory_growth_mb"] for run in reports[engine])
            yield launch.row(
                [
                    *(str(first["beams"]), str(first["batch"]), engine),
                    f"{rates[engine]:.2f}",
                    f"{rates[engine] / rates['huggingface']:.2f}",
                    f"{statistics.mean(map(len, texts)):.1f}",
                    f"{equal} of {min(len(texts), len(first['texts']))}",
                    f"{statistics.median(growth):.0f}",
                ]
            )


def main(_):
    with tempfile.TemporaryDirectory() as folder:
        lines = list(rows(measure(*prepare(pathlib.Path(folder)))))
    print(launch.row(HEADER), launch.row(["---"] * len(HEADER)), *lines, sep="\n")


if __name__ == "__main__":
    app.run(main)
