"""Requests that are small but want much of the model leave the server's memory bounded."""

import dataclasses
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import keras
import pytest
import tiny_folder

from bert_tf import BertBackbone, BertPretrainer
from bert_tf.checkpoints import folder
from bert_tf.models.finetuning import ChoiceScorer, SpanPredictor, TokenClassifier

pytestmark = pytest.mark.slow
# MiniLM's sizes and the published vocabulary's.
CONFIG = dataclasses.replace(
    tiny_folder.CONFIG,
    vocab_size=30_522,
    hidden_size=384,
    num_hidden_layers=6,
    num_attention_heads=12,
    intermediate_size=1536,
    max_position_embeddings=512,
)
VOCAB = tiny_folder.VOCAB + [f"w{n}" for n in range(30_522 - len(tiny_folder.VOCAB))]
GIGABYTE = 2**30
HEADS = {
    "fill_mask": ("BertForPreTraining", BertPretrainer),
    "multiple_choice": ("BertForMultipleChoice", ChoiceScorer),
    "question_answering": ("BertForQuestionAnswering", SpanPredictor),
    "token_classification": (
        "BertForTokenClassification",
        lambda backbone: TokenClassifier(backbone, 3),
    ),
}
LONG, SHORT = "good film " * 8_000, "it was good"
ATTACKS = {
    "20 texts of 510 masks": ("fill_mask", ["[MASK]" * 510] * 20, 413, "max_masks"),
    "8 texts of 510 masks": ("fill_mask", ["[MASK]" * 510] * 8, 200, ""),
    "330 texts of 510 masks": ("fill_mask", ["[MASK]" * 510] * 330, 413, "max_tokens"),
    "200,000 choices": (
        "multiple_choice",
        [{"question": "a", "choices": ["b"] * 200_000}],
        413,
        "max_choices",
    ),
    "100 questions of 100 choices": (
        "multiple_choice",
        [{"question": "good " * 40, "choices": ["bad"] * 100}] * 100,
        413,
        "max_tokens",
    ),
    "a long text beside 999 short ones": (
        "token_classification",
        [LONG] + [SHORT] * 999,
        200,
        "",
    ),
    "a text of 50,000 tokens beside 999 short ones": (
        "token_classification",
        ["a ." * 33_000] + [SHORT] * 999,
        413,
        "max_record_tokens",
    ),
    "a context of 8,000 words beside 300 short ones": (
        "question_answering",
        [{"question": SHORT, "context": "good film " * 4_000}]
        + [{"question": SHORT, "context": SHORT}] * 300,
        200,
        "",
    ),
}


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Function(task) → (address, process) of a server in a process of its own."""
    processes = {}

    def start(task):
        if task not in processes:
            path = tmp_path_factory.mktemp(task)
            write(path / "model", task)
            processes[task] = run(path / "model")
        return processes[task]

    yield start
    for _, process in processes.values():
        process.kill()
        process.wait()


def write(path, task):
    """Writes a model folder with random weights."""
    keras.utils.set_random_seed(1)
    architecture, build = HEADS[task]
    labels = {str(n): label for n, label in enumerate(("O", "B-x", "I-x"))}
    config = CONFIG
    if task == "token_classification":
        config = dataclasses.replace(config, extra=config.extra | {"id2label": labels})
    settings = {} if task == "fill_mask" else {"task": task, "max_seq_length": 512}
    parts = folder.ModelFolder(config, VOCAB, {"do_lower_case": True}, settings)
    folder.write(path, build(BertBackbone(config)), parts, architecture)


def run(path):
    program = (
        "from bert_tf.serving import connections, trial\n"
        "from bert_tf.serving.limits import Limits\n"
        f"config = trial.ServeConfig(model={str(path)!r}, name='model')\n"
        "limits = Limits(request_timeout=600.0)\n"
        "app = trial.make_app(config, limits)\n"
        "server = connections.make_server(app, limits)\n"
        "import asyncio\n"
        "async def main():\n"
        "    task = asyncio.create_task(server.serve())\n"
        "    while not server.started: await asyncio.sleep(0.1)\n"
        "    print(server.servers[0].sockets[0].getsockname()[1], flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    )
    return f"http://127.0.0.1:{int(process.stdout.readline())}", process


def post(address, rows):
    request = urllib.request.Request(
        f"{address}/v1/models/model:predict",
        json.dumps({"instances": rows}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def memory(process, name):
    """Returns a figure of /proc/PID/status in bytes, VmRSS or VmHWM (the most)."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return 1024 * int(re.search(rf"{name}:\s+(\d+)", status.read())[1])


@pytest.mark.parametrize("name", ATTACKS)
def test_memory(serve, name):
    task, rows, expected, reason = ATTACKS[name]
    address, process = serve(task)
    small = rows[-1] if isinstance(rows[-1], dict) else "it was [MASK]"
    if isinstance(small, dict) and "choices" in small:
        small = small | {"choices": small["choices"][:3]}
    assert post(address, [small])[0] == 200
    before, begun = memory(process, "VmRSS"), time.monotonic()
    status, body = post(address, rows)
    seconds, most = time.monotonic() - begun, memory(process, "VmHWM")
    print(
        f"{name}: {status} after {seconds:.2f} s; {before / 1e6:.0f} MB before, "
        f"{most / 1e6:.0f} MB at most, {memory(process, 'VmRSS') / 1e6:.0f} MB after; "
        f"{body.get('error', '')[:120]}"
    )
    assert (status, reason in str(body.get("error", ""))) == (expected, True)
    assert most < 3 * GIGABYTE
    if expected != 200:
        assert most < before + GIGABYTE / 2
        assert seconds < 10
    assert post(address, [small])[0] == 200
