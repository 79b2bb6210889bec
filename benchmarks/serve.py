"""Measures the trial server with and without gathering, and its behaviour over time.

    python benchmarks/serve.py --model=FOLDER --input_files=dev.tsv

First, 1, 8 and 32 clients send requests of one text to a server that gathers requests and
to one that does not; each client sends the next request when it has the response. Then
20,000 requests follow, of which one in a hundred is malformed. The script reports wrong
responses and the server's memory. The clients run on the same machine.
"""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import threading
import time

import launch
from absl import app, flags

from bert_tf.data.records.readers import read_table

MALFORMED = [
    b'{"instances": [',
    b'{"instances": [7]}',
    b'{"instances": ["\xff"]}',
    b"{}",
]
PATH = "/v1/models/model:predict"
_MOST_CLIENTS = 32  # Of the long run.

flags.DEFINE_list("input_files", None, "File of texts to send.", required=True)
flags.DEFINE_list("clients", ["1", "8", "32"], "Numbers of concurrent clients.")
flags.DEFINE_float("seconds", 30, "Seconds per measured rate.")
flags.DEFINE_integer("requests", 20_000, "Requests of the long run; 0: no long run.")
FLAGS = flags.FLAGS


class Server:
    """Runs scripts/serve.py in a process of its own."""

    def __init__(self, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            *(FLAGS.bert_tf_python, "scripts/serve.py", "--name=model"),
            *(f"--model={launch.model_folder()}", f"--port={self.port}", *options),
        ]
        self.process = subprocess.Popen(command, cwd=launch.ROOT)
        while True:
            try:
                self.request(self.connect(), b'{"instances": ["hello"]}')
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(
                        f"scripts/serve.py ended with code {self.process.returncode}."
                    ) from None
                time.sleep(0.5)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def request(self, connection, body):
        """Sends a request on an open connection; returns its status and JSON."""
        headers = {"Content-Type": "application/json"}
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def memory_mb(self):
        """Returns the resident memory of the server, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def make_body(text):
    return json.dumps({"instances": [text]}).encode()


def measure_rate(server, texts, clients):
    """Returns requests per second, and p50 and p99 of a request in milliseconds."""
    stop, seconds = time.perf_counter() + FLAGS.seconds, []
    numbers = itertools.count()

    def client(_):
        connection, own_seconds = server.connect(), []
        while (start := time.perf_counter()) < stop:
            text = texts[next(numbers) % len(texts)]
            status, content = server.request(connection, make_body(text))
            assert status == 200, (status, content)
            own_seconds.append(time.perf_counter() - start)
        seconds.extend(own_seconds)

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
    seconds.sort()
    p99 = seconds[int(0.99 * len(seconds))]
    return len(seconds) / FLAGS.seconds, 1e3 * statistics.median(seconds), 1e3 * p99


def run_long(server, texts):
    """Sends --requests; returns the wrong responses and the memory at each tenth."""
    connection = server.connect()
    expected = [server.request(connection, make_body(text))[1] for text in texts]
    numbers, lock, wrong, memory = iter(range(FLAGS.requests)), threading.Lock(), [], []

    def client(_):
        connection = server.connect()
        for number in take_numbers():
            if number % 100 == 7:
                malformed = MALFORMED[number // 100 % len(MALFORMED)]
                status, content = server.request(connection, malformed)
                is_right = status == 400 and "error" in content
            else:
                index = number % len(texts)
                status, content = server.request(connection, make_body(texts[index]))
                is_right = status == 200 and is_same(content, expected[index])
            if not is_right:
                wrong.append((number, status, content))
            if number % (FLAGS.requests // 10) == 0:
                memory.append(server.memory_mb())

    def take_numbers():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    with concurrent.futures.ThreadPoolExecutor(_MOST_CLIENTS) as pool:
        list(pool.map(client, range(_MOST_CLIENTS)))
    return wrong, memory


def is_same(content, expected):
    """Returns True for equal labels and scores that differ only by rounding.

    Scores may differ, because the server gathers requests into other batches.
    """
    (a,), (b,) = content["predictions"], expected["predictions"]
    close = all(abs(x - y) < 1e-4 for x, y in zip(a["scores"], b["scores"]))
    return a["label"] == b["label"] and close


def main(_):
    texts = [
        record["text"]
        for record in read_table(FLAGS.input_files[0], with_labels=False).records
    ]
    print(launch.row(["server", "clients", "requests/s", "p50, ms", "p99, ms"]))
    print(launch.row(["---"] * 5))
    for name, options in (("alone", ["--nogather"]), ("gathered", [])):
        server = Server(*options)
        with contextlib.closing(server):
            for clients in FLAGS.clients:
                rate, p50, p99 = measure_rate(server, texts, int(clients))
                cells = [name, clients, f"{rate:.1f}", f"{p50:.1f}", f"{p99:.1f}"]
                print(launch.row(cells), flush=True)
            if name == "gathered" and FLAGS.requests:
                wrong, memory = run_long(server, texts)
                print(
                    f"{FLAGS.requests:,} requests: {len(wrong)} wrong {wrong[:3]}; memory "
                    f"at each tenth, MiB: {' '.join(f'{size:.0f}' for size in memory)}"
                )


if __name__ == "__main__":
    app.run(main)
