"""Runs of the scripts in processes of their own, to be killed at some checkpoint."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]


def start(script, flags, arguments=(), **environment):
    """Begins scripts/`script`.py."""
    return subprocess.Popen(
        [sys.executable, ROOT / "scripts" / f"{script}.py"]
        + [f"--{flag}={value}" for flag, value in flags.items()]
        + [*arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )


def start_workers(script, flags, count=2, **environment):
    """Begins as many workers that train together, on this machine."""
    sockets = [socket.socket() for _ in range(count)]
    for free in sockets:
        free.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{free.getsockname()[1]}" for free in sockets]
    for free in sockets:
        free.close()
    cluster = {"worker": addresses}
    tasks = [{"type": "worker", "index": number} for number in range(count)]
    return [
        start(
            script,
            flags,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": task}),
            **environment,
        )
        for task in tasks
    ]


def saved_step(output_dir):
    paths = list((output_dir / "checkpoints").glob("ckpt-*.json"))
    return max((int(path.stem.split("-")[1]) for path in paths), default=0)


def wait_for_checkpoint(processes, output_dir, after=0):
    """Returns once there is a later checkpoint; all `processes` must live until then."""
    while saved_step(output_dir) <= after:
        for process in processes:
            assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def without_speed(path):
    """Lines of metrics.jsonl, but for what depends on the machine."""
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [
        {
            name: line[name]
            for name in line
            if not name.endswith("_per_second") and name != "matmul_share"
        }
        for line in lines
    ]
