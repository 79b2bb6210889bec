"""Serves a model folder with the trial server."""

import contextlib
import dataclasses
import os
import pathlib
import socket

from bert_tf.checkpoints import exported
from bert_tf.ground import at_least, lazy, one_of, require, setting
from bert_tf.predictor import Model
from bert_tf.serving.limits import Limits
from bert_tf.tasks.options import TakesOptions
from bert_tf.training import engine

tf = lazy("tensorflow")
adapters = lazy("bert_tf.serving.adapters")
served_file = lazy("bert_tf.serving.served_file")
signatures = lazy("bert_tf.serving.signatures")
work = lazy("bert_tf.serving.work")

LIGHT = "light"
ENGINES = ("tensorflow", LIGHT)
KEY = "BERT_TF_API_KEY"  # Not a flag: other users of the machine see those.


@dataclasses.dataclass(frozen=True, init=False)
class ServeConfig(TakesOptions):
    """Which model to serve, and at which address."""

    model: str = setting(
        "", "Model folder to serve, or its export as TFLite or ONNX.", section="model"
    )
    task: str = setting(
        "", "Task to serve, such as features. Empty: the task of the training."
    )
    name: str = setting(
        "",
        "Name of the model in the REST paths. Empty: the folder's name.",
        section="server",
    )
    host: str = setting(
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 accepts requests from other machines, if "
        "allowed_hosts has the name by which they call this one.",
    )
    allowed_hosts: str = setting(
        "",
        "Names or addresses in the Host header to accept beside localhost and host, "
        "separated by commas; * accepts all.",
    )
    port: int = setting(8501, "TCP port of the REST API, 1 to 65535.")
    engine: str = setting(
        "",
        "Engine that computes: tensorflow, or light for an export as TFLite or ONNX, "
        "which needs no TensorFlow. Empty: the one that suits the folder.",
        section="computation",
    )
    threads: int = setting(
        0, "Threads of a computation with engine=light. 0: as many as processors."
    )
    bf16: bool = setting(False, "Compute in bfloat16 instead of float32.")
    gather: bool = setting(
        True, "Compute requests that wait at the same time as one batch."
    )

    def __post_init__(self):
        require(self, "model")
        one_of("engine", self.engine, ("", *ENGINES))
        at_least(self, "threads", 0)
        if not 0 < self.port < 65536:
            raise ValueError(f"port must be from 1 to 65535; received {self.port}.")


def make_app(config, limits=None):
    """Loads the model and returns the ASGI application that serves it.

    Args:
        config: `ServeConfig`.
        limits: `Limits`; the defaults if None.
    """
    try:
        from bert_tf.serving import server
    except ImportError as error:
        raise ValueError(
            "The trial server needs starlette, uvicorn and prometheus_client: run pip "
            "install 'bert_tf[serve]'."
        ) from error
    limits = limits or Limits()
    served = _load(config, limits)
    adapter = adapters.ADAPTERS[served.task.name]
    hosts = [config.host, *config.allowed_hosts.split(",")]
    return server.make_app(
        config.name or pathlib.Path(config.model).name,
        served,
        limits,
        choices=served.choices,
        labels=served.task.labels or (),
        examples=[
            {name: row[name] for name in served.fields} for row in adapter.examples
        ],
        allowed_hosts=[host.strip() for host in hosts if host.strip()],
        gather=config.gather,
        key=_read_key(),
    )


def _computes_file(config):
    """Returns whether bert_tf.light computes the model, not TensorFlow."""
    is_export = exported.is_export(config.model)
    if config.engine == ENGINES[0] and is_export:
        raise ValueError(
            f"{config.model} is an export as TFLite or ONNX, which engine=light "
            "computes; pass it, or serve the model folder."
        )
    is_light = is_export or config.engine == LIGHT
    if config.threads and not is_light:
        raise ValueError(
            f"threads is for engine=light; received {config.threads}. Drop it; "
            "TensorFlow chooses its threads itself."
        )
    return is_light


def _load(config, limits):
    """Returns the served model, a `Served` or a `ServedFile`."""
    if not _computes_file(config):
        model = Model(
            config.model, task=config.task, bf16=config.bf16, **config.options
        )
        return Served(model, limits)
    for name, value in ({"bf16": config.bf16} | config.options).items():
        if value:
            raise ValueError(
                f"{config.model} is an export, for which {name} was chosen when it was "
                f"written; received {value!r}. Drop it, or export the model again."
            )
    served = served_file.ServedFile(
        config.model, limits, threads=config.threads or None
    )
    if config.task not in ("", served.task.name):
        raise ValueError(
            f"{config.model} is an export of {served.task.name}; received "
            f"task={config.task!r}. Drop it, or export the model for this task."
        )
    return served


def _read_key():
    """Returns the API key that the environment holds, "" if there is none."""
    key = os.environ.get(KEY)
    if key is not None and not key.strip():
        raise ValueError(
            f"the environment variable {KEY} is empty, which would let everybody in; "
            "give it a value, or unset it to serve without a key."
        )
    return (key or "").strip()


class Served:
    """The signature `serving_default` of a model, for `server.make_app`.

    Attributes:
        task: `Task`.
        choices: what a request may choose, `Vectors` or `Rankings`; None for nothing.
        fields, outputs: names of inputs and outputs.
    """

    def __init__(self, model, limits):
        self.task, self.limits, self.choices = model.task, limits, None
        if choices := adapters.ADAPTERS[self.task.name].choices:
            # Before the signature is traced, since they change the model.
            self.choices = choices.of_model(self.task, model.keras_model)
        pairs = "text_pair" in (model.columns or {})
        made = signatures.make_signatures(model.task, model.keras_model, pairs=pairs)
        self.function = made["serving_default"]
        self.fields = [spec.name for spec in self.function.input_signature]
        self.outputs = list(self.function.get_concrete_function().structured_outputs)

    def measure(self, inputs):
        """Returns the `Work` of inputs, {name: list}; may raise `Refused`."""
        return work.measure(self.task, self.limits, inputs)

    def call(self, inputs):
        """Returns {name: array with a row a record} for inputs, {name: list}."""
        tensors = {name: tf.constant(x, tf.string) for name, x in inputs.items()}
        return {name: x.numpy() for name, x in self.function(**tensors).items()}


def serve(config, limits=None):
    """Serves a model until the process is interrupted.

    Args:
        config: `ServeConfig`.
        limits: `Limits`; the defaults if None.

    Raises:
        ValueError, FileNotFoundError: the model folder is wrong; packages are missing.
        OSError: the address is in use, or not of this machine.
    """
    if not _computes_file(config):
        engine.select("tensorflow")  # The server answers as TensorFlow Serving does.
    limits = limits or Limits()
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # Before the model is loaded, which takes longer.
    try:
        listening = socket.create_server((config.host, config.port), family=family)
        # Connections inherit it; asyncio sets it for those of its own sockets alone. Else
        # the end of each response waits for the client, which waits for 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        reason = error.strerror.split(" (")[0]  # Python repeats the address there.
        raise OSError(
            f"cannot listen on {config.host}, port {config.port}: {reason}. "
            "Pass another --port or --host."
        ) from error
    with listening:
        app = make_app(config, limits)
        from bert_tf.serving.connections import make_server

        with contextlib.suppress(KeyboardInterrupt):
            make_server(app, limits).run(sockets=[listening])
