"""What gathering requests brings to the trial server, and whether it endures.

    python benchmarks/serve.py --model=FOLDER --input_files=dev.tsv

32 clients ask one text at a time, each the next as soon as it has its answer, on a server
that gathers and on one that does not. Then 20,000 requests, one of a hundred malformed:
wrong answers, failures, and what the server's memory does. The clients share the machine.
"""

import concurrent.futures
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

flags.DEFINE_list("input_files", None, "File of texts.", required=True)
flags.DEFINE_integer("clients", 32, "At once.", lower_bound=1)
flags.DEFINE_float("seconds", 30, "Of each rate.")
flags.DEFINE_integer("requests", 20_000, "Of the long run; 0 for none.")
FLAGS = flags.FLAGS


class Server:
    """scripts/serve.py in a process of its own."""

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
                self.ask(self.connect(), b'{"instances": ["hello"]}')
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("the server ended") from None
                time.sleep(0.5)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, connection, body):
        """Returns status and JSON of one request on an open connection."""
        connection.request("POST", PATH, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def body(text):
    return json.dumps({"instances": [text]}).encode()


def rate(server, texts):
    """Returns requests a second, and the median and 99th percentile of one, in ms."""
    stop, taken = time.perf_counter() + FLAGS.seconds, []
    numbers = itertools.count()

    def client(_):
        connection, own = server.connect(), []
        while (start := time.perf_counter()) < stop:
            status, _ = server.ask(connection, body(texts[next(numbers) % len(texts)]))
            assert status == 200
            own.append(time.perf_counter() - start)
        taken.extend(own)

    with concurrent.futures.ThreadPoolExecutor(FLAGS.clients) as pool:
        list(pool.map(client, range(FLAGS.clients)))
    taken.sort()
    p99 = taken[int(0.99 * len(taken))]
    return len(taken) / FLAGS.seconds, 1e3 * statistics.median(taken), 1e3 * p99


def endure(server, texts):
    """Asks --requests times; returns what went wrong, and memory at each tenth."""
    connection = server.connect()
    expected = [server.ask(connection, body(text))[1] for text in texts]
    numbers, lock, wrong, memory = iter(range(FLAGS.requests)), threading.Lock(), [], []

    def client(_):
        connection = server.connect()
        for number in numbers_of():
            if number % 100 == 7:
                malformed = MALFORMED[number // 100 % len(MALFORMED)]
                status, found = server.ask(connection, malformed)
                good = status == 400 and "error" in found
            else:
                place = number % len(texts)
                status, found = server.ask(connection, body(texts[place]))
                good = status == 200 and same(found, expected[place])
            if not good:
                wrong.append((number, status, found))
            if number % (FLAGS.requests // 10) == 0:
                memory.append(server.memory_mb())

    def numbers_of():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    with concurrent.futures.ThreadPoolExecutor(FLAGS.clients) as pool:
        list(pool.map(client, range(FLAGS.clients)))
    return wrong, memory


def same(found, expected):
    """The same label, and scores that rounding alone moves: batches are others."""
    (a,), (b,) = found["predictions"], expected["predictions"]
    close = all(abs(x - y) < 1e-4 for x, y in zip(a["scores"], b["scores"]))
    return a["label"] == b["label"] and close


def main(_):
    texts = [
        r["text"] for r in read_table(FLAGS.input_files[0], with_labels=False).records
    ]
    print(launch.row(["server", "requests/s", "p50, ms", "p99, ms"]))
    print(launch.row(["---"] * 4))
    for name, options in (("alone", ["--nogather"]), ("gathered", [])):
        server = Server(*options)
        rate_, p50, p99 = rate(server, texts)
        print(
            launch.row([name, f"{rate_:.1f}", f"{p50:.0f}", f"{p99:.0f}"]), flush=True
        )
        if name == "gathered" and FLAGS.requests:
            wrong, memory = endure(server, texts)
            print(
                f"{FLAGS.requests:,} requests: {len(wrong)} wrong {wrong[:3]}; memory at "
                f"each tenth, MiB: {' '.join(f'{size:.0f}' for size in memory)}"
            )
        server.stop()


if __name__ == "__main__":
    app.run(main)
