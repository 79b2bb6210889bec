"""The processes that train one model together, as the environment's TF_CONFIG lists them."""

import os
from typing import NamedTuple

from bert_tf.json_files import parse_json
from bert_tf.training.run_folder import last_step

EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


class Cluster(NamedTuple):
    """The contents of TF_CONFIG."""

    addresses: list  # Of all workers; [] if TF_CONFIG is not set.
    number: int  # Of this worker, from 0.
    chiefs: int  # Workers with the job "chief", 0 or 1; they come first.


def read_cluster():
    """Returns the `Cluster` of TF_CONFIG.

    Raises:
        ValueError: TF_CONFIG is malformed.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return Cluster([], 0, 0)
    try:
        config = parse_json(text, "TF_CONFIG")
        jobs, task = config["cluster"], config["task"]
        chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
        index, is_worker = int(task["index"]), task["type"] == "worker"
        valid = is_worker or task["type"] == "chief"
        valid = valid and 0 <= index < len(workers if is_worker else chiefs)
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise ValueError(
            "TF_CONFIG must be JSON that lists all workers and the number of this one; "
            f"received {text!r}. Write, on the first of two: TF_CONFIG='{EXAMPLE}'."
        )
    number = index + len(chiefs) if is_worker else index
    return Cluster([*chiefs, *workers], number, len(chiefs))


def check_steps(steps, output_dir):
    """Raises a ValueError unless all workers start at the same step.

    Args:
        steps: the step of each worker, floats.
        output_dir: where they have found the checkpoints of these steps.
    """
    if len(set(steps)) > 1:
        listed = ", ".join(f"{step:.0f}" for step in steps)
        raise ValueError(
            f"the workers start at steps {listed}, by the checkpoints that they see in "
            f"{output_dir}; output_dir must be one folder that all of them share."
        )


def lost(worker, output_dir):
    """Returns the error for a run that has lost a worker, which is named."""
    step = last_step(output_dir)
    saved = "the beginning" if step is None else f"step {step}"
    return ConnectionError(
        f"{worker} is gone; start all workers again with the same command: they go on "
        f"from {saved}."
    )
